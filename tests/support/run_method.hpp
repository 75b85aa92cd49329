// Plays the engine for one group of tensors that are plain vectors: cuts them into tiles, in any order, collects
// tallies, concludes, merges. For tests of methods.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/block_tree.hpp"
#include "methods/method.hpp"

namespace stockpot::test {

/// A parameter as a test writes it: a number, one number per model, or a choice.
struct Value {
  Value(double number) : numbers{number} {}                               // NOLINT(google-explicit-constructor)
  Value(int number) : numbers{static_cast<double>(number)} {}             // NOLINT(google-explicit-constructor)
  Value(bool flag) : numbers{flag ? 1.0 : 0.0} {}                         // NOLINT(google-explicit-constructor)
  Value(std::initializer_list<double> per_model) : numbers(per_model) {}  // NOLINT(google-explicit-constructor)
  Value(const char* word) : choice(word) {}                               // NOLINT(google-explicit-constructor)
  std::vector<double> numbers;
  std::string choice;
};
using Parameters = std::vector<std::pair<std::string, Value>>;

/// Models are called A, B, C ... in their random streams.
template <class T>
struct HandTensor {
  std::string name = "t";
  Shape shape;          ///< empty: one row of all elements
  std::vector<T> base;  ///< empty: the method has none
  std::vector<std::vector<T>> models;

  std::size_t elements() const { return models.empty() ? base.size() : models.front().size(); }
};

struct RunOptions {
  std::uint64_t seed = 0;           ///< of the recipe
  std::size_t blocks_per_tile = 1;  ///< or rows, for methods that need whole rows
  std::uint64_t shuffle = 0;        ///< 0: tiles in order; else an order drawn from this
  std::uint64_t piece = 0;  ///< elements of the pieces that tiles come in; 0: whole. Methods of rows have their own
  bool wide = false;        ///< pretend that another tensor of the group is F64
  bool notes = false;       ///< there is room for what the method notes
  std::optional<std::uint8_t> spoil_notes = {};  ///< before merging all notes become this
};

struct PassRecord {
  methods::TallyShape shape;
  methods::NonfiniteInput nonfinite_input = methods::NonfiniteInput::refused;
  bool finite_sums = true;  ///< of all tiles
  std::size_t tiles = 0;
  std::size_t wanted = 0;
};

template <class T>
struct RunResult {
  std::vector<std::vector<T>> tensors;
  std::vector<PassRecord> passes;
  std::vector<std::string> remarks;
};

inline methods::Settings settings_of(const methods::MethodSpec& method, std::size_t models,
                                     const Parameters& parameters) {
  methods::Settings settings(method, models);
  for (const auto& [name, value] : parameters) {
    const auto spec = std::ranges::find(method.parameters, name, &methods::ParameterSpec::name);
    if (spec == method.parameters.end()) throw Error(ErrorKind::usage, "no parameter " + name);
    std::vector<double> numbers = value.numbers;
    if (!value.choice.empty()) {
      const auto choice = std::ranges::find(spec->choices, value.choice);
      if (choice == spec->choices.end()) throw Error(ErrorKind::usage, "no choice " + value.choice);
      numbers = {static_cast<double>(choice - spec->choices.begin())};
    }
    const std::size_t slots = spec->level == methods::Level::model ? models : 1;
    for (std::size_t m = 0; m < slots; ++m) settings.set(name, m, numbers.size() == 1 ? numbers[0] : numbers.at(m));
  }
  return settings;
}

/// A group under way.
template <class T>
class HandRun {
 public:
  HandRun(std::string_view method, const Parameters& parameters, const std::vector<HandTensor<T>>& group,
          RunOptions options)
      : group_(group), options_(options), random_(options.shuffle) {
    const methods::MethodSpec* spec = methods::find_method(method);
    if (spec == nullptr) throw Error(ErrorKind::usage, "no method " + std::string(method));
    const std::size_t models = group.front().models.size();
    const methods::Settings settings = settings_of(*spec, models, parameters);
    granularity_ = spec->granularity ? spec->granularity(settings) : methods::Granularity::block;
    for (const auto& tensor : group) context_.push_back(context_of(tensor, settings));
    number_by_name();
    const methods::GroupInfo info{.elements = next_first_,
                                  .tensors = group.size(),
                                  .models = models,
                                  .float64 = options.wide || sizeof(T) == 8,
                                  .shape = context_.front().shape};
    method_ = spec->make(settings, info);
    if (options.notes && spec->needs != nullptr) make_room_for_notes(spec->needs(settings, info).note_bits);
  }

