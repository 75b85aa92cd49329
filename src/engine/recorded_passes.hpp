// Totals of statistics passes that an earlier attempt has been through.
//
// What a method concludes is a function of the totals of its passes, unless it gathers what it sees (Needs::gathers): with
// them a new attempt goes on where the last one was, without reading the inputs again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"
#include "io/digest.hpp"
#include "methods/method.hpp"
#include "plan/schedule.hpp"

namespace stockpot::engine {

/// Totals that own what they speak of.
struct OwnedTotals {
  std::vector<std::uint64_t> counts;
  std::vector<double> sums, tensor_sums, tensor_maxima;
  methods::Totals view() const { return {counts, sums, tensor_sums, tensor_maxima}; }
};

std::string pack_totals(const methods::Totals& totals);
/// Nothing if the bytes are not totals of that shape for so many tensors.
std::optional<OwnedTotals> unpack_totals(const std::string& packed, methods::TallyShape shape, std::size_t tensors);

/// Whether the journal is to have the totals of a pass: always for groups that span tensors, of which there are few; for a
/// tensor that lies in several units if they are less than a hundredth of what the pass has read; never where the method
/// gathers.
bool is_worth_recording(const plan::MergePlan& plan, const plan::Schedule& schedule, std::uint32_t group,
                        const methods::Totals& totals);

struct RecordedPasses {
  struct Place {
    std::string file;
    std::uint64_t offset = 0, bytes = 0;
    io::Digest digest;
  };
  using Key = std::pair<std::uint32_t, std::uint32_t>;  ///< group and pass, from 0
  std::map<Key, Place> places;                          ///< the same on every rank
  std::optional<double> factor;                         ///< of `lines`

  /// Local, or collective if `shared`: then rank 0 reads for all. Nothing if the pass is not recorded, or what was
  /// recorded is damaged.
  std::optional<OwnedTotals> read(const comm::Communicator& comm, bool shared, Key key, methods::TallyShape shape,
                                  const plan::Group& group) const;
};

}  // namespace stockpot::engine
