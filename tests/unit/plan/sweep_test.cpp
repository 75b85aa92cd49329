// Merges in one sweep: who reads what, and in which memory.
#include "plan/sweep.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "plan/waves.hpp"
#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using stockpot::test::architecture_catalogue;

constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;

MergePlan plan_of(const std::string& method, const std::vector<std::string>& models, const std::string& base = "",
                  const std::string& parameters = "weight: 1", const std::string& architecture = "llama-1b") {
  std::string text = "merge_method: " + method + "\nparameters: {" + parameters + "}\nmodels:\n";
  std::vector<Catalogue> catalogues;
  for (const std::string& model : models) {
    text += "  - model: " + model + "\n";
    catalogues.push_back(architecture_catalogue(model, architecture));
  }
  if (!base.empty()) {
    text += "base_model: " + base + "\n";
    catalogues.push_back(architecture_catalogue(base, architecture));
  }
  return planned(text, std::move(catalogues));
}

std::vector<MergePlan> of_different_methods() {
  std::vector<MergePlan> plans;
  plans.push_back(plan_of("linear", {"b", "c"}));
  plans.push_back(plan_of("ties", {"b", "c", "d"}, "a", "weight: 1, density: 0.4"));
  plans.push_back(plan_of("slerp", {"b"}, "a", "t: 0.5"));
  plans.push_back(plan_of("passthrough", {"d"}, "", ""));
  plans.push_back(plan_of("model_stock", {"b", "d"}, "a", ""));
  return plans;
}

ScheduleOptions options(std::uint32_t ranks, std::uint64_t memory = 4 * gibibyte) {
  ScheduleOptions made;
  made.ranks = ranks;
  made.threads = 2;
  made.memory_per_rank = memory;
  return made;
}

std::vector<SweepPart> parts_of(const std::vector<MergePlan>& plans, const ScheduleOptions& options) {
  std::vector<SweepPart> parts;
  for (const MergePlan& plan : plans) parts.push_back({&plan, options, {}});
  return parts;
}

/// Bytes that ranks read if each reads once what several merges want of it, over the bytes of all models.
double times_read(const std::vector<MergePlan>& plans, const std::vector<Schedule>& schedules) {
  std::map<std::tuple<std::uint32_t, std::string, std::string>, std::vector<ElementRange>> wanted;
  for (std::size_t p = 0; p < plans.size(); ++p) {
    for (const Unit& unit : schedules[p].units) {
      const PlannedTensor& tensor = plans[p].tensors[unit.tensor];
      std::vector<SourceTensor> sources = tensor.sources;
      if (tensor.base) sources.push_back(*tensor.base);
      for (const SourceTensor source : sources)
        wanted[{unit.rank, plans[p].models[source.model].model, plans[p].info(source).name}].push_back(unit.range);
    }
  }
  std::uint64_t read = 0;
  for (auto& [of, ranges] : wanted) {
    std::ranges::sort(ranges, {}, &ElementRange::first);
    std::uint64_t end = 0;
    for (const ElementRange range : ranges) {
      const std::uint64_t first = std::max(end, range.first);
      end = std::max(end, range.first + range.count);
      read += 2 * (end - first);
    }
  }
  std::map<std::string, std::uint64_t> models;
  for (const MergePlan& plan : plans) {
    for (const Catalogue& model : plan.models) {
      std::uint64_t& bytes = models[model.model] = 0;
      for (const StoredTensor& tensor : model.tensors) bytes += tensor.info.bytes();
    }
  }
  std::uint64_t all = 0;
  for (const auto& [model, bytes] : models) all += bytes;
  return static_cast<double>(read) / static_cast<double>(all);
}

TEST(Sweep, RanksReadWhatMergesOfDifferentMethodsHaveInCommonOnce) {
  const auto plans = of_different_methods();
  for (const std::uint32_t ranks : {2u, 3u, 5u, 8u, 16u}) {
    SCOPED_TRACE(ranks);
    const auto schedules = make_schedules(parts_of(plans, options(ranks)));
    EXPECT_LE(times_read(plans, schedules), 1.01);
    for (const Schedule& schedule : schedules) EXPECT_LE(schedule.work.imbalance, tolerated_following);
    std::vector<Schedule> alone;
    for (const MergePlan& plan : plans) alone.push_back(make_schedule(plan, options(ranks)));
    if (ranks > 2) {
      EXPECT_GE(times_read(plans, alone), 1.3) << "there was nothing to gain";
    }
  }
}

TEST(Sweep, AMergeThatWouldLeaveRanksIdleIsDealtByItself) {
  std::vector<MergePlan> plans;
  plans.push_back(plan_of("ties", {"b", "c"}, "a", "weight: 1, density: 0.4"));
  plans.push_back(plan_of("linear", {"b", "c"}));
  ScheduleOptions in_large_units = options(64);
  in_large_units.unit_bytes = gibibyte;  // 16 layers of 7 tensors on 64 ranks: nothing can be dealt evenly
  std::vector<SweepPart> parts = parts_of(plans, options(64));
  parts.front().options = in_large_units;
  const auto schedules = make_schedules(parts);
  EXPECT_GE(schedules[0].work.imbalance, 2) << "an even leader";
  EXPECT_LE(schedules[1].work.imbalance, tolerated_following);
}

