#include "plan/absences.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace stockpot::plan {

using methods::AbsentRule;

bool Absences::settle(MatchedTensor& tensor) {
  const std::size_t lacking = who_.inputs.size() - tensor.present.size() + (who_.base && !tensor.base ? 1 : 0);
  const AbsentRule rule = who_.method->absent;
  if (rule == AbsentRule::exactly_one) return exactly_one(tensor);
  if (who_.inputs.empty()) return become_copy(tensor, *tensor.base), true;
  if (lacking == 0) return true;
  if (context_.options.raw == RawTensors::common) return false;
  if (context_.options.raw == RawTensors::all) {
    return refuse(tensor, "RAW001", "--tensor-intersection leaves such tensors out, --tensor-union merges them");
  }
  const bool normal = is_normal(tensor);
  if (!normal) ++found_.affected;
  if (context_.extensions.missing == recipe::Missing::error)
    return refuse(tensor, "TEN002", "and 'missing: error' asks for all");
  switch (rule) {
    case AbsentRule::merge_present:
      return merge_present(tensor);
    case AbsentRule::task_vectors:
      return task_vectors(tensor);
    case AbsentRule::single_copied:
      return single_copied(tensor);
    case AbsentRule::base_or_all:
      return base_or_all(tensor);
    case AbsentRule::exactly_one:
      break;
  }
  return true;
}

bool Absences::exactly_one(MatchedTensor& tensor) {
  if (tensor.sources.size() == 1) return true;
  return refuse(tensor, "TEN005",
                fmt::format("method {} takes each tensor from exactly one model, {} have it", who_.method->name,
                            tensor.sources.size()));
}

bool Absences::merge_present(MatchedTensor& tensor) {
  if (who_.base && !tensor.base) return extra(tensor, "TEN002");
  if (tensor.sources.empty()) return copy(tensor, *tensor.base);
  return warn(tensor, "merged over the models that have it");
}

bool Absences::task_vectors(MatchedTensor& tensor) {
  if (!tensor.base) return extra(tensor, "TEN002");
  if (tensor.sources.empty()) return copy(tensor, *tensor.base);
  return warn(tensor, "it takes no part there");
}

bool Absences::single_copied(MatchedTensor& tensor) {
  const auto all = holders_of(tensor);
  if (all.size() == 1) return copy(tensor, all.front());
  if (who_.base && !tensor.base && tensor.sources.size() == who_.inputs.size()) return extra(tensor, "TEN002");
  return refuse(tensor, "TEN002", "either all or exactly one must have it");
}

bool Absences::base_or_all(MatchedTensor& tensor) {
  const std::size_t needed = who_.method->min_models;
  const std::string_view code = needed > 1 ? "TEN005" : "TEN002";
  if (tensor.base && tensor.sources.empty()) return copy(tensor, *tensor.base);
  if (!tensor.base) return extra(tensor, code);
  if (tensor.sources.size() < needed) {
    return refuse(tensor, code, fmt::format("at least {} models beside the base must have it", needed));
  }
  return warn(tensor, "merged over the models that have it");
}

/// A tensor that the base lacks.
bool Absences::extra(MatchedTensor& tensor, std::string_view code) {
  switch (context_.extensions.extra_tensors) {
    case recipe::ExtraTensors::error:
      return refuse(tensor, code, "the base must have it");
    case recipe::ExtraTensors::drop:
      warn(tensor, "left out of the output");
      return false;
    case recipe::ExtraTensors::copy:
      return copy(tensor, tensor.sources.front());
  }
  return false;
}

bool Absences::copy(MatchedTensor& tensor, SourceTensor from) {
  warn(tensor, fmt::format("copied from '{}'", context_.catalogues[from.model].model));
  become_copy(tensor, from);
  return true;
}

std::string Absences::lacking_models(const MatchedTensor& tensor) const {
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < who_.inputs.size(); ++i) {
    if (std::ranges::find(tensor.present, i) == tensor.present.end()) {
      names.push_back(fmt::format("'{}'", context_.catalogues[who_.inputs[i].model].model));
    }
  }
  if (who_.base && !tensor.base) names.push_back(fmt::format("the base '{}'", context_.catalogues[*who_.base].model));
  return fmt::format("{}", fmt::join(names, ", "));
}

namespace {

/// "model.layers.#.self_attn.q_proj.bias"
std::string kind_of(std::string_view name) {
  std::string kind;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) kind += c;
    if (digit && !kind.ends_with('#')) kind += '#';
  }
  return kind;
}

}  // namespace

bool Absences::has_kind(std::uint32_t model, std::string_view kind) {
  const auto [at, is_new] = kinds_.try_emplace(model);
  if (is_new) {
    for (const ViewedTensor& tensor : context_.views.models[model].tensors) at->second.insert(kind_of(tensor.name));
  }
  return at->second.contains(kind);
}

bool Absences::is_normal(const MatchedTensor& tensor) {
  const bool optional = tensor.name.ends_with(".bias") || tensor.name.find(".q_norm.") != std::string_view::npos ||
                        tensor.name.find(".k_norm.") != std::string_view::npos;
  if (!optional) return false;
  const std::string kind = kind_of(tensor.name);
  for (std::uint32_t i = 0; i < who_.inputs.size(); ++i) {
    const bool lacks = std::ranges::find(tensor.present, i) == tensor.present.end();
    if (lacks && has_kind(who_.inputs[i].model, kind)) return false;
  }
  return !who_.base || tensor.base || !has_kind(*who_.base, kind);
}

/// The place in the recipe of the first model that lacks the tensor.
recipe::Position Absences::lacking_at(const MatchedTensor& tensor) const {
  for (std::uint32_t i = 0; i < who_.inputs.size(); ++i) {
    if (std::ranges::find(tensor.present, i) == tensor.present.end()) return context_.at(who_.inputs[i].model);
  }
  return who_.base && !tensor.base ? context_.at(*who_.base) : who_.method_at;
}

bool Absences::warn(const MatchedTensor& tensor, const std::string& what) {
  if (is_normal(tensor)) return true;
  note_example(fmt::format("{} in {}", tensor.name, lacking_models(tensor)));
  found_.differences.warn("TEN001", lacking_at(tensor),
                          fmt::format("tensor {} is missing in {}: {}", tensor.name, lacking_models(tensor), what));
  return true;
}

void Absences::note_example(std::string example) {
  if (found_.examples.size() < 3) found_.examples.push_back(std::move(example));
}

bool Absences::refuse(const MatchedTensor& tensor, std::string_view code, const std::string& why) {
  const std::string lacking = lacking_models(tensor);
  note_example(fmt::format("{} in {}", tensor.name, lacking));
  const std::string line = lacking.empty() ? fmt::format("tensor {}: {}", tensor.name, why)
                                           : fmt::format("tensor {} is missing in {}: {}", tensor.name, lacking, why);
  if (context_.extensions.missing == recipe::Missing::drop) {
    found_.differences.warn(code, lacking_at(tensor), line + "; left out of the output");
  } else {
    found_.differences.add(code, lacking_at(tensor), line);
  }
  return false;
}

}  // namespace stockpot::plan
