// Plans dealt to ranks.
#include "plan/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using stockpot::test::architecture_catalogue;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

std::string recipe_for(const std::string& method, const std::string& more) {
  return fmt::format("merge_method: {}\nmodels:\n  - model: b\n  - model: c\nbase_model: a\n{}", method, more);
}
const std::string trimmed = "parameters: {weight: 1, density: 0.5}\n";
const std::string trimmed_together = "parameters: {weight: 1, density: 0.5, scope: model}\n";

MergePlan plan_of(const std::string& method, const std::string& more, const std::vector<TensorInfo>& tensors) {
  const auto models = alike(3, tensors);
  return planned(recipe_for(method, more), {models[1], models[2], models[0]});
}

MergePlan plan_of_architecture(const std::string& method, const std::string& more, const std::string& architecture) {
  return planned(recipe_for(method, more),
                 {architecture_catalogue("b", architecture), architecture_catalogue("c", architecture),
                  architecture_catalogue("a", architecture)});
}

ScheduleOptions options(std::uint32_t ranks, std::uint64_t memory = std::uint64_t{4} << 30,
                        std::uint64_t unit_bytes = 0) {
  ScheduleOptions made;
  made.ranks = ranks;
  made.threads = 2;
  made.memory_per_rank = memory;
  made.unit_bytes = unit_bytes;
  return made;
}

/// Blocks and rows of many sizes, among them none, one element, one more than a block.
std::vector<TensorInfo> awkward() {
  return {{"empty", DType::bf16, {0, 3}},        {"scalar", DType::f32, {}},
          {"long", DType::bf16, {3'000'001}},    {"matrix", DType::bf16, {1000, 1000}},
          {"odd", DType::f32, {333, 777}},       {"one_more", DType::bf16, {block_elements + 1}},
          {"integers", DType::i64, {200, 1000}}, {"block", DType::f16, {block_elements}},
          {"double", DType::f64, {300, 1024}},   {"row", DType::bf16, {1, 1'000'000}}};
}

/// Every element of every tensor lies in exactly one unit, and every unit in exactly one rank's work.
void expect_tiling(const MergePlan& plan, const Schedule& schedule) {
  std::vector<std::uint64_t> covered(plan.tensors.size(), 0);
  for (const Unit& unit : schedule.units) {
    EXPECT_EQ(unit.range.first, covered[unit.tensor]);
    EXPECT_GT(unit.range.count, 0u);
    EXPECT_EQ(unit.range.first % block_elements, 0u);
    EXPECT_LT(unit.rank, schedule.options.ranks);
    covered[unit.tensor] = unit.range.end();
  }
  for (std::size_t t = 0; t < plan.tensors.size(); ++t) EXPECT_EQ(covered[t], plan.tensors[t].output.elements());

  std::vector<std::uint32_t> done;
  for (std::uint32_t rank = 0; rank < schedule.options.ranks; ++rank) {
    const RankWork work = work_of(plan, schedule, rank);
    std::vector<std::uint32_t> own = work.direct;
    for (const auto* waves : {&work.local, &work.shared}) {
      for (const Wave& wave : *waves) own.insert(own.end(), wave.units.begin(), wave.units.end());
    }
    for (const std::uint32_t u : own) EXPECT_EQ(schedule.units[u].rank, rank);
    done.insert(done.end(), own.begin(), own.end());
  }
  std::sort(done.begin(), done.end());
  std::vector<std::uint32_t> all(schedule.units.size());
  std::iota(all.begin(), all.end(), 0u);
  EXPECT_EQ(done, all);
}

void expect_memory_holds(const MergePlan& plan, const Schedule& schedule) {
  for (std::uint32_t rank = 0; rank < schedule.options.ranks; ++rank) {
    const MemoryPlan memory = memory_of(plan, schedule, work_of(plan, schedule, rank));
    EXPECT_LE(memory.total(), schedule.options.memory_per_rank) << "rank " << rank;
  }
}