  bool has_notes() const { return note_bits_ > 0; }

  RunResult<T> run() {
    RunResult<T> result;
    while (const auto shape = method_->next_pass()) result.passes.push_back(pass(*shape));
    for (const auto& tensor : group_) result.tensors.emplace_back(tensor.elements());
    if (options_.spoil_notes) {
      for (auto& notes : notes_) std::ranges::fill(notes, *options_.spoil_notes);
    }
    for (const auto [tensor, range] : tiles(options_.blocks_per_tile)) {
      for (const ElementRange piece : pieces(range, granularity_ == methods::Granularity::block)) {
        const auto models = model_pointers(tensor, piece.first);
        method_->merge(tile(tensor, piece, models),
                       std::span(result.tensors[tensor]).subspan(piece.first, piece.count));
      }
    }
    result.remarks = method_->remarks();
    return result;
  }

 private:
  struct Piece {
    std::size_t tensor;
    ElementRange range;
  };

  methods::OutputTensor context_of(const HandTensor<T>& tensor, const methods::Settings& settings) {
    const Shape shape = shape_of(tensor);
    const TensorInfo info{tensor.name, DType::f32, shape};
    methods::OutputTensor out{.name = tensor.name,
                              .shape = shape,
                              .elements = info.elements(),
                              .row_elements = info.row_elements(),
                              .settings = settings,
                              .masks = {},
                              .ties = {},
                              .joint_ties = {options_.seed, stream_of(tie_domain, "", tensor.name)},
                              .first_in_group = next_first_};
    for (std::size_t m = 0; m < tensor.models.size(); ++m) {
      const std::string key(1, static_cast<char>('A' + m));
      out.masks.push_back({options_.seed, stream_of(mask_domain, key, tensor.name)});
      out.ties.push_back({options_.seed, stream_of(tie_domain, key, tensor.name)});
    }
    next_first_ += out.elements;
    return out;
  }

  std::vector<Piece> tiles(std::size_t grains) {
    std::vector<Piece> all;
    for (std::size_t t = 0; t < group_.size(); ++t) {
      const std::uint64_t grain = tile_of(t);
      const std::uint64_t length = context_[t].elements;
      for (std::uint64_t first = 0; first < length; first += grain * grains) {
        all.push_back({t, {first, std::min<std::uint64_t>(grain * grains, length - first)}});
      }
    }
    if (options_.shuffle != 0) std::shuffle(all.begin(), all.end(), random_);
    return all;
  }

  std::vector<ElementRange> pieces(ElementRange range, bool may_cut) const {
    if (options_.piece == 0 || !may_cut) return {range};
    std::vector<ElementRange> all;
    for (std::uint64_t first = range.first; first < range.end(); first += options_.piece) {
      all.push_back({first, std::min(options_.piece, range.end() - first)});
    }
    return all;
  }

  std::vector<const T*> model_pointers(std::size_t tensor, std::uint64_t first) const {
    std::vector<const T*> models;
    for (const auto& values : group_[tensor].models) models.push_back(values.data() + first);
    return models;
  }

  methods::Tile<T> tile(std::size_t tensor, ElementRange range, std::span<const T* const> models) const {
    const auto& base = group_[tensor].base;
    return {context_[tensor], range, base.empty() ? nullptr : base.data() + range.first, models,
            notes_of(tensor).from(range.first)};
  }

  /// Filled with anything, as the engine's room is.
  void make_room_for_notes(unsigned bits) {
    const bool whole_rows = granularity_ == methods::Granularity::row;
    note_bits_ = bits;
    for (std::size_t t = 0; t < group_.size(); ++t) {
      const bool begins_at_bytes = !whole_rows || context_[t].row_elements % 8 == 0;
      const std::size_t bytes = begins_at_bytes ? bits * ((group_[t].elements() + 7) / 8) : 0;
      notes_.emplace_back(bytes * group_[t].models.size(), std::uint8_t{0xA5});
    }
  }

  methods::Notes notes_of(std::size_t tensor) const {
    if (notes_.empty() || notes_[tensor].empty()) return {};
    return {notes_[tensor].data(), notes_[tensor].size() / group_[tensor].models.size(), note_bits_};
  }

