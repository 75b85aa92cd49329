#include "plan/expert_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace stockpot::plan {
namespace {

enum class Role { gate, up, down };

struct ExpertName {
  std::string_view holder;  ///< up to and without ".experts."
  std::uint64_t expert = 0;
  Role role = Role::gate;
};

constexpr std::string_view marker = ".experts.", biases = ".experts.gate_up_proj_bias";

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

/// How the two stacked tensors of a layer lie. With both of them, sizes leave no doubt.
enum class Orientation { rows, transposed, neither };  // [E, 2I, H] and [E, H, I]; [E, H, 2I] and [E, I, H]

Orientation orientation(const Shape& gate_up, const Shape& down) {
  if (gate_up.size() != 3 || down.size() != 3 || gate_up[0] != down[0]) return Orientation::neither;
  const auto is_twice = [](std::uint64_t a, std::uint64_t b) { return a % 2 == 0 && a / 2 == b; };
  if (is_twice(gate_up[1], down[2]) && gate_up[2] == down[1]) return Orientation::rows;
  if (is_twice(gate_up[2], down[1]) && gate_up[1] == down[2]) return Orientation::transposed;
  return Orientation::neither;
}

/// With each matrix transposed.
Shape turned(Shape stack) {
  std::swap(stack[1], stack[2]);
  return stack;
}

/// The experts of one layer, in either layout.
struct Experts {
  const ViewedTensor* gate_up = nullptr;
  const ViewedTensor* down = nullptr;
  bool interleaved = false;                                            // gate and up by turns, as biases give away
  std::map<std::uint64_t, std::array<const ViewedTensor*, 3>> single;  // by expert, then by role
  std::size_t singles = 0;                                             // with those whose place was taken

  bool are_stacked() const { return gate_up != nullptr && down != nullptr && singles == 0; }
  bool are_single() const { return gate_up == nullptr && down == nullptr && singles > 0; }
  Orientation lie() const { return orientation(gate_up->shape, down->shape); }
  bool are_turned() const { return are_stacked() && lie() == Orientation::transposed; }
  /// Of gate_up as [E, 2I, H].
  Shape upright() const { return are_turned() ? turned(gate_up->shape) : gate_up->shape; }

  const ViewedTensor* one(std::uint64_t expert, Role role) const {
    const auto at = single.find(expert);
    return at == single.end() ? nullptr : at->second[static_cast<std::size_t>(role)];
  }

  /// They are all the experts of such stacks, each of the right shape, and nothing else.
  bool fill(const Shape& stack_of_gate_up) const {
    const std::uint64_t count = stack_of_gate_up[0], inner = stack_of_gate_up[1] / 2, hidden = stack_of_gate_up[2];
    if (single.size() != count || singles != 3 * single.size() || single.rbegin()->first != count - 1) return false;
    return std::ranges::all_of(single, [&](const auto& expert) {
      const auto& [gate, up, down_one] = expert.second;
      const auto has = [](const ViewedTensor* one, const Shape& shape) {
        return one != nullptr && one->shape == shape;
      };
      return has(gate, {inner, hidden}) && has(up, {inner, hidden}) && has(down_one, {hidden, inner});
    });
  }
};

using Holders = std::map<std::string_view, Experts>;

Holders holders_of(const ModelView& view) {
  Holders holders;
  for (const ViewedTensor& tensor : view.tensors) {
    if (const auto expert = parse_expert(tensor.name)) {
      Experts& experts = holders[expert->holder];
      auto& place = experts.single[expert->expert][static_cast<std::size_t>(expert->role)];
      if (place == nullptr) place = &tensor;
      ++experts.singles;
    } else if (const auto stacked = parse_fused(tensor.name)) {
      Experts& experts = holders[stacked->first];
      (stacked->second ? experts.gate_up : experts.down) = &tensor;
    } else if (tensor.name.ends_with(biases)) {
      holders[std::string_view(tensor.name).substr(0, tensor.name.size() - biases.size())].interleaved = true;
    }
  }
  return holders;
}

/// Lays single experts end to end as the anchor has them. @return nothing if their types differ.
std::optional<ViewedTensor> laid_end_to_end(const Experts& own, const ViewedTensor& wanted, bool is_turned,
                                            std::initializer_list<Role> roles) {
  const ViewedTensor& first = *own.one(0, *roles.begin());
  ViewedTensor made{wanted.name, first.own_name, first.dtype, wanted.shape, {}};
  made.turned = is_turned;
  for (const auto& [expert, all] : own.single) {
    for (const Role role : roles) {
      const ViewedTensor& one = *all[static_cast<std::size_t>(role)];
      if (one.dtype != made.dtype) return std::nullopt;
      made.pieces.push_back(one.pieces.front());
    }
  }
  return made;
}

/// One expert's part of a stack.
ViewedTensor taken_out(const Experts& own, const ViewedTensor& wanted, std::uint64_t expert, Role role) {
  const ViewedTensor& stack = role == Role::down ? *own.down : *own.gate_up;
  const std::uint64_t elements = wanted.shape[0] * wanted.shape[1];
  const std::uint64_t first =
      role == Role::down ? expert * elements : 2 * expert * elements + (role == Role::up ? elements : 0);
  const Piece piece{stack.pieces.front().tensor, first, elements, own.are_turned()};
  return {wanted.name, stack.own_name, stack.dtype, wanted.shape, {piece}};
}

class Aligner {
 public:
  Aligner(const ModelView& anchor, std::string_view model, ModelView& view)
      : model_(model), view_(view), anchors_(holders_of(anchor)), own_(holders_of(view)) {}

