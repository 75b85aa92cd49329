#include "comm/mailbox.hpp"

#include "comm/communicator_state.hpp"

namespace stockpot::comm {
namespace {

constexpr int tag = 0;

}  // namespace

Mailbox::~Mailbox() {
  forget_delivered();
  if (sent_.empty()) return;
  // Nobody takes them any more: the job ends by an error. MPI may read the bytes until its own end.
  for (Sent& sent : sent_) MPI_Request_free(&sent.request);
  static std::list<Sent> undelivered;
  undelivered.splice(undelivered.end(), sent_);
}

void Mailbox::post(int to, std::string_view bytes) {
  forget_delivered();
  Sent& sent = sent_.emplace_back();
  sent.bytes = bytes;
  check(MPI_Isend(sent.bytes.data(), static_cast<int>(sent.bytes.size()), MPI_BYTE, to, tag, comm_, &sent.request),
        "MPI_Isend");
}

std::optional<Mail> Mailbox::collect() {
  forget_delivered();
  int arrived = 0;
  MPI_Status status;
  check(MPI_Iprobe(MPI_ANY_SOURCE, tag, comm_, &arrived, &status), "MPI_Iprobe");
  if (arrived == 0) return std::nullopt;
  int bytes = 0;
  check(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
  Mail mail{status.MPI_SOURCE, std::string(static_cast<std::size_t>(bytes), '\0')};
  check(MPI_Recv(mail.bytes.data(), bytes, MPI_BYTE, mail.from, tag, comm_, MPI_STATUS_IGNORE), "MPI_Recv");
  return mail;
}

void Mailbox::forget_delivered() {
  sent_.remove_if([](Sent& sent) {
    int done = 0;
    check(MPI_Test(&sent.request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  });
}

}  // namespace stockpot::comm