TEST(Schedule, UnitsTileTheOutputAndWavesFitForAnyRanksMemoryAndUnits) {
  for (const auto& [method, more] : {std::pair<std::string, std::string>{"ties", trimmed},
                                     {"ties", trimmed_together},
                                     {"slerp", ""},
                                     {"task_arithmetic", "parameters: {weight: 1}\n"},
                                     {"model_stock", ""},
                                     {"model_stock", "parameters: {filter_wise: true}\n"}}) {
    const auto models = alike(3, awkward());
    const auto plan = method == "slerp"
                          ? planned("merge_method: slerp\nmodels: [{model: b}]\nbase_model: a\nparameters: {t: 0.3}\n",
                                    {models[1], models[0]})
                          : plan_of(method, more, awkward());
    const std::uint64_t least = 2 * largest_strip(plan, mebibyte).total() + 40 * mebibyte;
    for (const std::uint32_t ranks : {1u, 2u, 3u, 7u, 40u}) {
      for (const std::uint64_t memory : {least, 2 * least, std::uint64_t{4} << 30}) {
        for (const std::uint64_t unit : {std::uint64_t{0}, std::uint64_t{1}, mebibyte}) {
          SCOPED_TRACE(fmt::format("{} {} {} ranks, {} bytes, unit {}", method, more, ranks, memory, unit));
          const Schedule schedule = make_schedule(plan, options(ranks, memory, unit));
          expect_tiling(plan, schedule);
          expect_memory_holds(plan, schedule);
        }
      }
    }
  }
}

TEST(Schedule, RowsStayWholeWhereTheMethodNeedsThem) {
  const auto plan = plan_of("model_stock", "parameters: {filter_wise: true}\n", awkward());
  for (const Unit& unit : make_schedule(plan, options(3, std::uint64_t{4} << 30, 1)).units) {
    if (plan.tensors[unit.tensor].action == Action::copy) continue;
    EXPECT_EQ(unit.range.first % plan.tensors[unit.tensor].output.row_elements(), 0u);
  }
}

TEST(Schedule, WithoutStatisticsAllWorkIsDirectAndReadOnce) {
  const auto plan = plan_of("task_arithmetic", "parameters: {weight: 1}\n", awkward());
  const Schedule schedule = make_schedule(plan, options(3));
  std::uint64_t inputs = 0;
  for (std::uint32_t t = 0; t < plan.tensors.size(); ++t) inputs += plan.input_bytes(t);
  EXPECT_EQ(schedule.reads_total, inputs);
  EXPECT_EQ(schedule.collectives, 0u);
  for (std::uint32_t rank = 0; rank < 3; ++rank) {
    const RankWork work = work_of(plan, schedule, rank);
    EXPECT_THAT(work.local, IsEmpty());
    EXPECT_THAT(work.shared, IsEmpty());
  }
}

TEST(Schedule, WhatIsDoneIsNobodysWork) {
  const auto plan = plan_of("task_arithmetic", "parameters: {weight: 1}\n", awkward());
  const std::size_t units = make_schedule(plan, options(3)).units.size();
  std::vector<std::uint8_t> done(units, 1);
  done[2] = 0;
  const Schedule schedule = make_schedule(plan, options(3), done);
  std::vector<std::uint32_t> left;
  for (std::uint32_t rank = 0; rank < 3; ++rank) {
    for (const std::uint32_t unit : work_of(plan, schedule, rank).direct) left.push_back(unit);
  }
  EXPECT_THAT(left, ElementsAre(2));
}

TEST(Schedule, WhatIsDoneIsReadForTheStatisticsOfWhatIsNot) {
  const auto plan = plan_of("ties", trimmed_together, awkward());
  const std::size_t units = make_schedule(plan, options(2)).units.size();
  std::vector<std::uint8_t> done(units, 1);
  done.back() = 0;
  std::size_t in_waves = 0;
  const Schedule partly = make_schedule(plan, options(2), done);
  for (std::uint32_t rank = 0; rank < 2; ++rank) {
    for (const Wave& wave : work_of(plan, partly, rank).shared) in_waves += wave.units.size();
  }
  EXPECT_EQ(in_waves, static_cast<std::size_t>(std::ranges::count_if(
                          partly.units, [&](const Unit& unit) { return statistics_group(plan, unit).has_value(); })));
  done.back() = 1;
  const Schedule wholly = make_schedule(plan, options(2), done);
  EXPECT_EQ(wholly.shared_waves, 0u);
  EXPECT_EQ(wholly.reads_total, 0u);
}

TEST(Schedule, OneRankSharesNothing) {
  const auto plan = plan_of("ties", trimmed_together, awkward());
  const Schedule schedule = make_schedule(plan, options(1));
  EXPECT_THAT(schedule.group_is_shared, Each(0));
  EXPECT_EQ(schedule.shared_waves, 0u);
}

