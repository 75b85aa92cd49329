#include "plan/expert_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

namespace stockpot::plan {
namespace {

enum class Role { gate, up, down };

struct ExpertName {
  std::string_view holder;  ///< up to and without ".experts."
  std::uint64_t expert = 0;
  Role role = Role::gate;
};

constexpr std::string_view marker = ".experts.";

/// "model.layers.0.mlp.experts.3.up_proj.weight"
std::optional<ExpertName> parse_expert(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Role>, 6> roles{{{"gate_proj.weight", Role::gate},
                                                                    {"w1.weight", Role::gate},
                                                                    {"up_proj.weight", Role::up},
                                                                    {"w3.weight", Role::up},
                                                                    {"down_proj.weight", Role::down},
                                                                    {"w2.weight", Role::down}}};
  const auto at = name.find(marker);
  if (at == std::string_view::npos) return std::nullopt;
  ExpertName found{name.substr(0, at)};
  const std::string_view rest = name.substr(at + marker.size());
  const auto dot = rest.find('.');
  const std::string_view digits = rest.substr(0, dot);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), found.expert);
  if (dot == std::string_view::npos || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  const auto role = std::ranges::find(roles, rest.substr(dot + 1), [](const auto& r) { return r.first; });
  if (role == roles.end()) return std::nullopt;
  found.role = role->second;
  return found;
}

/// The holder and whether it is gate_up_proj, or nothing.
std::optional<std::pair<std::string_view, bool>> parse_fused(std::string_view name) {
  for (const bool gate_up : {true, false}) {
    const std::string_view ending = gate_up ? ".experts.gate_up_proj" : ".experts.down_proj";
    if (name.ends_with(ending)) return std::pair(name.substr(0, name.size() - ending.size()), gate_up);
  }
  return std::nullopt;
}

bool is_whole(const ViewedTensor& tensor) { return tensor.pieces.size() == 1 && tensor.pieces.front().first == 0; }

class Aligner {
 public:
  Aligner(const ModelView& anchor, ModelView& view) : anchor_(anchor), view_(view) {
    for (const ViewedTensor& tensor : view.tensors) {
      if (!is_whole(tensor)) continue;
      if (const auto expert = parse_expert(tensor.name))
        single_[{expert->holder, expert->role, expert->expert}] = &tensor;
      if (const auto fused = parse_fused(tensor.name)) fused_[*fused] = &tensor;
    }
  }

  void run() {
    std::vector<ViewedTensor> made;
    for (const ViewedTensor& wanted : anchor_.tensors) {
      if (view_.find(wanted.name) != nullptr) continue;
      auto aligned = fuse(wanted);
      if (!aligned) aligned = take_out(wanted);
      if (aligned) made.push_back(std::move(*aligned));
    }
    if (made.empty()) return;
    std::erase_if(view_.tensors, [&](const ViewedTensor& t) { return used_.contains(t.pieces.front().tensor); });
    for (ViewedTensor& tensor : made) view_.tensors.push_back(std::move(tensor));
    std::ranges::sort(view_.tensors, {}, &ViewedTensor::name);
    view_.notes.push_back(
        fmt::format("ARC002: the experts of {} tensors are read in the anchor's layout", made.size()));
  }

 private:
  /// All experts of one layer, laid end to end as the anchor stores them.
  std::optional<ViewedTensor> fuse(const ViewedTensor& wanted) {
    const auto fused = parse_fused(wanted.name);
    if (!fused || wanted.shape.size() != 3) return std::nullopt;
    const auto& [holder, gate_up] = *fused;
    const Shape part = gate_up ? Shape{wanted.shape[1] / 2, wanted.shape[2]} : Shape{wanted.shape[1], wanted.shape[2]};
    const std::vector<Role> roles = gate_up ? std::vector{Role::gate, Role::up} : std::vector{Role::down};
    ViewedTensor made{wanted.name, {}, {}, wanted.shape, {}};
    for (std::uint64_t e = 0; e < wanted.shape[0]; ++e) {
      for (const Role role : roles) {
        const auto at = single_.find({holder, role, e});
        if (at == single_.end() || at->second->shape != part) return std::nullopt;
        const ViewedTensor& expert = *at->second;
        if (made.pieces.empty()) made.own_name = expert.own_name, made.dtype = expert.dtype;
        if (expert.dtype != made.dtype) return std::nullopt;
        made.pieces.push_back(expert.pieces.front());
      }
    }
    for (const Piece& piece : made.pieces) used_.insert(piece.tensor);
    return made.pieces.empty() ? std::nullopt : std::optional(std::move(made));
  }

  /// One expert out of a stacked tensor; or an expert under the other spelling of its name.
  std::optional<ViewedTensor> take_out(const ViewedTensor& wanted) {
    const auto expert = parse_expert(wanted.name);
    if (!expert || wanted.shape.size() != 2) return std::nullopt;
    if (const auto own = single_.find({expert->holder, expert->role, expert->expert}); own != single_.end()) {
      ViewedTensor renamed = *own->second;
      renamed.name = wanted.name;
      used_.insert(renamed.pieces.front().tensor);
      return renamed;
    }
    const bool gate_up = expert->role != Role::down;
    const auto at = fused_.find({expert->holder, gate_up});
    if (at == fused_.end()) return std::nullopt;
    const ViewedTensor& fused = *at->second;
    const Shape stacked{fused.shape.empty() ? 0 : fused.shape[0], wanted.shape[0] * (gate_up ? 2 : 1), wanted.shape[1]};
    if (fused.shape != stacked || expert->expert >= stacked[0]) return std::nullopt;
    const std::uint64_t elements = wanted.shape[0] * wanted.shape[1];
    const std::uint64_t first =
        expert->expert * stacked[1] * stacked[2] + (expert->role == Role::up ? elements : std::uint64_t{0});
    used_.insert(fused.pieces.front().tensor);
    return ViewedTensor{
        wanted.name, fused.own_name, fused.dtype, wanted.shape, {{fused.pieces.front().tensor, first, elements}}};
  }

  using ExpertKey = std::tuple<std::string_view, Role, std::uint64_t>;
  const ModelView& anchor_;
  ModelView& view_;
  std::map<ExpertKey, const ViewedTensor*> single_;
  std::map<std::pair<std::string_view, bool>, const ViewedTensor*> fused_;
  std::set<std::uint32_t> used_;  // stored tensors that are seen in the anchor's layout alone
};

}  // namespace

void align_experts(const ModelView& anchor, ModelView& view) { Aligner(anchor, view).run(); }

}  // namespace stockpot::plan
