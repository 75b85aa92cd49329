// Where every tensor of public architectures belongs.
#include "families.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <optional>

#include "plan/layout.hpp"

namespace stockpot::plan {
namespace {

std::vector<Family> families() {
  std::vector<Family> all;
  for (auto* group : {decoders, older_decoders, encoders, vision_models}) {
    const auto more = group();
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

/// name -> "layer 3 MODULE", or as in Family::loose.
std::map<std::string, std::string> expected_places(const Family& family) {
  std::map<std::string, std::string> places = family.loose;
  for (const Layers& of : family.layers) {
    for (int k = 0; k < of.layers; ++k) {
      for (const auto& suffix : of.suffixes) {
        places[fmt::format("{}.{}.{}", of.container, of.first + k, suffix)] =
            fmt::format("layer {} {}", family.architecture.starts_with("MixFormer") ? k : of.first + k, of.module);
      }
    }
  }
  return places;
}

class Families : public testing::TestWithParam<Family> {
 protected:
  Families() : expected_(expected_places(GetParam())) {
    for (const auto& [name, place] : expected_) names_.emplace_back(name);
    ModelConfig config;
    config.architectures = {GetParam().architecture};
    config.layer_counts = GetParam().counts;
    config.prediction_layers = GetParam().prediction_layers;
    layout_.emplace(names_, config);
  }

  std::string place(std::string_view name) const {
    const Place at = layout_->place(name);
    const std::string& module = layout_->modules()[at.module].name;
    if (at.position == Position::layer) return fmt::format("layer {} {}", at.layer, module);
    return fmt::format("{} {}", at.position == Position::before ? "before" : "after", module);
  }

  std::map<std::string, std::string> expected_;
  std::vector<std::string_view> names_;
  std::optional<Layout> layout_;
};

TEST_P(Families, HaveTheirStacksAndCounts) {
  Texts found;
  for (const Stack& stack : layout_->stacks()) {
    found.push_back(fmt::format("{} {} {}", stack.container, stack.layers, stack.count_key));
  }
  EXPECT_EQ(found, GetParam().stacks);
  EXPECT_EQ(layout_->modules()[layout_->primary_module()].name, GetParam().primary);
}

TEST_P(Families, HaveEveryTensorInItsPlace) {
  for (const auto& [name, expected] : expected_) EXPECT_EQ(place(name), expected) << name;
}

TEST_P(Families, KeepTheirNamesWhereNoLayerMoves) {
  for (const std::string_view name : names_) {
    const Place at = layout_->place(name);
    const std::uint64_t layers = layout_->stacks().empty() ? 0 : layout_->stacks()[at.stack].layers;
    if (at.position == Position::layer) {
      EXPECT_EQ(layout_->renumbered(at, at.layer), name);
    } else if (at.moves) {
      EXPECT_EQ(layout_->renumbered(at, layers), name);
    }
  }
}

std::string test_name(const testing::TestParamInfo<Family>& family) {
  std::string name;
  for (const char c : family.param.title) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Families, testing::ValuesIn(families()), test_name);

}  // namespace
}  // namespace stockpot::plan
