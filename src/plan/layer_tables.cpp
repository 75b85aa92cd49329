#include "plan/layer_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "plan/shapes.hpp"
#include "plan/slices.hpp"

namespace stockpot::plan {
namespace {

/// By name, and the dimension along which layers lie.
struct TableName {
  std::string_view ending;
  std::size_t axis;
};
constexpr std::array table_names{TableName{"embed_tokens_per_layer.weight", 1},
                                 TableName{"per_layer_model_projection.weight", 0}};
constexpr std::uint64_t most_runs = std::uint64_t{1} << 24;

std::optional<std::size_t> axis_of(std::string_view name) {
  const auto known = std::ranges::find_if(
      table_names, [&](const TableName& table) { return ends_with_any(name, std::array{table.ending}); });
  return known == table_names.end() ? std::nullopt : std::optional(known->axis);
}

/// What one slice gives of a table.
struct Stretch {
  std::uint32_t model = 0;
  const ViewedTensor* table = nullptr;
  LayerRange range;
};

/// Puts the table of one source together.
class TableMaker {
 public:
  TableMaker(std::size_t axis, std::vector<Stretch> stretches) : axis_(axis), stretches_(std::move(stretches)) {}

  /// Why there is no such table; empty if there is one.
  std::string obstacle() const {
    const Shape& like = stretches_.front().table->shape;
    std::uint64_t rows = 1;
    for (const Stretch& stretch : stretches_) {
      const Shape& shape = stretch.table->shape;
      if (shape.size() != 2 || stretch.table->pieces.size() != 1 || stretch.range.layers == 0 ||
          shape[axis_] % stretch.range.layers != 0) {
        return fmt::format("{} is not divided evenly among {} layers", to_string(shape), stretch.range.layers);
      }
      if (shape[1 - axis_] != like[1 - axis_] || width(stretch) != width(stretches_.front())) {
        return fmt::format("{} and {} have stretches of different size", to_string(like), to_string(shape));
      }
      rows = axis_ == 1 ? shape[0] : 1;
    }
    if (rows > most_runs / stretches_.size()) return "it has too many rows";
    return "";
  }

  std::unique_ptr<LayerTable> make() const {
    auto made = std::make_unique<LayerTable>();
    made->viewed = *stretches_.front().table;
    std::uint64_t extent = 0;
    for (const Stretch& stretch : stretches_) extent += stretch.range.size() * width(stretch);
    made->viewed.shape[axis_] = extent;
    made->gather.shape = made->viewed.shape;
    add_parts(made->gather);
    const std::uint64_t rows = axis_ == 1 ? made->viewed.shape[0] : 1;
    for (std::uint64_t row = 0; row < rows; ++row) add_row(row, made->gather);
    made->viewed.made = &made->gather;
    return made;
  }

 private:
  std::uint64_t width(const Stretch& stretch) const { return stretch.table->shape[axis_] / stretch.range.layers; }

  void add_parts(Gather& gather) const {
    for (const Stretch& stretch : stretches_) {
      gather.parts.push_back({stretch.model, stretch.table->pieces.front().tensor});
    }
  }

  /// Of flat elements. Where layers are rows, the table is one row.
  void add_row(std::uint64_t row, Gather& gather) const {
    std::uint64_t at = gather.runs.empty() ? 0 : gather.runs.back().first + gather.runs.back().count;
    for (std::uint32_t s = 0; s < stretches_.size(); ++s) {
      const Stretch& stretch = stretches_[s];
      const Shape& shape = stretch.table->shape;
      const std::uint64_t of_layer = axis_ == 1 ? width(stretch) : width(stretch) * shape[1];
      const std::uint64_t count = stretch.range.size() * of_layer;
      if (count == 0) continue;
      const std::uint64_t from = (axis_ == 1 ? row * shape[1] : 0) + stretch.range.first * of_layer;
      gather.runs.push_back({.first = at, .count = count, .part = s, .row = from});
      at += count;
    }
  }

  std::size_t axis_;
  std::vector<Stretch> stretches_;
};

/// The stretches of a table that the i-th sources have, or why one of them has none.
std::vector<Stretch> stretches_of(const std::string& name, std::size_t source, std::span<const PlannedSlice> slices,
                                  const std::vector<std::vector<LayerRange>>& ranges,
                                  const std::vector<ModelView>& views, std::string& obstacle) {
  std::vector<Stretch> stretches;
  const std::size_t sources = slices.front().sources.size();
  for (std::size_t s = 0; s < slices.size() && obstacle.empty(); ++s) {
    if (slices[s].sources.size() != sources) {
      obstacle = "slices have different numbers of sources";
      break;
    }
    const std::uint32_t model = slices[s].sources[source].model;
    const ViewedTensor* table = views[model].find(name);
    if (table == nullptr) obstacle = "not every model has it";
    stretches.push_back({model, table, ranges[s][source]});
  }
  return stretches;
}

}  // namespace

void follow_layers(std::span<PlannedSlice> slices, const std::vector<std::vector<LayerRange>>& ranges,
                   const std::vector<ModelView>& views, std::vector<std::unique_ptr<LayerTable>>& tables,
                   recipe::Diagnostics& diagnostics) {
  PlannedSlice& first = slices.front();
  for (std::size_t i = 0; i < first.sources.size(); ++i) {
    for (GivenTensor& given : first.sources[i].tensors) {
      const auto axis = axis_of(given.name);
      if (!axis) continue;
      std::string obstacle;
      TableMaker maker(*axis, stretches_of(given.viewed->name, i, slices, ranges, views, obstacle));
      if (obstacle.empty()) obstacle = maker.obstacle();
      if (!obstacle.empty()) {
        diagnostics.error(
            "ARC031", first.slice->sources[i].at,
            fmt::format("{} has a stretch for each layer and cannot follow the layers: {}", given.name, obstacle),
            "merge whole models, or give every slice the same models");
        continue;
      }
      tables.push_back(maker.make());
      given.viewed = &tables.back()->viewed;
    }
  }
}

}  // namespace stockpot::plan
