// What becomes of an output tensor that some of its sources lack, by the rule of the method.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "plan/matching.hpp"

namespace stockpot::plan {

class Absences {
 public:
  Absences(const MatchContext& context, const Participants& who, Matching& matching)
      : context_(context), who_(who), found_(matching) {}

  /// Settles it: merged over those that have it, copied, left out, or refused. Says so in the matching.
  /// @return false if the output has no such tensor.
  bool settle(MatchedTensor& tensor);

 private:
  bool exactly_one(MatchedTensor& tensor);
  bool merge_present(MatchedTensor& tensor);
  bool task_vectors(MatchedTensor& tensor);
  bool single_copied(MatchedTensor& tensor);
  bool base_or_all(MatchedTensor& tensor);
  bool extra(MatchedTensor& tensor, std::string_view code);
  bool copy(MatchedTensor& tensor, SourceTensor from);
  bool warn(const MatchedTensor& tensor, const std::string& what);
  bool refuse(const MatchedTensor& tensor, std::string_view code, const std::string& why);
  void note_example(std::string example);
  std::string lacking_models(const MatchedTensor& tensor) const;
  recipe::Position lacking_at(const MatchedTensor& tensor) const;
  /// Biases and norms of queries and keys that a model has nowhere are no surprise.
  bool is_normal(const MatchedTensor& tensor);
  bool has_kind(std::uint32_t model, std::string_view kind);

  const MatchContext& context_;
  const Participants& who_;
  Matching& found_;
  std::map<std::uint32_t, std::set<std::string, std::less<>>> kinds_;  // by model: its names without numbers
};

}  // namespace stockpot::plan
