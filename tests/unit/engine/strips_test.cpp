// Workers take large units strip by strip, and small ones together.
#include "engine/strips.hpp"

#include <gmock/gmock.h>

#include <numeric>

#include "plan/waves.hpp"
#include "unit/plan/planned.hpp"

namespace stockpot::engine {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr std::uint64_t chunk = std::uint64_t{64} << 10;
constexpr std::uint64_t small = 1024, large = std::uint64_t{1} << 20;  // elements of 16 bits

/// A linear merge of models whose tensors have so many elements, on one rank.
struct Merge {
  explicit Merge(const std::vector<std::uint64_t>& elements, std::size_t models = 2, DType dtype = DType::bf16,
                 std::uint64_t chunk_bytes = chunk) {
    std::vector<TensorInfo> tensors;
    for (std::size_t t = 0; t < elements.size(); ++t) {
      tensors.push_back({"t." + std::to_string(1000 + t), dtype, {elements[t]}});
    }
    std::string text = "merge_method: linear\nparameters: {weight: 1}\nmodels:\n";
    for (std::size_t m = 0; m < models; ++m) text += std::string("  - model: ") + static_cast<char>('a' + m) + "\n";
    plan = plan::test::planned(text, plan::test::alike(models, tensors));
    schedule = plan::make_schedule(plan, {.chunk_bytes = chunk_bytes});
    units.resize(schedule.units.size());
    std::iota(units.begin(), units.end(), 0u);
  }
  Strips strips(std::size_t keep_units = 0) const { return {plan, schedule, units, keep_units}; }

  plan::MergePlan plan;
  plan::Schedule schedule;
  std::vector<std::uint32_t> units;
};

std::vector<std::size_t> sizes_of_bundles(const Strips& strips) {
  std::vector<std::size_t> sizes;
  std::size_t next = 0;
  for (std::size_t b = 0; b < strips.bundles(); ++b) {
    const Bundle bundle = strips.bundle(b);
    EXPECT_EQ(bundle.first, next) << "each strip is in one bundle, in order";
    next = bundle.end;
    sizes.push_back(bundle.size());
  }
  EXPECT_EQ(next, strips.size());
  return sizes;
}

std::vector<std::size_t> first_of(std::vector<std::size_t> sizes, std::size_t count) {
  sizes.resize(count);
  return sizes;
}

TEST(Strips, OfSmallUnitsAreBundledUpToATransfer) {
  std::vector<std::uint64_t> elements(70, small);
  EXPECT_THAT(sizes_of_bundles(Merge(elements).strips()), ElementsAre(8, 8, 8, 8, 8, 8, 8, 8, 6))
      << "2 KiB each, a quarter of a transfer: no strip has more";
  elements.push_back(large);
  EXPECT_THAT(first_of(sizes_of_bundles(Merge(elements).strips()), 3), ElementsAre(32, 32, 6));
}

TEST(Strips, OfLargeUnitsAreTakenOneByOne) {
  const Merge merge({small, small, large, small, large, large, small, small, small});
  const Strips strips = merge.strips();
  EXPECT_EQ(strips.size(), 6 + 3 * large / block_elements);
  const std::vector<std::size_t> sizes = sizes_of_bundles(strips);
  EXPECT_EQ(sizes.size(), 3 + 3 * large / block_elements);
  EXPECT_EQ(sizes.front(), 2u);
  EXPECT_EQ(sizes[1 + large / block_elements], 1u) << "a small one between two large ones";
  EXPECT_EQ(sizes.back(), 3u);
}

TEST(Strips, OfAQuarterOfATransferAndMoreAreNotBundled) {
  std::vector<std::uint64_t> elements(9, chunk / 8);
  elements.back() = large;
  EXPECT_THAT(first_of(sizes_of_bundles(Merge(elements).strips()), 3), ElementsAre(4, 4, 1));
  for (std::uint64_t& one : elements) ++one;
  EXPECT_THAT(sizes_of_bundles(Merge(elements).strips()), Each(1));
}

TEST(Strips, OfTinyUnitsAreBundledUpToAThousand) {
  const Merge merge(std::vector<std::uint64_t>(3000, 1), 2, DType::bf16, std::uint64_t{1} << 20);
  EXPECT_THAT(sizes_of_bundles(merge.strips()), ElementsAre(1024, 1024, 952));
}

TEST(Strips, AreNotBundledAcrossTheEndOfKeptUnits) {
  std::vector<std::uint64_t> elements(21, small);
  elements.back() = large;
  const Merge merge(elements);
  EXPECT_THAT(first_of(sizes_of_bundles(merge.strips(7)), 3), ElementsAre(7, 13, 1));
  EXPECT_THAT(first_of(sizes_of_bundles(merge.strips(20)), 2), ElementsAre(20, 1));
}

TEST(Strips, AreBundledAlikeForAnyNumberOfModels) {
  const std::vector<std::uint64_t> elements = {10, 20, large, 4000, 3000, 5, 6, 7000, large, 1, 2, 3};
  EXPECT_EQ(sizes_of_bundles(Merge(elements, 2).strips()), sizes_of_bundles(Merge(elements, 5).strips()));
}

/// Whether the strips of each bundle fit what a worker has.
void expect_to_fit(const plan::MergePlan& plan, const Strips& strips, std::uint64_t chunk_bytes) {
  const plan::StripMemory buffers = plan::largest_strip(plan, chunk_bytes);
  for (std::size_t b = 0; b < strips.bundles(); ++b) {
    std::uint64_t stored = 0, output = 0;
    for (const Strip& strip : strips.strips_of(strips.bundle(b))) {
      stored += plan::stored_bytes(plan, strip.tensor, strip.range.count);
      output += (bytes_of(plan.tensors[strip.tensor].output.dtype, strip.range.count) + 63) / 64 * 64;
    }
    EXPECT_LE(stored, buffers.stored_bytes);
    EXPECT_LE(output, buffers.output_bytes);
  }
}

TEST(Strips, OfABundleFitTheBuffersOfAWorker) {
  for (const std::uint64_t elements : {std::uint64_t{1}, std::uint64_t{33}, small, chunk / 8}) {
    const Merge merge(std::vector<std::uint64_t>(300, elements), 3, DType::f16);
    expect_to_fit(merge.plan, merge.strips(), chunk);
  }
}

TEST(Strips, OfABundleFitThemWherePartsReadMoreThanTheWhole) {
  constexpr std::uint64_t large_chunk = std::uint64_t{16} << 20;
  plan::MergePlan plan =
      plan::test::planned("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: b}]",
                          plan::test::alike(2, {{"t", DType::bf16, {20, 10'000}}, {"u", DType::bf16, {20, 10'000}}}));
  plan.adapted[0][0] = plan.adapted[0][1] = {{.magnitude = 0}};  // DoRA: whole rows are read
  const plan::Schedule schedule =
      plan::make_schedule(plan, {.chunk_bytes = large_chunk, .unit_bytes = std::uint64_t{128} << 10});
  std::vector<std::uint32_t> units(schedule.units.size());
  std::iota(units.begin(), units.end(), 0u);
  ASSERT_EQ(units.size(), 8u);
  const Strips strips(plan, schedule, units);
  EXPECT_LT(strips.bundles(), units.size());
  expect_to_fit(plan, strips, large_chunk);
}

}  // namespace
}  // namespace stockpot::engine
