// The last step of planning: matched tensors become planned ones, with settings, types and groups.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/matching.hpp"
#include "plan/parameters.hpp"

namespace stockpot::plan {

/// Tensors of one slice that one method merges.
struct MergedPart {
  Participants who;
  std::vector<MatchedTensor> tensors;
  std::unique_ptr<ParameterTable> parameters = nullptr;
};

/// An output tensor on its way into the plan.
struct Candidate {
  std::string name;  ///< after renames
  const MatchedTensor* matched = nullptr;
  const MergedPart* part = nullptr;    ///< nullptr: copied whatever the method
  const Resolved* resolved = nullptr;  ///< nullptr: copied
};

class PlanBuilder {
 public:
  PlanBuilder(const recipe::MergeDocument& document, MergePlan& plan) : document_(document), plan_(plan) {}

  /// Adds diagnostics for parameters, differences for types that the method cannot take.
  /// @param excluded  names of tensors that are in no part, but may be what a filter is for.
  void resolve(std::vector<MergedPart>& parts, std::span<const std::string_view> excluded,
               recipe::Diagnostics& diagnostics, Differences& differences);
  /// Fills the plan's tensors, contexts and groups. @param copied  tensors that no method is asked about.
  void fill(const std::vector<MatchedTensor>& copied, recipe::Diagnostics& diagnostics);
  /// Writes MergePlan::explanation. @throws Error(usage) if the output has no such tensor.
  void explain(const std::string& tensor);

 private:
  const TensorInfo& info(SourceTensor source) const { return plan_.info(source); }
  bool is_float64(SourceTensor source) const;
  bool is_wide(const MatchedTensor& tensor) const;
  void check_type(const MatchedTensor& tensor, const Resolved& resolved, Differences& differences) const;
  void leave_out_weightless(MergedPart& part, MatchedTensor& tensor);
  void check_whole_model_groups(recipe::Diagnostics& diagnostics, Differences& differences);
  DType output_dtype(const MatchedTensor& tensor) const;
  void add(const Candidate& candidate);
  const Resolved& conversion();
  methods::OutputTensor context_of(const Candidate& candidate, const PlannedTensor& planned,
                                   const methods::Settings& settings) const;
  std::uint32_t group_of(const Resolved& resolved);
  void finish_group(Group& group);

  const recipe::MergeDocument& document_;
  MergePlan& plan_;
  std::map<const MatchedTensor*, const Resolved*> resolved_;
  std::set<std::string> reported_;
  std::vector<Candidate> candidates_;  // ascending by name, parallel to the plan's tensors
  std::optional<Resolved> conversion_;
  std::set<const methods::MethodSpec*> whole_model_methods_;
  std::map<const methods::MethodSpec*, std::uint32_t> whole_model_groups_;
};

}  // namespace stockpot::plan
