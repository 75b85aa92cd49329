#include "app/plan_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/remark_json.hpp"
#include "core/size.hpp"

namespace stockpot::app {
namespace {

using nlohmann::ordered_json;

/// What the plan says, in numbers.
struct Facts {
  std::uint64_t inputs = 0, outputs = 0, elements = 0;
  std::uint64_t direct = 0, local = 0, shared = 0;  // output tensors by kind of work
  int passes = 0;
  std::uint64_t least_read = 0, most_read = 0;
  std::uint64_t read_again = 0;  // in each pass after the first
};

Facts facts_of(const plan::MergePlan& plan, const plan::Schedule& schedule) {
  Facts facts;
  for (std::uint32_t t = 0; t < plan.tensors.size(); ++t) {
    const plan::PlannedTensor& planned = plan.tensors[t];
    facts.inputs += plan.input_bytes(t);
    facts.elements += planned.output.elements();
    const plan::Group* group = planned.action == plan::Action::merge ? &plan.groups[planned.group] : nullptr;
    if (group == nullptr || group->needs.passes == 0) {
      ++facts.direct;
    } else {
      ++(schedule.group_is_shared[planned.group] != 0 ? facts.shared : facts.local);
      facts.passes = std::max(facts.passes, group->needs.passes);
    }
  }
  facts.outputs = plan.output_bytes();
  if (facts.passes > 0) {
    facts.read_again = (schedule.reads_total - facts.inputs) / static_cast<std::uint64_t>(facts.passes);
  }
  const auto [least, most] = std::minmax_element(schedule.rank_read_bytes.begin(), schedule.rank_read_bytes.end());
  facts.least_read = *least;
  facts.most_read = *most;
  return facts;
}

void print_rows(const engine::Stage& stage, const plan::Schedule& schedule) {
  const plan::MergePlan& plan = stage.plan;
  const Facts facts = facts_of(plan, schedule);
  const auto row = [](std::string_view title, const std::string& text) { fmt::print("{:<16} {}\n", title, text); };
  const plan::ScheduleOptions& o = schedule.options;
  if (!stage.name.empty()) row("stage", printable(stage.name));
  row("method", plan.method);
  for (std::size_t m = 0; m < plan.models.size(); ++m) {
    const Catalogue& model = plan.models[m];
    row(m == 0 ? "models" : "",
        fmt::format("{}{}: {} tensors, {} in {} file{}", printable(model.model), m == plan.anchor ? " (anchor)" : "",
                    model.tensors.size(), human_bytes(model.data_bytes()), model.files.size(),
                    model.files.size() == 1 ? "" : "s"));
  }
  row("output", fmt::format("{} tensors, {} parameters, {} in {} file{}", plan.tensors.size(), facts.elements,
                            human_bytes(facts.outputs), plan.shards.size(), plan.shards.size() == 1 ? "" : "s"));
  row("ranks", fmt::format("{} x {} threads, {} of memory each", o.ranks, o.threads, human_bytes(o.memory_per_rank)));
  row("read", fmt::format("{} in all, per rank {} to {}", human_bytes(schedule.reads_total),
                          human_bytes(facts.least_read), human_bytes(facts.most_read)));
  row("bytes per pass",
      fmt::format("{} in the first (every input once), {} in each later one (what memory does not keep)",
                  human_bytes(facts.inputs), human_bytes(facts.read_again)));
  row("moved per rank",
      fmt::format("{} to {}, mean {}, imbalance {:.3f}", human_bytes(schedule.balance.least),
                  human_bytes(schedule.balance.most), human_bytes(static_cast<std::uint64_t>(schedule.balance.mean)),
                  schedule.balance.imbalance));
  row("work", fmt::format("{} units of up to {}; tensors: {} direct, {} local, {} shared", schedule.units.size(),
                          human_bytes(schedule.unit_bytes), facts.direct, facts.local, facts.shared));
  row("passes", fmt::format("{} for statistics, then one to merge", facts.passes));
  row("collectives", fmt::format("{} in {} shared wave{}", schedule.collectives, schedule.shared_waves,
                                 schedule.shared_waves == 1 ? "" : "s"));
  row("memory per rank",
      fmt::format("{}: workers {}, workspace {}, statistics {}, adapters and scales {}, kept inputs and notes {}",
                  human_bytes(schedule.memory.total()), human_bytes(schedule.memory.worker_bytes),
                  human_bytes(schedule.memory.workspace_bytes), human_bytes(schedule.memory.tally_bytes),
                  human_bytes(schedule.memory.small_tensor_bytes), human_bytes(schedule.memory.kept_bytes)));
}

void print_tensors(const plan::MergePlan& plan) {
  for (const plan::PlannedTensor& planned : plan.tensors) {
    fmt::print("{:<5} {:<5} {:<20} {}\n", planned.action == plan::Action::copy ? "copy" : "merge",
               name(planned.output.dtype), to_string(planned.output.shape), printable(planned.output.name));
  }
}

ordered_json to_json(const engine::Stage& stage, const plan::Schedule& schedule, const std::vector<Remark>& remarks,
                     bool with_tensors) {
  const plan::MergePlan& plan = stage.plan;
  const Facts facts = facts_of(plan, schedule);
  const plan::ScheduleOptions& o = schedule.options;
  ordered_json remarks_json = ordered_json::array();
  for (const Remark& remark : remarks) remarks_json.push_back(as_json(remark));
  ordered_json json{
      {"method", plan.method},
      {"models", ordered_json::array()},
      {"output",
       {{"tensors", plan.tensors.size()},
        {"parameters", facts.elements},
        {"bytes", facts.outputs},
        {"shards", ordered_json::array()}}},
      {"ranks", o.ranks},
      {"threads", o.threads},
      {"memory_limit_per_rank", o.memory_per_rank},
      {"read",
       {{"input_bytes", facts.inputs},
        {"bytes", schedule.reads_total},
        {"bytes_each_later_pass", facts.read_again},
        {"least_per_rank", facts.least_read},
        {"most_per_rank", facts.most_read}}},
      {"moved_per_rank",
       {{"least", schedule.balance.least}, {"most", schedule.balance.most}, {"mean", schedule.balance.mean}}},
      {"imbalance", schedule.balance.imbalance},
      {"units", schedule.units.size()},
      {"unit_bytes", schedule.unit_bytes},
      {"tensors", {{"direct", facts.direct}, {"local", facts.local}, {"shared", facts.shared}}},
      {"statistics_passes", facts.passes},
      {"shared_waves", schedule.shared_waves},
      {"collectives", schedule.collectives},
      {"memory_per_rank",
       {{"total", schedule.memory.total()},
        {"workers", schedule.memory.worker_bytes},
        {"workspace", schedule.memory.workspace_bytes},
        {"statistics", schedule.memory.tally_bytes},
        {"adapters_and_scales", schedule.memory.small_tensor_bytes},
        {"kept_inputs", schedule.memory.kept_bytes}}},
      {"remarks", remarks_json}};
  for (const Catalogue& model : plan.models) {
    json["models"].push_back({{"reference", model.model},
                              {"directory", model.directory},
                              {"tensors", model.tensors.size()},
                              {"bytes", model.data_bytes()},
                              {"files", model.files.size()}});
  }
  for (const partition::Shard& shard : plan.shards) {
    json["output"]["shards"].push_back(
        {{"file", shard.file_name}, {"tensors", shard.entries.size()}, {"bytes", shard.data_bytes}});
  }
  if (!stage.name.empty()) json["stage"] = stage.name;
  if (!with_tensors) return json;
  json["output"]["list"] = ordered_json::array();
  for (const plan::PlannedTensor& planned : plan.tensors) {
    json["output"]["list"].push_back({{"name", planned.output.name},
                                      {"dtype", name(planned.output.dtype)},
                                      {"shape", planned.output.shape},
                                      {"action", planned.action == plan::Action::copy ? "copy" : "merge"}});
  }
  return json;
}

}  // namespace

void print_plan(const engine::Stage& stage, const plan::Schedule& schedule, bool with_tensors) {
  print_rows(stage, schedule);
  if (with_tensors) print_tensors(stage.plan);
}

std::string plan_as_json(const engine::Stage& stage, const plan::Schedule& schedule, const std::vector<Remark>& remarks,
                         bool with_tensors) {
  return to_json(stage, schedule, remarks, with_tensors).dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace stockpot::app
