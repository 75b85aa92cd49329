// A recipe: read, checked without models, printed, and read again.
#include "fuzz.hpp"
#include "plan/dry_check.hpp"
#include "recipe/print.hpp"
#include "recipe/recipe.hpp"

namespace {

using namespace stockpot;

void read_as(recipe::Dialect dialect, std::string_view input) {
  recipe::Recipe found = recipe::parse_recipe("r.yml", std::string(input), dialect);
  for (const recipe::MergeDocument& document : found.documents) {
    plan::check_without_models(document, found.diagnostics);
  }
  const std::string printed = recipe::print_recipe(found);
  const std::string again = recipe::print_recipe(recipe::read_recipe("r.yml", printed, dialect));
  fuzz::require(printed == again, "what is printed reads as the same");
}

}  // namespace

void stockpot::fuzz::target(std::string_view input) {
  try {
    read_as(recipe::Dialect::raw, input);
  } catch (const Error&) {  // is no recipe of that kind
  }
  read_as(recipe::Dialect::merge, input);
}
