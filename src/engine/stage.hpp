// One document of a recipe, planned: all that is known of its output before the first byte of it is written.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/remark.hpp"
#include "core/vocabulary.hpp"
#include "io/companions.hpp"
#include "io/plan_record.hpp"
#include "plan/plan.hpp"

namespace stockpot::engine {

struct Stage {
  std::size_t document = 0;   ///< index into Recipe::documents
  std::string name;           ///< empty: the final merge
  plan::MergePlan plan;       ///< with its models
  std::string output_format;  ///< one of output_formats()
  /// What its output is made of and how: two outputs with the same are the same.
  std::string fingerprint;
  io::PlanFacts facts;          ///< behind the fingerprint
  io::Companions companions;    ///< rank 0 only
  std::string made_of;          ///< likewise: of the whole output, the fingerprint and what is in the companions
  std::string planned_as;       ///< likewise: the same before any stage was made; what it is known by
  std::vector<Remark> remarks;  ///< decisions and warnings, of its plan and of its models
};

}  // namespace stockpot::engine
