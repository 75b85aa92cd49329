#include "comm/pulse.hpp"

namespace stockpot::comm {

Pulse::~Pulse() {
  if (sent_ != MPI_REQUEST_NULL) MPI_Request_free(&sent_);
}

std::optional<Error> Pulse::beat(std::chrono::seconds timeout) {
  const auto now = Clock::now();
  send(now);
  const bool heard = receive();
  const bool was_away = now - last_look_ > std::chrono::seconds(5);  // then it could not have heard anything
  if (heard || was_away) last_heard_ = now;
  last_look_ = now;
  if (timeout.count() == 0 || now - last_heard_ < timeout) return std::nullopt;
  return Error(ErrorKind::storage, "a rank has not been heard of for " + std::to_string(timeout.count()) + " s")
      .with("rank", std::to_string(watched_) + " on " + hosts_[static_cast<std::size_t>(watched_)])
      .hint(
          "it was stopped, its machine is gone, or its storage does not answer; "
          "the same command line goes on from here");
}

void Pulse::send(Clock::time_point now) {
  if (now - last_sent_ < std::chrono::seconds(1)) return;
  int done = 1;
  if (sent_ != MPI_REQUEST_NULL) MPI_Test(&sent_, &done, MPI_STATUS_IGNORE);
  if (done == 0) return;  // nobody takes them: no more than one is on its way
  last_sent_ = now;
  MPI_Isend(nullptr, 0, MPI_BYTE, watcher_, 0, comm_, &sent_);
}

bool Pulse::receive() {
  bool heard = false;
  for (int arrived = 1; arrived != 0;) {
    MPI_Iprobe(watched_, 0, comm_, &arrived, MPI_STATUS_IGNORE);
    if (arrived == 0) break;
    MPI_Recv(nullptr, 0, MPI_BYTE, watched_, 0, comm_, MPI_STATUS_IGNORE);
    heard = true;
  }
  return heard;
}

}  // namespace stockpot::comm