  void run() {
    for (const auto& [holder, wanted] : anchors_) {
      const auto own = own_.find(holder);
      if (own != own_.end()) align(wanted, own->second);
    }
    note();
    if (made_.empty()) return;
    std::erase_if(view_.tensors, [&](const ViewedTensor& t) { return used_.contains(t.pieces.front().tensor); });
    for (ViewedTensor& tensor : made_) view_.tensors.push_back(std::move(tensor));
    std::ranges::sort(view_.tensors, {}, &ViewedTensor::name);
  }

 private:
  void align(const Experts& wanted, const Experts& own) {
    if (wanted.are_single() && own.are_single()) return respell(wanted, own);
    for (const Experts* stacked : {&wanted, &own}) {
      if (stacked->are_stacked() && stacked->lie() == Orientation::neither) return;
    }
    if (wanted.are_turned() != own.are_turned() && (wanted.interleaved || own.interleaved)) {
      ++interleaved_;
    } else if (wanted.are_stacked() && own.are_stacked()) {
      if (wanted.are_turned() != own.are_turned()) turn(wanted, own);
    } else if (wanted.are_stacked() && own.are_single() && own.fill(wanted.upright())) {
      stack(wanted, own);
    } else if (own.are_stacked() && wanted.are_single() && wanted.fill(own.upright())) {
      take_apart(wanted, own);
    }
  }

  void turn(const Experts& wanted, const Experts& own) {
    for (const auto& [name, stack] : {std::pair(wanted.gate_up, own.gate_up), {wanted.down, own.down}}) {
      Piece whole = stack->pieces.front();
      whole.turned = true;
      made_.push_back({name->name, stack->own_name, stack->dtype, turned(stack->shape), {whole}});
      used_.insert(whole.tensor);
    }
    ++layers_;
  }

  /// gate_proj, up_proj, down_proj and w1, w3, w2.
  void respell(const Experts& wanted, const Experts& own) {
    for (const auto& [expert, roles] : wanted.single) {
      for (const Role role : {Role::gate, Role::up, Role::down}) {
        const ViewedTensor* const anchors = roles[static_cast<std::size_t>(role)];
        const ViewedTensor* const one = own.one(expert, role);
        if (anchors == nullptr || one == nullptr || view_.find(anchors->name) != nullptr) continue;
        made_.push_back(*one);
        made_.back().name = anchors->name;
        used_.insert(one->pieces.front().tensor);
        ++respelled_;
      }
    }
  }

  void stack(const Experts& wanted, const Experts& own) {
    auto gate_up = laid_end_to_end(own, *wanted.gate_up, wanted.are_turned(), {Role::gate, Role::up});
    auto down = laid_end_to_end(own, *wanted.down, wanted.are_turned(), {Role::down});
    if (!gate_up || !down) return;
    for (auto* made : {&*gate_up, &*down}) {
      for (const Piece& piece : made->pieces) used_.insert(piece.tensor);
      made_.push_back(std::move(*made));
    }
    ++layers_;
  }

  void take_apart(const Experts& wanted, const Experts& own) {
    for (const auto& [expert, roles] : wanted.single) {
      for (const Role role : {Role::gate, Role::up, Role::down}) {
        made_.push_back(taken_out(own, *roles[static_cast<std::size_t>(role)], expert, role));
      }
    }
    for (const ViewedTensor* stack : {own.gate_up, own.down}) used_.insert(stack->pieces.front().tensor);
    ++layers_;
  }

  void note() {
    if (layers_ > 0)
      view_.notes.push_back(
          fmt::format("ARC002: {}: the experts of {} layers are read in the anchor's layout", model_, layers_));
    if (respelled_ > 0)
      view_.notes.push_back(
          fmt::format("ARC002: {}: {} tensors of experts are spelled as in the anchor", model_, respelled_));
    if (interleaved_ > 0)
      view_.notes.push_back(
          fmt::format("ARC002: {}: the experts of {} layers are stored transposed to the anchor's, gate and up by "
                      "turns, which is not supported",
                      model_, interleaved_));
  }

  std::string_view model_;
  ModelView& view_;
  Holders anchors_, own_;
  std::vector<ViewedTensor> made_;
  std::set<std::uint32_t> used_;  // stored tensors that are seen in the anchor's layout alone
  std::size_t layers_ = 0, respelled_ = 0, interleaved_ = 0;
};

}  // namespace

void align_experts(const ModelView& anchor, std::string_view model, ModelView& view) {
  Aligner(anchor, model, view).run();
}

}  // namespace stockpot::plan
