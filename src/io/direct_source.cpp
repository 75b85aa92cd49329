#include "io/direct_source.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/error.hpp"
#include "io/pending_calls.hpp"
#include "io/retry.hpp"

namespace stockpot::io {

DirectSource::DirectSource(PosixSource file)
    : file_(std::move(file)), direct_(file_.size() < least_direct_bytes ? nullptr : file_.opened_directly()) {}

void DirectSource::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  const bool lies_inside = offset <= size() && into.size() <= size() - offset;
  const std::size_t done = lies_inside && is_direct(into.size()) ? read_directly(offset, into) : 0;
  if (done < into.size()) file_.read_at(offset + done, into.subspan(done));
}

/// @return how much was read, from the start.
std::size_t DirectSource::read_directly(std::uint64_t offset, std::span<std::byte> into) const {
  const PendingCall pending(Transfer::read, path(), offset);
  std::size_t done = 0;
  while (done < into.size() && direct_->is_on()) {
    const auto read_some = [&] { return direct_->read_some(offset + done, into.subspan(done)); };
    const ssize_t got = retried(curable_when_reading, file_.patience(), read_some);
    if (got < 0 && !direct_->is_refusal(errno)) {
      throw system_error(errno, "read", path()).at_byte(offset + done, size());
    }
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void DirectSource::will_need(ByteRange range) const {
  if (!is_direct(range.count)) file_.will_need(range);
}

}  // namespace stockpot::io
