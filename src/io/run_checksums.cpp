#include "io/run_checksums.hpp"

#include <algorithm>
#include <iterator>

#include "core/bytes.hpp"
#include "io/crc32.hpp"

namespace stockpot::io {

void RunChecksums::add(TensorRun run, std::uint32_t crc32) {
  if (run.bytes.count == 0) return;
  const std::lock_guard lock(mutexes_[run.tensor % mutexes_.size()]);
  Runs& runs = runs_[run.tensor];
  auto next = runs.lower_bound(run.bytes.offset);
  if (next != runs.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second.bytes > run.bytes.offset) runs.erase(before);
  }
  while (next != runs.end() && next->first < run.bytes.end()) next = runs.erase(next);
  auto added = runs.emplace_hint(next, run.bytes.offset, Run{run.bytes.count, crc32});
  const auto join = [&](Runs::iterator left, Runs::iterator right) {
    left->second.crc = combined_crc32(left->second.crc, right->second.crc, right->second.bytes);
    left->second.bytes += right->second.bytes;
    runs.erase(right);
    return left;
  };
  if (next != runs.end() && next->first == run.bytes.end()) join(added, next);
  if (added == runs.begin()) return;
  const auto before = std::prev(added);
  if (before->first + before->second.bytes == run.bytes.offset) join(before, added);
}

std::string RunChecksums::pack() const {
  ByteWriter out;
  for (std::size_t tensor = 0; tensor < runs_.size(); ++tensor) {
    for (const auto& [first, run] : runs_[tensor]) {
      out.number(tensor);
      out.number(first);
      out.number(run.bytes);
      out.number(run.crc);
    }
  }
  return out.take();
}

void RunChecksums::add_packed(std::string_view packed) {
  for (ByteReader in(packed); !in.done();) {
    TensorRun run{static_cast<std::uint32_t>(in.number()), {}};
    run.bytes.offset = in.number();
    run.bytes.count = in.number();
    add(run, static_cast<std::uint32_t>(in.number()));
  }
}

std::optional<std::uint32_t> RunChecksums::whole(std::uint32_t tensor, std::uint64_t bytes) const {
  const Runs& runs = runs_[tensor];
  if (bytes == 0) return 0;  // of nothing
  if (runs.size() != 1 || runs.begin()->first != 0 || runs.begin()->second.bytes != bytes) return std::nullopt;
  return runs.begin()->second.crc;
}

void RunChecksums::add_gaps(std::uint32_t tensor, std::uint64_t bytes, std::uint64_t most,
                            std::vector<TensorRun>& gaps) const {
  std::uint64_t at = 0;
  const auto add_until = [&](std::uint64_t end) {
    for (; at < end; at += std::min(most, end - at)) gaps.push_back({tensor, {at, std::min(most, end - at)}});
  };
  for (const auto& [first, run] : runs_[tensor]) {
    add_until(first);
    at = first + run.bytes;
  }
  add_until(bytes);
}

}  // namespace stockpot::io