  PassRecord pass(methods::TallyShape shape) {
    PassRecord record{.shape = shape, .nonfinite_input = method_->nonfinite_input()};
    std::vector<std::uint64_t> counts(shape.counts);
    std::vector<SumTree> trees(group_.size());
    std::vector<double> maxima(shape.maxima * group_.size());
    for (const auto [tensor, range] : tiles(shape.sums > 0 ? 1 : options_.blocks_per_tile)) {
      ++record.tiles;
      std::vector<methods::Lanes> lanes(shape.sums);
      std::vector<double> sums(shape.sums), largest(shape.maxima);
      if (method_->wants(context_[tensor], range)) {
        ++record.wanted;
        for (const ElementRange piece : pieces(range, granularity_ == methods::Granularity::block)) {
          const auto models = model_pointers(tensor, piece.first);
          method_->observe(tile(tensor, piece, models), {counts, lanes, largest});
        }
      }
      std::ranges::transform(lanes, sums.begin(), &methods::Lanes::joined);
      record.finite_sums &= std::ranges::all_of(sums, [](double sum) { return std::isfinite(sum); });
      if (shape.sums > 0) trees[tensor].insert(0, range.first / tile_of(tensor), std::move(sums));
      double* own = maxima.data() + context_[tensor].place_in_group * shape.maxima;
      for (std::size_t i = 0; i < shape.maxima; ++i) own[i] = methods::larger_magnitude(own[i], largest[i]);
    }
    conclude(counts, trees, shape.sums, maxima);
    return record;
  }

  /// Tensor totals, and these added in ascending order of name.
  void conclude(std::span<const std::uint64_t> counts, const std::vector<SumTree>& trees, std::size_t sums,
                std::span<const double> maxima) {
    std::vector<double> total(sums), of_tensors(sums * group_.size());
    for (std::size_t place = 0; place < group_.size() && sums > 0; ++place) {
      const auto t = static_cast<std::size_t>(
          std::ranges::find(context_, place, &methods::OutputTensor::place_in_group) - context_.begin());
      if (trees[t].empty()) continue;
      const auto own = trees[t].total((context_[t].elements + tile_of(t) - 1) / tile_of(t));
      total = place == 0 ? own : AddSums{}(total, own);
      std::ranges::copy(own, of_tensors.begin() + static_cast<std::ptrdiff_t>(place * sums));
    }
    method_->conclude({.counts = counts, .sums = total, .tensor_sums = of_tensors, .tensor_maxima = maxima});
  }

  std::uint64_t tile_of(std::size_t tensor) const {
    return methods::tile_elements(granularity_, context_[tensor].row_elements);
  }

  static Shape shape_of(const HandTensor<T>& tensor) {
    return tensor.shape.empty() ? Shape{tensor.elements()} : tensor.shape;
  }

  void number_by_name() {
    std::vector<std::size_t> by_name(group_.size());
    std::iota(by_name.begin(), by_name.end(), std::size_t{0});
    std::ranges::sort(by_name, {}, [&](std::size_t t) { return group_[t].name; });
    for (std::size_t place = 0; place < by_name.size(); ++place) {
      context_[by_name[place]].place_in_group = static_cast<std::uint32_t>(place);
    }
  }

  const std::vector<HandTensor<T>>& group_;
  RunOptions options_;
  std::mt19937_64 random_;
  methods::Granularity granularity_ = methods::Granularity::block;
  std::uint64_t next_first_ = 0;
  std::vector<methods::OutputTensor> context_;
  std::unique_ptr<methods::Method> method_;
  unsigned note_bits_ = 0;
  mutable std::vector<std::vector<std::uint8_t>> notes_;  // of each tensor, model by model
};

template <class T>
RunResult<T> run_method(std::string_view method, const Parameters& parameters, const std::vector<HandTensor<T>>& group,
                        RunOptions options = {}) {
  return HandRun<T>(method, parameters, group, options).run();
}

/// One tensor, merged.
template <class T>
std::vector<T> merged(std::string_view method, const Parameters& parameters, const HandTensor<T>& tensor,
                      RunOptions options = {}) {
  return run_method(method, parameters, std::vector{tensor}, options).tensors.front();
}

}  // namespace stockpot::test
