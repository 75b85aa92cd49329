#include "engine/journal_keeper.hpp"

#include <algorithm>
#include <cstring>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "engine/quiet_thread.hpp"

namespace stockpot::engine {
namespace {

std::string base_path(const JournalPlace& place) {
  return place.directory + "/" + io::journal_name(place.attempt, place.rank);
}

std::string_view as_text(const io::Digest& digest) {
  return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()};
}

}  // namespace

std::string PassRecord::pack() const {
  ByteWriter out;
  out.number(pass);
  out.number(offset);
  out.number(bytes);
  return out.take().append(as_text(digest));
}

std::optional<PassRecord> PassRecord::unpack(std::string_view payload) {
  constexpr std::size_t numbers = 3 * sizeof(std::uint64_t);
  PassRecord record;
  if (payload.size() != numbers + record.digest.bytes.size()) return std::nullopt;
  ByteReader in(payload.substr(0, numbers));
  record.pass = static_cast<std::uint32_t>(in.number());
  record.offset = in.number();
  record.bytes = in.number();
  std::memcpy(record.digest.bytes.data(), payload.data() + numbers, record.digest.bytes.size());
  return record;
}

JournalKeeper::JournalKeeper(const JournalPlace& place, io::TensorSink& sink, const ReliabilityOptions& options)
    : sink_(sink),
      options_(options),
      totals_path_(base_path(place) + ".totals"),
      writer_(base_path(place) + ".log",
              io::journal_seed(place.plan_digest, io::journal_name(place.attempt, place.rank))),
      thread_([this] {
        const SignalsBlocked blocked;
        run();
      }) {}

JournalKeeper::~JournalKeeper() { close(); }

void JournalKeeper::close() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  to_thread_.notify_all();
  to_workers_.notify_all();
  thread_.join();
  writer_.close();
  totals_.reset();
}

void JournalKeeper::unit_done(std::uint32_t unit, std::uint64_t bytes, std::span<const io::Digest> digests) {
  if (!sink_.resumable()) return;
  io::JournalEntry entry{io::EntryType::unit_done, unit, {}};
  for (const io::Digest& digest : digests) entry.payload.append(as_text(digest));
  {
    const std::lock_guard lock(mutex_);
    pending_bytes_ += bytes;
  }
  add(std::move(entry));
  wait_for_room();
}

void JournalKeeper::wait_for_room() {
  std::unique_lock lock(mutex_);
  to_workers_.wait(lock,
                   [&] { return pending_.empty() || pending_bytes_ < options_.journal_bytes || failure_ || quit_; });
}

void JournalKeeper::add(io::JournalEntry entry) {
  const std::lock_guard lock(mutex_);
  if (pending_.empty()) first_pending_ = Clock::now();
  pending_.push_back(std::move(entry));
  to_thread_.notify_one();
}

void JournalKeeper::pass_done(std::uint32_t group, std::uint32_t pass, std::string_view totals) {
  PassRecord record{pass, 0, totals.size(), io::digest_block(std::as_bytes(std::span(totals)))};
  {
    const std::lock_guard lock(mutex_);
    record.offset = totals_bytes_;
    append_totals(totals);
  }
  add({io::EntryType::pass_done, group, record.pack()});
}

void JournalKeeper::append_totals(std::string_view totals) {
  if (!totals_) totals_ = io::PosixSink::create(totals_path_, 0);
  totals_->write_at(totals_bytes_, std::as_bytes(std::span(totals)));
  totals_bytes_ += totals.size();
  totals_dirty_ = true;
}

bool JournalKeeper::is_due() const {
  if (pending_.empty() || failure_) return false;
  return flush_wanted_ || pending_bytes_ >= options_.journal_bytes ||
         Clock::now() - first_pending_ >= options_.journal_every;
}

void JournalKeeper::run() {
  std::unique_lock lock(mutex_);
  while (!quit_) {
    if (!is_due()) {
      if (pending_.empty() || failure_) {
        to_thread_.wait(lock);
      } else {
        to_thread_.wait_until(lock, first_pending_ + options_.journal_every);
      }
      continue;
    }
    const std::vector<io::JournalEntry> entries = std::exchange(pending_, {});
    pending_bytes_ = 0;
    committing_ = true;
    to_workers_.notify_all();
    lock.unlock();
    const auto start = Clock::now();
    std::exception_ptr failure;
    try {
      commit(entries);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    committing_ = false;
    failure_ = failure;
    const auto took = Clock::now() - start;
    slowest_ = std::max(slowest_, took);
    const auto is_unit = [](const io::JournalEntry& entry) { return entry.type == io::EntryType::unit_done; };
    if (!failure) {
      committed_units_ += static_cast<std::uint64_t>(std::ranges::count_if(entries, is_unit));
      committed_entries_ += entries.size();
      ++commits_.count;
      commits_.time += took;
    }
    to_main_.notify_all();
    to_workers_.notify_all();
  }
}

/// The order is all: data, then what speaks of it.
void JournalKeeper::commit(const std::vector<io::JournalEntry>& entries) {
  sink_.flush();
  io::PosixSink* totals = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(totals_dirty_, false)) totals = &*totals_;
  }
  if (totals != nullptr) totals->sync_data();
  for (const io::JournalEntry& entry : entries) writer_.add(entry);
  writer_.commit();
}

void JournalKeeper::flush(const std::function<void()>& meanwhile) {
  constexpr auto pause = std::chrono::milliseconds(100);
  std::unique_lock lock(mutex_);
  flush_wanted_ = true;
  to_thread_.notify_all();
  while (!failure_ && (committing_ || !pending_.empty())) {
    to_main_.wait_for(lock, pause);
    lock.unlock();
    meanwhile();
    lock.lock();
  }
  flush_wanted_ = false;
  if (failure_) std::rethrow_exception(failure_);
}

void JournalKeeper::check() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

std::uint64_t JournalKeeper::committed_units() const {
  const std::lock_guard lock(mutex_);
  return committed_units_;
}

std::uint64_t JournalKeeper::committed_entries() const {
  const std::lock_guard lock(mutex_);
  return committed_entries_;
}

JournalKeeper::Commits JournalKeeper::commits() const {
  const std::lock_guard lock(mutex_);
  return commits_;
}

std::chrono::duration<double> JournalKeeper::slowest_commit() const {
  const std::lock_guard lock(mutex_);
  return slowest_;
}

}  // namespace stockpot::engine
