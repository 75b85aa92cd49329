#include "recipe/print_parameters.hpp"

#include <string>
#include <variant>
#include <vector>

namespace stockpot::recipe {
namespace {

void write_scalar(YamlWriter& out, const Scalar& scalar) {
  if (const auto* number = std::get_if<double>(&scalar)) {
    out.number(*number);
  } else {
    out.quoted(std::get<std::string>(scalar));
  }
}

void write_values(YamlWriter& out, const std::vector<Scalar>& values) {
  if (values.size() == 1) return write_scalar(out, values.front());
  out.begin_list(Style::flow);
  for (const Scalar& value : values) write_scalar(out, value);
  out.end_list();
}

void write_setting(YamlWriter& out, const Setting& setting) {
  if (setting.layer_scale) {
    out.begin_map(Style::flow).key("alpha");
    write_scalar(out, setting.layer_scale->alpha);
    out.key("beta");
    write_scalar(out, setting.layer_scale->beta);
    out.end_map();
    return;
  }
  if (setting.cases.size() == 1 && setting.cases.front().filter.empty()) {
    return write_values(out, setting.cases.front().values);
  }
  out.begin_list(Style::block);
  for (const Setting::Case& one : setting.cases) {
    out.begin_map(Style::flow);
    if (!one.filter.empty()) out.key("filter").text(one.filter);
    out.key("value");
    write_values(out, one.values);
    out.end_map();
  }
  out.end_list();
}

}  // namespace

void write_parameters(YamlWriter& out, const Parameters& parameters) {
  if (parameters.entries.empty()) return;
  out.key("parameters").begin_map();
  for (const Parameters::Entry& entry : parameters.entries) {
    out.key(entry.name);
    write_setting(out, entry.setting);
  }
  out.end_map();
}

}  // namespace stockpot::recipe