TEST(Schedule, StatisticsOfTheWholeModelAreShared) {
  const auto plan = plan_of("ties", trimmed_together, awkward());
  const Schedule schedule = make_schedule(plan, options(2));
  EXPECT_THAT(schedule.group_is_shared, ElementsAre(1));
  EXPECT_EQ(schedule.shared_waves, 1u);
  EXPECT_GT(schedule.collectives, 0u);
}

TEST(Schedule, OnlyTensorsTooLargeForOneShareAreShared) {
  std::vector<TensorInfo> infos{{"embedding", DType::bf16, {8192, 8192}}};
  for (int k = 0; k < 64; ++k) infos.push_back({fmt::format("w{}", k), DType::bf16, {512, 1024}});
  const auto plan = plan_of("ties", trimmed, infos);
  const Schedule schedule = make_schedule(plan, options(4));
  for (std::size_t g = 0; g < plan.groups.size(); ++g) {
    const bool large = plan.tensors[plan.groups[g].tensors[0]].output.name == "embedding";
    EXPECT_EQ(schedule.group_is_shared[g] != 0, large);
  }
}

TEST(Schedule, SharedWavesHaveTheSameGroupsOnEveryRank) {
  std::vector<TensorInfo> infos;
  for (int k = 0; k < 40; ++k) infos.push_back({fmt::format("w{}", k), DType::bf16, {2048, 2048}});
  const auto plan = plan_of("ties", trimmed, infos);
  const Schedule schedule = make_schedule(plan, options(64, std::uint64_t{100} << 20));
  const auto first = work_of(plan, schedule, 0).shared;
  ASSERT_GT(first.size(), 1u);  // tallies do not fit one wave
  for (std::uint32_t rank = 1; rank < 64; ++rank) {
    const auto waves = work_of(plan, schedule, rank).shared;
    ASSERT_EQ(waves.size(), first.size());
    for (std::size_t w = 0; w < waves.size(); ++w) EXPECT_EQ(waves[w].groups, first[w].groups);
  }
}

TEST(Schedule, KeptInputsAreReadOnceAndOthersOncePerPassAndOnceMore) {
  const auto plan = plan_of("ties", trimmed, {{"w", DType::bf16, {4096, 4096}}});  // 32 MiB per model
  const int passes = plan.groups[0].needs.passes;
  ASSERT_GT(passes, 0);
  const std::uint64_t inputs = plan.input_bytes(0);
  EXPECT_EQ(make_schedule(plan, options(1)).reads_total, inputs);
  const std::uint64_t buffers = 2 * largest_strip(plan, mebibyte).total() + plan.groups[0].needs.tally.counts * 8;
  const Schedule tight = make_schedule(plan, options(1, buffers, 4 * mebibyte));
  EXPECT_EQ(tight.reads_total, inputs * (static_cast<std::uint64_t>(passes) + 1));
  const Schedule half = make_schedule(plan, options(1, buffers + inputs / 2, 4 * mebibyte));
  EXPECT_EQ(half.reads_total, inputs + inputs / 2 * static_cast<std::uint64_t>(passes));
  EXPECT_EQ(work_of(plan, half, 0).local[0].keep_units, 4u);  // of eight
}

