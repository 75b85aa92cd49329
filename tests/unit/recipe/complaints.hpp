// What parsing a recipe complains of, in a form that tests can list.
#pragma once

#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::recipe {

/// A recipe without mistakes in two lines; what a test adds begins in line 3.
inline const std::string good = "merge_method: linear\nmodels: [{model: a}, {model: b}]\n";

/// The report on a recipe, warnings included, whether it parses or not.
inline std::string report_on(const std::string& text, Dialect dialect = Dialect::merge) {
  try {
    return parse_recipe("r.yml", text, dialect).diagnostics.report();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::recipe) << error.what();
    return error.what();
  }
}

/// "3:1 error CFG006" for each diagnostic shown; "error CFG010" for one without a place.
inline std::vector<std::string> complaints(const std::string& text, Dialect dialect = Dialect::merge) {
  static const std::regex head(R"((?:^|\n)r\.yml(?::(\d+:\d+))?: (error|warning)\[(\w+)\])");
  const std::string report = report_on(text, dialect);
  std::vector<std::string> found;
  for (std::sregex_iterator match(report.begin(), report.end(), head), end; match != end; ++match) {
    const std::string place = (*match)[1].str();
    found.push_back((place.empty() ? "" : place + " ") + (*match)[2].str() + " " + (*match)[3].str());
  }
  return found;
}

/// The only document of a recipe that parses.
inline MergeDocument document(const std::string& text, Dialect dialect = Dialect::merge) {
  return parse_recipe("r.yml", text, dialect).documents.at(0);
}

/// A parameter `x` of a document, written as `value`.
inline Setting setting(const std::string& value) {
  const MergeDocument merge = document(good + "parameters:\n  x: " + value + "\n");
  const Parameters::Entry* const entry = merge.parameters.find("x");
  return entry == nullptr ? Setting{} : entry->setting;
}

/// The only value of a parameter written as `value`.
inline Scalar scalar(const std::string& value) { return setting(value).cases.at(0).values.at(0); }

}  // namespace stockpot::recipe
