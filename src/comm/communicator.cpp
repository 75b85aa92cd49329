#include "comm/communicator.hpp"

#include <mpi.h>

#include <algorithm>
#include <array>
#include <exception>
#include <numeric>

#include "core/error.hpp"

namespace stockpot::comm {
namespace {

// Far below the 2^31 - 1 that MPI counts end at, and small enough for bounded buffers inside MPI.
constexpr std::uint64_t piece_bytes = std::uint64_t{64} << 20;

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw Error(ErrorKind::internal,
              std::string(call) + ": " + std::string(text.data(), static_cast<std::size_t>(length)));
}

MPI_Comm duplicate(MPI_Comm comm) {
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(comm, &copy), "MPI_Comm_dup");
  check(MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return copy;
}

}  // namespace

struct Communicator::State {
  MPI_Comm comm = MPI_COMM_NULL;    // null: this process alone, no MPI
  MPI_Comm alarms = MPI_COMM_NULL;  // its own channel, so that an alarm meets no collective
  std::uint64_t collectives = 0;
  bool alarmed = false;
  bool failing_together = false;
  std::vector<MPI_Request> sent_alarms;

  bool alone() const { return comm == MPI_COMM_NULL; }
  void count() { ++collectives; }
};

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
  return Communicator(std::move(state));
}

Communicator::Communicator(Communicator&&) noexcept = default;
Communicator& Communicator::operator=(Communicator&&) noexcept = default;

Communicator::~Communicator() {
  if (!state_ || state_->alone()) return;
  if (std::uncaught_exceptions() > 0 && !state_->failing_together) return;  // peers are elsewhere; do not wait for them
  for (MPI_Request& request : state_->sent_alarms) MPI_Request_free(&request);
  MPI_Comm_free(&state_->alarms);
  MPI_Comm_free(&state_->comm);
}

std::string Communicator::broadcast(std::string bytes, int root) const {
  if (state_->alone()) return bytes;
  state_->count();
  std::uint64_t size = bytes.size();
  check(MPI_Bcast(&size, 1, MPI_UINT64_T, root, state_->comm), "MPI_Bcast");
  bytes.resize(size);
  for (std::uint64_t done = 0; done < size; done += piece_bytes) {
    const auto piece = static_cast<int>(std::min(piece_bytes, size - done));
    check(MPI_Bcast(bytes.data() + done, piece, MPI_BYTE, root, state_->comm), "MPI_Bcast");
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
  const std::uint64_t mine = bytes.size();
  std::vector<std::uint64_t> sizes(parts.size());
  check(MPI_Allgather(&mine, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, state_->comm), "MPI_Allgather");
  const std::uint64_t total = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  if (total > piece_bytes) {  // rank by rank: no count can overflow
    for (int r = 0; r < size_; ++r) {
      auto& part = parts[static_cast<std::size_t>(r)];
      if (r == rank_) part = bytes;
      if (sizes[static_cast<std::size_t>(r)] > 0) part = broadcast(std::move(part), r);
    }
    return parts;
  }
  std::vector<int> counts(sizes.begin(), sizes.end());
  std::vector<int> starts(counts.size());
  std::exclusive_scan(counts.begin(), counts.end(), starts.begin(), 0);
  std::string all(total, '\0');
  check(MPI_Allgatherv(bytes.data(), static_cast<int>(mine), MPI_BYTE, all.data(), counts.data(), starts.data(),
                       MPI_BYTE, state_->comm),
        "MPI_Allgatherv");
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
  check(MPI_Gather(&mine, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, 0, state_->comm), "MPI_Gather");
  constexpr int tag = 1;
  if (!is_root()) {
    for (std::uint64_t done = 0; done < mine; done += piece_bytes) {
      const auto piece = static_cast<int>(std::min(piece_bytes, mine - done));
      check(MPI_Send(bytes.data() + done, piece, MPI_BYTE, 0, tag, state_->comm), "MPI_Send");
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
      check(MPI_Recv(part.data() + done, piece, MPI_BYTE, r, tag, state_->comm, MPI_STATUS_IGNORE), "MPI_Recv");
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
    check(MPI_Allreduce(MPI_IN_PLACE, part.data(), static_cast<int>(part.size()), MPI_UINT64_T, MPI_SUM, state_->comm),
          "MPI_Allreduce");
  }
}

std::uint64_t Communicator::max(std::uint64_t value) const {
  if (state_->alone()) return value;
  state_->count();
  check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_UINT64_T, MPI_MAX, state_->comm), "MPI_Allreduce");
  return value;
}

std::uint64_t Communicator::min(std::uint64_t value) const {
  if (state_->alone()) return value;
  state_->count();
  check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_UINT64_T, MPI_MIN, state_->comm), "MPI_Allreduce");
  return value;
}

void Communicator::barrier() const {
  if (state_->alone()) return;
  state_->count();
  check(MPI_Barrier(state_->comm), "MPI_Barrier");
}

int Communicator::ranks_on_this_machine() const {
  if (state_->alone()) return 1;
  state_->count();
  MPI_Comm machine = MPI_COMM_NULL;
  check(MPI_Comm_split_type(state_->comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine), "MPI_Comm_split_type");
  int ranks = 1;
  check(MPI_Comm_size(machine, &ranks), "MPI_Comm_size");
  MPI_Comm_free(&machine);
  return ranks;
}

std::uint64_t Communicator::collectives() const { return state_->collectives; }

void Communicator::raise_alarm() const {
  if (alarmed() || state_->alone()) return;  // one alarm is enough
  state_->alarmed = true;
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    MPI_Isend(nullptr, 0, MPI_BYTE, r, 0, state_->alarms, &state_->sent_alarms.emplace_back());
  }
}

bool Communicator::alarmed() const {
  if (state_->alone() || state_->alarmed) return state_->alarmed;
  int arrived = 0;
  MPI_Status status;
  check(MPI_Iprobe(MPI_ANY_SOURCE, 0, state_->alarms, &arrived, &status), "MPI_Iprobe");
  if (arrived != 0) {
    MPI_Recv(nullptr, 0, MPI_BYTE, status.MPI_SOURCE, 0, state_->alarms, MPI_STATUS_IGNORE);
    state_->alarmed = true;
  }
  return state_->alarmed;
}

void Communicator::fail_together() const { state_->failing_together = true; }
bool Communicator::failing_together() const { return state_->alone() || state_->failing_together; }

const void* Communicator::native() const { return state_->alone() ? nullptr : &state_->comm; }

}  // namespace stockpot::comm