TEST(Sweep, MergesThatCannotFollowTheFirstFollowEachOther) {
  std::vector<MergePlan> plans;
  plans.push_back(plan_of("ties", {"b", "c", "d"}, "a", "weight: 1, density: 0.4"));
  plans.push_back(plan_of("ties", {"b", "c"}, "a", "weight: 1, density: 0.4"));
  plans.push_back(plan_of("linear", {"b", "c"}));
  std::vector<SweepPart> parts = parts_of(plans, options(64));
  parts.front().options.unit_bytes = gibibyte;  // as above
  std::vector<Schedule> schedules = make_schedules(parts);
  EXPECT_GE(schedules[0].work.imbalance, 2) << "an even leader";
  schedules.erase(schedules.begin());
  plans.erase(plans.begin());
  for (const Schedule& schedule : schedules) EXPECT_LE(schedule.work.imbalance, tolerated_following);
  EXPECT_LE(times_read(plans, schedules), 1.01);
}

TEST(Sweep, OneMergeIsScheduledAsIfThereWereNoSweeps) {
  const auto plan = plan_of("ties", {"b", "c"}, "a", "weight: 1, density: 0.4");
  for (const std::uint64_t memory : {gibibyte / 4, gibibyte}) {
    const SweepPart part{&plan, options(3, memory), {}};
    const Schedule alone = make_schedule(plan, options(3, memory)), swept = make_schedules({&part, 1}).front();
    EXPECT_EQ(swept.options, alone.options);
    EXPECT_EQ(swept.rank_read_bytes, alone.rank_read_bytes);
  }
}

TEST(Sweep, WhatMergesHaveInCommonGetsAPartOfTheMemory) {
  const auto plans = of_different_methods();
  for (const std::uint64_t memory : {gibibyte / 2, gibibyte, 4 * gibibyte}) {
    SCOPED_TRACE(memory);
    for (const Schedule& schedule : make_schedules(parts_of(plans, options(1, memory)))) {
      EXPECT_EQ(schedule.options.memory_per_rank, memory);
      EXPECT_GE(schedule.options.spare_bytes, std::min(memory / 2, 2 * 2 * usual_kept_bytes));
      EXPECT_LE(schedule.memory.total() + schedule.options.spare_bytes, memory);
    }
  }
}

TEST(Sweep, MergesWithoutAnythingInCommonHaveAllOfTheMemory) {
  std::vector<MergePlan> plans;
  plans.push_back(plan_of("ties", {"b", "c"}, "a", "weight: 1, density: 0.4"));
  plans.push_back(plan_of("ties", {"e", "f"}, "d", "weight: 1, density: 0.4"));
  for (const std::uint64_t memory : {gibibyte, 8 * gibibyte}) {
    for (const Schedule& schedule : make_schedules(parts_of(plans, options(1, memory)))) {
      EXPECT_EQ(schedule.options.spare_bytes, 0u);
    }
  }
}

TEST(Sweep, MergesThatFindInMemoryWhatTheOthersKeepHaveAllOfIt) {
  std::vector<MergePlan> plans;
  plans.push_back(plan_of("ties", {"b", "c"}, "a", "weight: 1, density: 0.4"));
  plans.push_back(plan_of("dare_ties", {"b", "c"}, "a", "weight: 1, density: 0.7"));
  for (const Schedule& schedule : make_schedules(parts_of(plans, options(1, gibibyte)))) {
    EXPECT_EQ(schedule.options.spare_bytes, 0u) << "half of it would have waves read again";
  }
}

TEST(Sweep, WhereHalfOfTheMemoryIsNotEnoughMergesHaveAllOfIt) {
  std::vector<MergePlan> plans;
  plans.push_back(plan_of("ties", {"b", "c"}, "a", "weight: 1, density: 0.4"));
  plans.push_back(plan_of("ties", {"b", "c"}, "a", "weight: 1, density: 0.7"));
  ScheduleOptions least = options(1, gibibyte);
  while (least.memory_per_rank > (std::uint64_t{1} << 20)) {
    ScheduleOptions less = least;
    less.memory_per_rank -= std::uint64_t{1} << 20;
    try {
      make_schedule(plans[0], less);
    } catch (const Error&) {
      break;
    }
    least = less;
  }
  for (const Schedule& schedule : make_schedules(parts_of(plans, least))) EXPECT_EQ(schedule.options.spare_bytes, 0u);
}

TEST(Sweep, WhatIsDoneIsNobodys) {
  const auto plans = of_different_methods();
  std::vector<SweepPart> parts = parts_of(plans, options(3));
  const std::vector<std::uint8_t> done(make_schedule(plans[1], options(3)).units.size(), 1);
  parts[1].done = done;
  const auto schedules = make_schedules(parts);
  EXPECT_TRUE(std::ranges::all_of(schedules[1].units, [](const Unit& unit) { return unit.rank == no_rank; }));
  for (const std::size_t other : {0u, 2u, 3u, 4u}) {
    EXPECT_TRUE(std::ranges::all_of(schedules[other].units, [](const Unit& unit) { return unit.rank < 3; }));
    EXPECT_LE(schedules[other].work.imbalance, tolerated_following);
  }
}

}  // namespace
}  // namespace stockpot::plan
