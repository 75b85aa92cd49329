// What a plan says of one tensor when it is asked: sources, depth, and every parameter with the place it comes from.
#include <fmt/format.h>

#include <algorithm>

#include "core/nearest.hpp"
#include "plan/plan_builder.hpp"

namespace stockpot::plan {
namespace {

std::string place(const Explained& line) {
  if (line.at.line == 0) return line.origin;
  return fmt::format("{}, line {} column {}", line.origin, line.at.line, line.at.column);
}

std::string source_line(const MergePlan& plan, std::string_view role, SourceTensor source, const ViewedTensor& viewed) {
  const Catalogue& model = plan.models[source.model];
  std::string how;
  if (source.gather != SourceTensor::as_stored) {
    const Gather& gather = plan.gathers[source.gather];
    const bool stored =
        std::ranges::any_of(gather.runs, [](const auto& run) { return run.kind != Gather::Kind::zero; });
    if (!stored) return fmt::format("{:<9} {}", role, gather.draws.empty() ? "zeros" : "random values");
    const bool prompts = gather.runs.front().kind == Gather::Kind::prompts;
    how = prompts ? fmt::format(", directions of prompts in {} rows", gather.runs.size())
                  : fmt::format(", put together of {} runs of {} tensors", gather.runs.size(), gather.parts.size());
    if (!gather.draws.empty()) how += ", plus noise";
  }
  if (const auto parts = plan.adapter_parts(source.model, source.tensor); !parts.empty()) {
    how += fmt::format(", plus {} of its adapters", parts.size());
  }
  return fmt::format("{:<9} {}: {} {} {}{}", role, model.model, viewed.own_name, name(viewed.dtype),
                     to_string(viewed.shape), how);
}

}  // namespace

void PlanBuilder::explain(const std::string& tensor) {
  const auto at = std::ranges::find(candidates_, tensor, &Candidate::name);
  if (at == candidates_.end()) {
    std::vector<std::string> names;
    for (const Candidate& candidate : candidates_) names.push_back(candidate.name);
    throw Error(ErrorKind::usage, fmt::format("--explain: the output has no tensor '{}'", printable(tensor)))
        .hint(did_you_mean(tensor, names));
  }
  const MatchedTensor& matched = *at->matched;
  const PlannedTensor& planned = plan_.tensors[static_cast<std::size_t>(at - candidates_.begin())];
  auto& lines = plan_.explanation;
  lines.push_back(fmt::format("tensor    {} {} {}", at->name, name(planned.output.dtype), to_string(matched.shape)));
  if (at->name != matched.name) lines.push_back(fmt::format("renamed   from {}", matched.name));
  const bool copied = planned.action == Action::copy;
  lines.push_back(fmt::format("method    {}", copied                    ? "none: the bytes are copied"
                                              : at->resolved == nullptr ? "none: copied and converted"
                                                                        : at->part->who.method->name));
  for (std::size_t i = 0; i < matched.sources.size(); ++i) {
    lines.push_back(source_line(plan_, copied ? "from" : "source", matched.sources[i], *matched.viewed[i]));
  }
  for (const std::uint32_t input : matched.weightless) {
    lines.push_back(
        fmt::format("not read  {}: its weight is 0", plan_.models[at->part->who.inputs[input].model].model));
  }
  if (matched.base) lines.push_back(source_line(plan_, "base", *matched.base, *matched.viewed_base));
  lines.push_back(fmt::format("depth     t = {}", matched.depth));
  if (at->resolved == nullptr) return;
  const auto own = own_names(matched);
  for (const Explained& line :
       at->part->parameters->explain({matched.name, own, matched.depth, matched.layer_position}, matched.present)) {
    const std::string whose =
        line.input ? fmt::format(" of {}", plan_.models[at->part->who.inputs[*line.input].model].model) : "";
    const std::string value = line.value.empty() ? "" : " = " + line.value;
    lines.push_back(fmt::format("parameter {}{}{}  ({})", line.parameter, whose, value, place(line)));
  }
}

}  // namespace stockpot::plan
