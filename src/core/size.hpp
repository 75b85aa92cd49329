// Sizes in bytes as people write them, and as they like to read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stockpot {

/// A size as bytes: "67108864", "64MiB", "1.5 GB". k, M, G, T and kB, MB, GB, TB are powers of 1000, KiB ... TiB powers
/// of 1024, in any case. A fraction of a unit is allowed ("1.5GiB") and rounded down to bytes; a fraction of a byte is
/// not.
/// @return nothing if it is no size, does not fit 64 bits, or ends in a bare "b", which could be bytes or billions.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// The same, where a bare "b" means billions: "5B" is mergekit's spelling of 5 GB shards.
std::optional<std::uint64_t> parse_shard_size(std::string_view text);

/// "999 B", "2.20 GB": powers of 1000, two decimals, rounded to nearest.
std::string human_bytes(std::uint64_t bytes);

}  // namespace stockpot
