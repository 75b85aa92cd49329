// What an output says of itself: what it was made of, by what, and how.
#pragma once

#include <string>
#include <vector>

#include "engine/merge_job.hpp"
#include "io/manifest.hpp"
#include "io/model_card.hpp"
#include "io/run_record.hpp"
#include "io/tensor_sink.hpp"

namespace stockpot::engine {

/// @param files    of the sink, rank 0's.   @param digests  of the plan's tensors, in order.
io::Manifest manifest_of(const recipe::MergeDocument& document, const plan::MergePlan& plan,
                         const std::vector<io::TensorFile>& files, const std::vector<io::Digest>& digests);

/// Rank 0. The companions in the output, and its index where it has one.
std::vector<io::Manifest::OutputFile> small_files_of(const io::Companions& companions, const std::string& directory);

io::ModelCard card_of(const recipe::Recipe& recipe, const Stage& stage, const std::string& out);

io::RunRecord record_of(const Stage& stage, const plan::Schedule& schedule, const JobOptions& options,
                        const JobSummary& summary);

}  // namespace stockpot::engine
