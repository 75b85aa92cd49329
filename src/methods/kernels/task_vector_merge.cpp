#include "methods/kernels/task_vector_merge.hpp"

#include <algorithm>

#include "methods/kernels/weight_sums.hpp"

namespace stockpot::methods {
namespace {

double as_number(bool flag) { return flag ? 1.0 : 0.0; }

bool counts_zero_signs(const Settings& settings) {
  return settings.declares("zero_sign") && settings.choice("zero_sign") == "majority";
}

}  // namespace

std::vector<ParameterSpec> family_parameters(FamilyDefaults defaults) {
  return {
      {.name = "weight", .level = Level::model, .required = true, .help = "factor of this model's task vector"},
      {.name = "density",
       .level = Level::model,
       .fallback = 1.0,
       .same_in_group = true,
       .interval = {0.0, 1.0},
       .help = "part of the task vector that is kept"},
      lambda_parameter(),
      lines_parameter(),
      {.name = "normalize",
       .type = ValueType::boolean,
       .fallback = as_number(defaults.normalize),
       .help = "divide by the sum of the weights that took part"},
      {.name = "rescale",
       .type = ValueType::boolean,
       .fallback = as_number(defaults.rescale),
       .same_in_group = true,
       .help = "scale what is kept to make up for what was dropped"},
      {.name = "rescale_mode",
       .type = ValueType::choice,
       .fallback = 0.0,
       .same_in_group = true,
       .choices = {"l1", "l2", "linf", "inv_density", "none"},
       .help = "what rescale restores: a norm of the task vector, or its expectation (1 / density)"},
      {.name = "int8_mask", .type = ValueType::boolean, .fallback = 0.0, .help = "accepted, has no effect"},
  };
}

std::vector<ParameterSpec> electing_parameters(FamilyDefaults defaults) {
  auto parameters = family_parameters(defaults);
  parameters.push_back({.name = "sign_consensus",
                        .type = ValueType::choice,
                        .fallback = 0.0,
                        .choices = {"sum", "count"},
                        .help = "elect the sign of the sum of the entries, or of the sum of their signs"});
  parameters.push_back({.name = "zero_sign",
                        .type = ValueType::choice,
                        .fallback = 0.0,
                        .same_in_group = true,
                        .choices = {"positive", "majority"},
                        .help = "sign elected where entries cancel exactly: +, or what most elements elect"});
  return parameters;
}

std::vector<std::string> check_family(const Settings& settings) {
  if (!settings.flag("normalize")) return {};
  check_divisors(settings);
  const auto weights = settings.per_model("weight");
  const bool negative = std::ranges::any_of(weights, [](double weight) { return weight < 0.0; });
  if (!negative) return {};
  return {"a negative weight loses its sign where normalize divides by it; normalize: false keeps it"};
}

Needs family_needs(const Settings& settings, const GroupInfo&) {
  Needs needs = Rescale::needs(settings);
  if (counts_zero_signs(settings)) {
    ++needs.passes;
    needs.tally.counts = 1;
  }
  return needs;
}

Needs noting_family_needs(const Settings& settings, const GroupInfo& group) {
  Needs needs = family_needs(settings, group);
  needs.note_bits = Rescale::needs(settings).passes > 0 ? 1 : 0;
  return needs;
}

Needs family_needs(const Settings& settings, const GroupInfo& group, const SelectNeeds& trim) {
  Needs needs = family_needs(settings, group);
  needs.passes += trim.passes;
  needs.tally.counts = std::max(needs.tally.counts, trim.counters);
  needs.workspace_bytes = std::max(needs.workspace_bytes, trim.workspace_bytes);
  return needs;
}

ParameterSpec tie_break_parameter() {
  return {.name = "tie_break",
          .type = ValueType::choice,
          .fallback = 0.0,
          .same_in_group = true,
          .choices = {"index", "hash"},
          .help = "order of equal magnitudes: by flat index, or by a random word of (seed, model, tensor, index)"};
}

ZeroSign::ZeroSign(const Settings& settings, const GroupInfo& group)
    : ready_(!counts_zero_signs(settings) || group.elements == 0) {}

std::optional<TallyShape> ZeroSign::next_pass() const {
  if (ready_) return std::nullopt;
  return TallyShape{.counts = 1};
}

void ZeroSign::conclude(const Totals& totals) {
  // A total of zero elects -, as the authors' comparison does.
  elects_ = static_cast<std::int64_t>(totals.counts[0]) > 0 ? 1 : -1;
  ready_ = true;
}

}  // namespace stockpot::methods
