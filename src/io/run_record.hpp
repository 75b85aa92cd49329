// stockpot_run.json: how a published output came about. Unlike the manifest it differs from run to run, and nothing
// depends on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/rank_record.hpp"

namespace stockpot::io {

inline constexpr std::string_view run_record_file_name = "stockpot_run.json";

struct RunRecord {
  struct Model {
    std::string reference;
    std::string directory;  ///< where it was found
    std::uint64_t bytes = 0;
  };
  /// An output tensor with values that its type could not hold.
  struct Saturated {
    std::string tensor;
    std::uint64_t values = 0;
  };
  std::string stage;                ///< its name; empty: an output of its own
  std::string stage_fingerprint;    ///< equal for outputs that are made of the same in the same way
  std::string planned_fingerprint;  ///< before the stages that it is made of were made; empty if it was no other
  std::string commit;               ///< "rename" or "marker"
  std::uint64_t attempt = 1;        ///< how many starts it took
  std::uint64_t units_resumed = 0;
  std::vector<std::string> made_with;  ///< stages that were merged in the same sweep: times are of all together
  std::string method;
  std::uint64_t seed = 0;
  std::string output_format;
  std::uint64_t threads_per_rank = 0;
  std::uint64_t memory_per_rank = 0;
  std::uint64_t unit_bytes = 0, chunk_bytes = 0;
  double planned_imbalance = 1;
  std::uint64_t collectives = 0;
  std::string instruction_set;
  std::vector<Model> models;
  std::vector<RankRecord> ranks;
  std::vector<Saturated> saturated;
  std::vector<std::string> warnings;
};

/// Local. What a run record says: of which stage the output is, and its fingerprints. Nothing if there is no such file, or it does
/// not say.
std::optional<std::string> recorded_stage(const std::string& path);
std::optional<std::string> stage_fingerprint(const std::string& path);
std::optional<std::string> planned_fingerprint(const std::string& path);

/// Local. Whether the record says that a marker file commits the output.
bool is_committed_by_marker(const std::string& path);

/// JSON, indented, with the program's version.
std::string to_json(const RunRecord& record);

}  // namespace stockpot::io
