#include "comm/communicator_state.hpp"

#include <array>
#include <cstdlib>
#include <string>

namespace stockpot::comm {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto look_every = std::chrono::milliseconds(100);

/// Tells of a wait as long as it lives.
class Waiting {
 public:
  explicit Waiting(const std::function<void(bool)>& on_wait) : on_wait_(on_wait) {
    if (on_wait_) on_wait_(true);
  }
  ~Waiting() {
    if (on_wait_) on_wait_(false);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  const std::function<void(bool)>& on_wait_;
};

}  // namespace

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw Error(ErrorKind::internal,
              std::string(call) + ": " + std::string(text.data(), static_cast<std::size_t>(length)));
}

void Communicator::State::wait_for(MPI_Request& request, const char* call) {
  wait_until([&] {
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), call);
    return done != 0;
  });
}

std::optional<Mail> Communicator::State::await_mail() {
  std::optional<Mail> mail;
  wait_until([&] {
    mail = mailbox->collect();
    return mail.has_value() || alarmed_at.has_value();
  });
  return mail;
}

template <class Done>
void Communicator::State::wait_until(const Done& done) {
  constexpr auto short_nap = std::chrono::microseconds(20), long_nap = std::chrono::microseconds(1000);
  constexpr int eager_tests = 200;
  auto nap = short_nap;
  auto next_look = Clock::now() + look_every;
  if (done()) return;
  const Waiting waiting(on_wait);
  for (int tests = 0;; ++tests) {
    if (done()) return;
    if (tests < eager_tests) continue;
    std::this_thread::sleep_for(nap);
    nap = std::min(2 * nap, std::chrono::microseconds(long_nap));
    if (Clock::now() < next_look) continue;
    next_look = Clock::now() + look_every;
    look_around();
  }
}

void Communicator::State::look_around() {
  if (patience.while_waiting) patience.while_waiting();
  stay_in_touch();
  if (failure || failing_together || !alarmed_at) return;
  // The rank that failed knows best what to say.
  if (Clock::now() - *alarmed_at < patience.abort_grace + extra_grace) return;
  give_up(Error(ErrorKind::internal, "a rank failed, and not all others heard of it")
              .hint("the log of the rank that failed says why"));
}

void Communicator::State::stay_in_touch() {
  hear_alarms();
  if (pulse) {
    if (const auto silence = pulse->beat(patience.stall_timeout)) give_up(*silence);
  }
  if (failure && Clock::now() - failed_at >= patience.abort_grace) give_up(*failure);
}

void Communicator::State::give_up(const Error& error) const {
  Error first = failure.value_or(error);
  if (first.sentence() != error.sentence()) {  // else it is for this failure that the time is over
    std::string meanwhile = error.sentence();
    for (const auto& [name, value] : error.context()) meanwhile += ", " + name + " " + value;
    first.with("meanwhile", meanwhile);
  }
  if (patience.give_up) patience.give_up(first);
  std::_Exit(first.exit_code());
}

void Communicator::State::hear_alarms() {
  if (alone()) return;
  for (int arrived = 1; arrived != 0;) {
    MPI_Status status;
    check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, alarms, &arrived, &status), "MPI_Iprobe");
    if (arrived == 0) return;
    MPI_Recv(nullptr, 0, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, alarms, MPI_STATUS_IGNORE);
    if (status.MPI_TAG == failure_tag && !alarmed_at) alarmed_at = Clock::now();
    if (status.MPI_TAG > failure_tag) stop_level = std::max(stop_level, status.MPI_TAG);
  }
}

void Communicator::State::tell_others(int tag, int rank, int size) {
  for (int r = 0; r < size; ++r) {
    if (r == rank) continue;
    MPI_Isend(nullptr, 0, MPI_BYTE, r, tag, alarms, &sent_alarms.emplace_back());
  }
}

}  // namespace stockpot::comm
