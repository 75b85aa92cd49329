// What a start finds of earlier attempts in the staging directory, and whether it may go on with it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "core/error.hpp"
#include "engine/recorded_passes.hpp"
#include "engine/reliability.hpp"
#include "engine/stage.hpp"
#include "io/digest.hpp"
#include "io/publish.hpp"
#include "io/tensor_sink.hpp"
#include "plan/schedule.hpp"

namespace stockpot::engine {

struct Continuation {
  // Alike on every rank:
  std::string data_directory, journal_directory;
  std::uint32_t attempt = 1;
  std::uint64_t unit_bytes = 0;    ///< of the first attempt; 0: this is the first
  std::vector<std::uint8_t> done;  ///< by unit; empty if nothing is
  std::uint64_t done_units = 0;
  bool is_doubted = false;  ///< reading back found other bytes
  RecordedPasses recorded;
  // Rank 0 only:
  std::map<std::uint32_t, std::vector<io::Digest>> digests;  ///< of the units that are done, left to right
  std::vector<std::string> remarks;

  std::string pack() const;
  static Continuation unpack(const std::string& packed);
  /// Whether the journals hold anything that need not be done again.
  bool holds_work() const { return done_units > 0 || !recorded.places.empty() || recorded.factor; }
  /// Rank 0. Takes a unit back.
  void forget(std::uint32_t unit);
};

/// Collective. Reads plan and journals of earlier attempts.
/// @param staging   rank 0's.   @param places  in the output's files; none if they cannot be gone on with
/// @throws Error(recipe, RES001) if what is staged is of another plan, saying what differs. An earlier plan of the same stage is none:
///         what is staged of it is thrown away.
Continuation take_up(const comm::Communicator& comm, std::optional<io::Staging>& staging, const Stage& stage,
                     const std::optional<io::OutputPlaces>& places, const ReliabilityOptions& options);

/// Why units that earlier attempts recorded do not count. Each has a journal of its own in an attempt, since that of rank 0 is yet
/// to begin: the number stands where others have a rank.
enum class Revoked : std::uint32_t { lost = 999'998, damaged = 999'999 };

/// Local, rank 0. Says so to all later attempts, before anything of these units is made again.
void revoke(const std::vector<std::uint32_t>& units, Revoked why, const std::string& plan_digest,
            const Continuation& continuation);

/// Local, rank 0. Makes plan.json, if this is the first attempt.   @return whether it is.
bool record_plan(const io::Staging& staging, const Stage& stage, const plan::Schedule& schedule);

/// Whether the same command line can succeed after such a failure.
bool can_be_continued(ErrorKind kind);

}  // namespace stockpot::engine