TEST(Schedule, NotesAreABitForEachElementAndModelInWholeCacheLines) {
  const auto plan = plan_of("dare_linear", trimmed, {{"a", DType::bf16, {1000, 1000}}, {"b", DType::bf16, {3}}});
  EXPECT_EQ(note_plane_bytes(plan, 0, 65'536), 8192u);
  EXPECT_EQ(note_plane_bytes(plan, 0, 1001), 128u);  // 126 bytes
  EXPECT_EQ(note_plane_bytes(plan, 1, 3), 64u);
  EXPECT_EQ(note_plane_bytes(plan_of("ties", trimmed, {{"a", DType::bf16, {1000, 1000}}}), 0, 65'536), 0u);
}

TEST(Schedule, RowsThatDoNotBeginAtMultiplesOfEightHaveNoNotes) {
  const std::vector<TensorInfo> tensors{{"even", DType::bf16, {100, 1000}}, {"odd", DType::bf16, {100, 1001}}};
  const auto rows = plan_of("della", trimmed, tensors), blocks = plan_of("dare_ties", trimmed, tensors);
  EXPECT_EQ(note_plane_bytes(rows, 0, 8000), 1024u);  // 1000 bytes
  EXPECT_EQ(note_plane_bytes(rows, 1, 8008), 0u);
  EXPECT_EQ(note_plane_bytes(blocks, 1, 8008), 1024u);  // 1001 bytes
}

TEST(Schedule, WhatAPlanOfManyTensorsTakesIsTakenOffWhatWavesKeep) {
  const std::uint64_t memory = 128 * mebibyte;
  const auto kept_of = [&](std::uint64_t tensors) {
    std::vector<TensorInfo> all;
    for (std::uint64_t t = 0; t < tensors; ++t) {
      all.push_back({fmt::format("w{:05}", t), DType::bf16, {40'000'000 / tensors, 2}});
    }
    return make_schedule(plan_of("ties", trimmed, all), options(1, memory)).memory.kept_bytes;
  };
  const std::uint64_t of_few = kept_of(100), of_many = kept_of(20'000);  // as many bytes, of base and two models
  EXPECT_GT(of_few, 64 * mebibyte);
  EXPECT_LE(of_many, of_few - 40 * mebibyte);
}

TEST(Schedule, NotesAreKeptBeforeInputs) {
  const auto plan = plan_of("dare_linear", trimmed, {{"w", DType::bf16, {4096, 4096}}});  // 32 MiB per model
  const std::uint64_t inputs = plan.input_bytes(0), notes = 2 * 4096 * 4096 / 8;
  EXPECT_EQ(make_schedule(plan, options(1)).memory.kept_bytes, inputs + notes);
  const std::uint64_t buffers = make_schedule(plan, options(1)).memory.total() - inputs - notes;
  const auto waves = [&](std::uint64_t memory) {
    const Schedule schedule = make_schedule(plan, options(1, buffers + memory, 4 * mebibyte));
    EXPECT_LE(schedule.memory.kept_bytes, memory);
    return work_of(plan, schedule, 0).local;
  };
  const Wave half_of_notes = waves(notes / 2)[0], notes_alone = waves(notes)[0], half = waves(notes + inputs / 2)[0];
  EXPECT_EQ(half_of_notes.note_units, 4u);  // of eight
  EXPECT_EQ(notes_alone.note_units, 8u);
  EXPECT_EQ(notes_alone.keep_units, 0u);
  EXPECT_EQ(half.note_units, 8u);
  EXPECT_EQ(half.keep_units, 4u);
}

TEST(Schedule, LocalWavesReadFilesInOrder) {
  std::vector<TensorInfo> infos;
  for (int k = 0; k < 60; ++k) infos.push_back({fmt::format("w{}", k), DType::bf16, {1024, 1024}});
  const auto plan = plan_of("ties", trimmed, infos);
  const Schedule schedule = make_schedule(plan, options(1, 60 * mebibyte));
  const RankWork work = work_of(plan, schedule, 0);
  EXPECT_GT(work.local.size(), 1u);
  std::vector<std::uint64_t> offsets;
  for (const Wave& wave : work.local) {
    EXPECT_EQ(wave.keep_units, wave.units.size());
    for (const std::uint32_t u : wave.units) {
      const SourceTensor source = plan.tensors[schedule.units[u].tensor].sources[0];
      offsets.push_back(plan.models[source.model].tensors[source.tensor].offset);
    }
  }
  EXPECT_TRUE(std::is_sorted(offsets.begin(), offsets.end()));
}

TEST(Schedule, RanksBeginTheirDirectWorkAtDifferentPlaces) {
  std::vector<TensorInfo> infos;
  for (int k = 0; k < 40; ++k) infos.push_back({fmt::format("w{}", 100 + k), DType::bf16, {512, 1024}});
  const auto plan = plan_of("task_arithmetic", "parameters: {weight: 1}\n", infos);
  const Schedule schedule = make_schedule(plan, options(4));
  std::vector<std::uint32_t> first;
  for (std::uint32_t rank = 0; rank < 4; ++rank)
    first.push_back(schedule.units[work_of(plan, schedule, rank).direct[0]].tensor);
  EXPECT_TRUE(std::is_sorted(first.begin(), first.end()));
  EXPECT_GE(first[3] - first[0], 20u);
}

TEST(Schedule, TooLittleMemorySaysHowMuchWouldDo) {
  const auto plan = plan_of("ties", trimmed, awkward());
  try {
    make_schedule(plan, options(1, mebibyte));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::limits);
    const std::string text = error.what();
    const auto at = text.find("--memory-per-rank ");
    ASSERT_NE(at, std::string::npos) << text;
    const std::uint64_t enough = std::stoull(text.substr(at + 18));
    EXPECT_NO_THROW(make_schedule(plan, options(1, enough * mebibyte)));
    EXPECT_THROW(make_schedule(plan, options(1, (enough - 1) * mebibyte)), Error);
  }
}

TEST(Schedule, ScalesAndAdaptersHaveAPartOfTheMemory) {
  const std::uint64_t memory = 64 * mebibyte;
  MergePlan plan = plan_of("ties", trimmed, awkward());
  const MemoryPlan without = make_schedule(plan, options(1, memory)).memory;
  EXPECT_EQ(without.small_tensor_bytes, 0u);
  plan.models.front().encodings.emplace_back();
  const MemoryPlan with = make_schedule(plan, options(1, memory)).memory;
  EXPECT_EQ(with.small_tensor_bytes, memory / 4);
  EXPECT_LE(with.total(), memory);
  EXPECT_EQ(make_schedule(plan, options(1, std::uint64_t{8} << 30)).memory.small_tensor_bytes, 256 * mebibyte);
}

TEST(Schedule, LittleMemoryIsForBuffersBeforeItIsForScales) {
  MergePlan plan = plan_of("ties", trimmed, awkward());
  std::uint64_t enough = mebibyte;
  const auto fits = [&] {
    try {
      return make_schedule(plan, options(1, enough)).memory.total() <= enough;
    } catch (const Error&) {
      return false;
    }
  };
  while (!fits()) enough += mebibyte;
  plan.models.front().encodings.emplace_back();
  EXPECT_TRUE(fits()) << "what is enough without them is enough with them";
}

TEST(Schedule, ImbalanceIsWarnedOfWithANumberOfRanksThatWouldDo) {
  const auto plan = plan_of("task_arithmetic", "parameters: {weight: 1}\n", {{"w", DType::bf16, {4096, 16384}}});
  const Schedule schedule = make_schedule(plan, options(8, std::uint64_t{4} << 30, 64 * mebibyte));
  EXPECT_EQ(schedule.balance.imbalance, 4.0);
  EXPECT_THAT(schedule.warnings,
              ElementsAre(AllOf(HasSubstr("8 ranks"), HasSubstr("4.00"), HasSubstr("2 ranks would"))));
  EXPECT_THAT(make_schedule(plan, options(2, std::uint64_t{4} << 30, 64 * mebibyte)).warnings, IsEmpty());
}

TEST(Schedule, ImbalanceOfWorkThatTakesNoTimeIsNoWarning) {
  const auto plan = plan_of("task_arithmetic", "parameters: {weight: 1}\n", {{"w", DType::bf16, {4096, 512}}});
  EXPECT_THAT(make_schedule(plan, options(8, std::uint64_t{4} << 30, 2 * mebibyte)).warnings, IsEmpty());
}

TEST(Schedule, NoRankExceedsTheMeanByMoreThanTheLargestItem) {
  const auto plan = plan_of("task_arithmetic", "parameters: {weight: 1}\n", awkward());
  for (const std::uint32_t ranks : {2u, 5u, 16u}) {
    const Schedule schedule = make_schedule(plan, options(ranks, std::uint64_t{4} << 30, 1));
    EXPECT_LE(static_cast<double>(schedule.balance.most), schedule.balance.mean + 4 * 8.0 * block_elements);
  }
}

TEST(Schedule, PublicShapesAreBalancedOnAThousandRanks) {
  const auto plan = plan_of_architecture("ties", trimmed, "llama-70b");
  const Schedule schedule = make_schedule(plan, options(1024, std::uint64_t{8} << 30));
  EXPECT_LT(schedule.balance.imbalance, 1.1);
}

TEST(Scale, ATrillionParametersOnAThousandRanksArePlannedInSeconds) {
  const auto start = std::chrono::steady_clock::now();
  const auto plan = plan_of_architecture(
      "ties", "parameters: {weight: [0.1, 0.9], density: [{filter: \"re:experts\", value: 0.3}, {value: 0.6}]}\n",
      "kimi-1t");
  const Schedule schedule = make_schedule(plan, options(1024, std::uint64_t{16} << 30));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_THAT(plan.tensors, SizeIs(69'975));
  EXPECT_LT(schedule.balance.imbalance, 1.05);
  EXPECT_LT(seconds.count(), 20.0);  // a laptop needs about one
}

}  // namespace
}  // namespace stockpot::plan
