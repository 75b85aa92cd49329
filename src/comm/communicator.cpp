#include "comm/communicator.hpp"

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <optional>
#include <thread>

#include "comm/communicator_state.hpp"
#include "comm/host_name.hpp"
#include "core/error.hpp"

namespace stockpot::comm {
namespace {

using Clock = std::chrono::steady_clock;

// Far below the 2^31 - 1 that MPI counts end at, and small enough for bounded buffers inside MPI.
constexpr std::uint64_t piece_bytes = std::uint64_t{64} << 20;

MPI_Comm duplicate(MPI_Comm comm) {
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(comm, &copy), "MPI_Comm_dup");
  check(MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return copy;
}

}  // namespace

Communicator::Communicator(std::unique_ptr<State> state) : state_(std::move(state)) {
  if (state_->alone()) return;
  check(MPI_Comm_rank(state_->comm, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(state_->comm, &size_), "MPI_Comm_size");
}

Communicator Communicator::alone() { return Communicator(std::make_unique<State>()); }

Communicator Communicator::world() {
  auto state = std::make_unique<State>();
  state->comm = duplicate(MPI_COMM_WORLD);
  state->alarms = duplicate(MPI_COMM_WORLD);
  state->messages = duplicate(MPI_COMM_WORLD);
  state->mailbox.emplace(state->messages);
  return Communicator(std::move(state));
}

Communicator::Communicator(Communicator&&) noexcept = default;
Communicator& Communicator::operator=(Communicator&&) noexcept = default;

Communicator::~Communicator() {
  if (!state_ || state_->alone()) return;
  if (std::uncaught_exceptions() > 0 && !state_->failing_together) return;  // peers are elsewhere; do not wait for them
  for (MPI_Request& request : state_->sent_alarms) MPI_Request_free(&request);
  state_->pulse.reset();
  if (state_->pulses != MPI_COMM_NULL) MPI_Comm_free(&state_->pulses);
  state_->mailbox.reset();
  MPI_Comm_free(&state_->messages);
  MPI_Comm_free(&state_->alarms);
  MPI_Comm_free(&state_->comm);
}

std::string Communicator::broadcast(std::string bytes, int root) const {
  if (state_->alone()) return bytes;
  state_->count();
  std::uint64_t size = bytes.size();
  state_->run("MPI_Ibcast",
              [&](MPI_Request* request) { return MPI_Ibcast(&size, 1, MPI_UINT64_T, root, state_->comm, request); });
  bytes.resize(size);
  for (std::uint64_t done = 0; done < size; done += piece_bytes) {
    const auto piece = static_cast<int>(std::min(piece_bytes, size - done));
    state_->run("MPI_Ibcast", [&](MPI_Request* request) {
      return MPI_Ibcast(bytes.data() + done, piece, MPI_BYTE, root, state_->comm, request);
    });
  }
  return bytes;
}

std::vector<std::string> Communicator::all_gather(std::string_view bytes) const {
  std::vector<std::string> parts(static_cast<std::size_t>(size_));
  if (state_->alone()) {
    parts[0] = bytes;
    return parts;
  }
  state_->count();
  const std::vector<std::uint64_t> sizes = state_->all_sizes(state_->comm, size_, bytes.size());
  const std::uint64_t total = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  if (total > piece_bytes) {  // rank by rank: no count can overflow
    for (int r = 0; r < size_; ++r) {
      auto& part = parts[static_cast<std::size_t>(r)];
      if (r == rank_) part = bytes;
      if (sizes[static_cast<std::size_t>(r)] > 0) part = broadcast(std::move(part), r);
    }
    return parts;
  }
  return state_->all_parts(state_->comm, sizes, bytes);
}

std::vector<std::uint64_t> Communicator::State::all_sizes(MPI_Comm group, int ranks, std::uint64_t mine) {
  std::vector<std::uint64_t> sizes(static_cast<std::size_t>(ranks));
  run("MPI_Iallgather", [&](MPI_Request* request) {
    return MPI_Iallgather(&mine, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, group, request);
  });
  return sizes;
}

std::vector<std::string> Communicator::State::all_parts(MPI_Comm group, const std::vector<std::uint64_t>& sizes,
                                                        std::string_view mine) {
  const std::vector<int> counts(sizes.begin(), sizes.end());
  std::vector<int> starts(counts.size());
  std::exclusive_scan(counts.begin(), counts.end(), starts.begin(), 0);
  std::string all(static_cast<std::size_t>(starts.back() + counts.back()), '\0');
  run("MPI_Iallgatherv", [&](MPI_Request* request) {
    return MPI_Iallgatherv(mine.data(), static_cast<int>(mine.size()), MPI_BYTE, all.data(), counts.data(),
                           starts.data(), MPI_BYTE, group, request);
  });
  std::vector<std::string> parts(sizes.size());
  for (std::size_t r = 0; r < parts.size(); ++r) {
    parts[r] = all.substr(static_cast<std::size_t>(starts[r]), static_cast<std::size_t>(counts[r]));
  }
  return parts;
}

std::vector<std::string> Communicator::gather(std::string_view bytes) const {
  if (state_->alone()) return {std::string(bytes)};
  state_->count();
  const std::uint64_t mine = bytes.size();
  std::vector<std::uint64_t> sizes(static_cast<std::size_t>(size_));
  state_->run("MPI_Igather", [&](MPI_Request* request) {
    return MPI_Igather(&mine, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, 0, state_->comm, request);
  });
  constexpr int tag = 1;
  if (!is_root()) {
    for (std::uint64_t done = 0; done < mine; done += piece_bytes) {
      const auto piece = static_cast<int>(std::min(piece_bytes, mine - done));
      state_->run("MPI_Isend", [&](MPI_Request* request) {
        return MPI_Isend(bytes.data() + done, piece, MPI_BYTE, 0, tag, state_->comm, request);
      });
    }
    return {};
  }
  std::vector<std::string> parts(sizes.size());
  parts[0] = bytes;
  for (int r = 1; r < size_; ++r) {
    auto& part = parts[static_cast<std::size_t>(r)];
    part.resize(sizes[static_cast<std::size_t>(r)]);
    for (std::uint64_t done = 0; done < part.size(); done += piece_bytes) {
      const auto piece = static_cast<int>(std::min<std::uint64_t>(piece_bytes, part.size() - done));
      state_->run("MPI_Irecv", [&](MPI_Request* request) {
        return MPI_Irecv(part.data() + done, piece, MPI_BYTE, r, tag, state_->comm, request);
      });
    }
  }
  return parts;
}

void Communicator::all_sum(std::span<std::uint64_t> values) const {
  if (state_->alone()) return;
  constexpr std::size_t piece = piece_bytes / sizeof(std::uint64_t);
  for (std::size_t done = 0; done < values.size(); done += piece) {
    state_->count();
    const auto part = values.subspan(done, std::min(piece, values.size() - done));
    state_->run("MPI_Iallreduce", [&](MPI_Request* request) {
      return MPI_Iallreduce(MPI_IN_PLACE, part.data(), static_cast<int>(part.size()), MPI_UINT64_T, MPI_SUM,
                            state_->comm, request);
    });
  }
}

std::uint64_t Communicator::max(std::uint64_t value) const {
  if (state_->alone()) return value;
  state_->count();
  state_->run("MPI_Iallreduce", [&](MPI_Request* request) {
    return MPI_Iallreduce(MPI_IN_PLACE, &value, 1, MPI_UINT64_T, MPI_MAX, state_->comm, request);
  });
  return value;
}

std::uint64_t Communicator::min(std::uint64_t value) const {
  if (state_->alone()) return value;
  state_->count();
  state_->run("MPI_Iallreduce", [&](MPI_Request* request) {
    return MPI_Iallreduce(MPI_IN_PLACE, &value, 1, MPI_UINT64_T, MPI_MIN, state_->comm, request);
  });
  return value;
}

void Communicator::barrier() const {
  if (state_->alone()) return;
  state_->count();
  state_->run("MPI_Ibarrier", [&](MPI_Request* request) { return MPI_Ibarrier(state_->comm, request); });
}

std::vector<std::string> Communicator::all_gather_on_this_machine(std::string_view bytes) const {
  if (state_->alone()) return {std::string(bytes)};
  state_->count();
  MPI_Comm machine = MPI_COMM_NULL;
  check(MPI_Comm_split_type(state_->comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine), "MPI_Comm_split_type");
  int ranks = 1;
  check(MPI_Comm_size(machine, &ranks), "MPI_Comm_size");
  const std::vector<std::uint64_t> sizes = state_->all_sizes(machine, ranks, bytes.size());
  std::vector<std::string> parts = state_->all_parts(machine, sizes, bytes);
  MPI_Comm_free(&machine);
  return parts;
}

std::uint64_t Communicator::collectives() const { return state_->collectives; }
void Communicator::on_wait(std::function<void(bool)> wait) const { state_->on_wait = std::move(wait); }

void Communicator::raise_alarm() const {
  if (alarmed() || state_->alone()) return;  // one alarm is enough
  state_->alarmed_at = Clock::now();
  state_->tell_others(State::failure_tag, rank_, size_);
}

bool Communicator::alarmed() const {
  state_->stay_in_touch();
  return state_->alarmed_at.has_value();
}

void Communicator::raise_stop(int level) const {
  state_->hear_alarms();
  if (state_->stop_level >= level) return;
  state_->stop_level = level;
  if (!state_->alone()) state_->tell_others(level, rank_, size_);
}

int Communicator::stop_level() const {
  state_->hear_alarms();
  return state_->stop_level;
}

void Communicator::post(int to, std::string_view bytes) const { state_->mailbox->post(to, bytes); }
std::optional<Mail> Communicator::collect() const { return state_->mailbox->collect(); }
std::optional<Mail> Communicator::await_mail() const { return state_->await_mail(); }

void Communicator::be_patient(Patience patience) const {
  const bool watch = patience.stall_timeout.count() > 0 && size_ > 1;
  if (!patience.give_up) patience.give_up = std::move(state_->patience.give_up);
  state_->patience = std::move(patience);
  if (!watch || state_->pulse) return;
  std::vector<std::string> hosts = all_gather(host_name());
  state_->pulses = duplicate(state_->comm);
  state_->pulse.emplace(state_->pulses, rank_, size_, std::move(hosts));
}

void Communicator::give_up(const Error& error) const { state_->give_up(error); }

void Communicator::failed_here(const Error* failure) const {
  if (failure == nullptr) {
    state_->failure.reset();
  } else {
    state_->failure = *failure;
    state_->failed_at = Clock::now();
    if (state_->failing_together && !is_root()) state_->failed_at += State::extra_grace;  // all know: rank 0 says it
  }
}

void Communicator::fail_together() const { state_->failing_together = true; }
void Communicator::end_by_abort() const { state_->ends_by_abort = true; }
bool Communicator::ends_by_abort() const { return state_->ends_by_abort; }
bool Communicator::failing_together() const { return state_->alone() || state_->failing_together; }

const void* Communicator::native() const { return state_->alone() ? nullptr : &state_->comm; }

}  // namespace stockpot::comm
