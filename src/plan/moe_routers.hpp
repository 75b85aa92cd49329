// Where the rows of routers come from: random numbers, embeddings of prompts, a file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "plan/participants.hpp"
#include "plan/plan.hpp"
#include "plan/slices.hpp"

namespace stockpot::plan {

/// Which rows of which router.
struct RouterRows {
  std::string name;         ///< of the output tensor
  std::uint64_t layer = 0;  ///< its number
  std::uint64_t first = 0;  ///< of the document's experts, shared ones behind the others
  std::uint64_t count = 0;
};

class RouterMaker {
 public:
  /// All must outlive this. Reports MOE010 for tokens without an embedding, MOE011 for a file that is none of rows.
  /// @param hidden  elements of a row.
  RouterMaker(const recipe::MergeDocument& document, const ModelList& models, const Views& views, std::uint64_t hidden,
              MergePlan& plan, recipe::Diagnostics& diagnostics);

  struct Source {
    SourceTensor source;
    const ViewedTensor* viewed = nullptr;  ///< what is read; nothing is where rows are drawn
  };
  /// Adds a gather to the plan. @param named  what messages name if nothing is read.
  /// @return nothing after an error was reported, each once.
  std::optional<Source> make(const RouterRows& rows, const ViewedTensor& named);

 private:
  Source drawn(const RouterRows& rows, const ViewedTensor& named);
  std::optional<Source> from_prompts(const RouterRows& rows);
  std::optional<Source> from_file(const RouterRows& rows);
  const ViewedTensor* find_embedding();
  std::string why_not(const ViewedTensor* tensor, const std::string& name) const;

  const recipe::MergeDocument& document_;
  const Views& views_;
  std::uint64_t hidden_;
  MergePlan& plan_;
  recipe::Diagnostics& diagnostics_;
  std::uint32_t file_ = 0;                        // index into the plan's models
  std::optional<const ViewedTensor*> embedding_;  // once sought
  bool refused_ = false;
};

}  // namespace stockpot::plan
