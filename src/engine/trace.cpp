#include "engine/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "comm/host_name.hpp"
#include "core/bytes.hpp"
#include "io/trace_text.hpp"

namespace stockpot::engine {

void TraceLane::begin(const Subject& subject) {
  subject_ = subject;
  group_ = groups_++;
}

void TraceLane::add(const PhaseClock::Span& span) {
  if (is_sampled() && events_.size() == most_) {
    stride_ *= 2;
    std::erase_if(events_, [this](const Event& event) { return event.group % stride_ != 0; });
  }
  if (!is_sampled() || events_.size() >= most_) return;
  events_.push_back({group_, subject_, span});
}

Trace::Trace(const comm::Communicator& comm, std::size_t threads) {
  constexpr std::size_t least_events = 64;  // the phases of a rank's main thread
  const std::size_t lanes = threads + 1;
  const std::size_t most = std::max(least_events, most_events / lanes / static_cast<std::size_t>(comm.size()));
  for (std::size_t lane = 0; lane < lanes; ++lane) lanes_.emplace_back(most);
  comm.barrier();
  agreed_ = Clock::now();
}

namespace {

using Nanoseconds = std::chrono::nanoseconds;

/// Times since the moment that ranks agreed on; before it they are negative.
std::string pack(const Trace& trace) {
  const auto since_agreed = [&](Trace::Clock::time_point time) {
    return static_cast<std::uint64_t>(Nanoseconds(time - trace.agreed()).count());
  };
  ByteWriter out;
  out.text(comm::host_name());
  for (const TraceLane& lane : trace.lanes()) {
    out.number(lane.stride());
    out.number(lane.events().size());
    for (const auto& [group, subject, span] : lane.events()) {
      out.number(static_cast<std::uint64_t>(span.phase));
      out.number(since_agreed(span.begin));
      out.number(since_agreed(span.end));
      out.number(subject.stage);
      out.number(subject.tensor);
      out.number(subject.range.first);
      out.number(subject.range.count);
    }
  }
  return out.take();
}

io::TraceEvent unpack_event(ByteReader& in, const std::vector<Stage>& stages) {
  io::TraceEvent event;
  event.name = name(static_cast<Phase>(in.number()));
  event.begin = static_cast<std::int64_t>(in.number());
  event.duration = static_cast<std::int64_t>(in.number()) - event.begin;
  const Stage& stage = stages.at(in.number());
  event.stage = stage.name;
  const std::uint64_t tensor = in.number();
  if (tensor != TraceLane::no_tensor) event.tensor = stage.plan.tensors.at(tensor).output.name;
  event.range.first = in.number();
  event.range.count = in.number();
  return event;
}

/// A lane on rank 0.
struct NamedLane {
  std::uint64_t rank = 0, thread = 0, stride = 1;
  std::string host;
  std::vector<io::TraceEvent> events;
};

std::vector<NamedLane> unpack(const std::vector<std::string>& parts, const std::vector<Stage>& stages) {
  std::vector<NamedLane> lanes;
  for (std::uint64_t rank = 0; rank < parts.size(); ++rank) {
    ByteReader in(parts[rank]);
    const std::string host = in.text();
    for (std::uint64_t thread = 0; !in.done(); ++thread) {
      NamedLane lane{rank, thread, in.number(), host, {}};
      for (std::uint64_t left = in.number(); left > 0; --left) lane.events.push_back(unpack_event(in, stages));
      lanes.push_back(std::move(lane));
    }
  }
  return lanes;
}

/// The earliest event is at 0.
std::string text_of(const std::vector<NamedLane>& lanes) {
  std::int64_t earliest = 0;
  for (const NamedLane& lane : lanes) {
    for (const io::TraceEvent& event : lane.events) earliest = std::min(earliest, event.begin);
  }
  io::TraceText text;
  for (const NamedLane& lane : lanes) {
    const std::string thread = lane.thread == 0 ? "main" : fmt::format("worker {}", lane.thread - 1);
    if (lane.thread == 0) text.name_rank(lane.rank, fmt::format("rank {} on {}", lane.rank, lane.host));
    text.name_thread(lane.rank, lane.thread,
                     lane.stride == 1 ? thread : fmt::format("{}, one strip of {}", thread, lane.stride));
    for (io::TraceEvent event : lane.events) {
      event.begin -= earliest;
      text.add(lane.rank, lane.thread, event);
    }
  }
  return text.take();
}

}  // namespace

std::string trace_text(const comm::Communicator& comm, const Trace& trace, const std::vector<Stage>& stages) {
  const std::vector<std::string> parts = comm.gather(pack(trace));
  return comm.is_root() ? text_of(unpack(parts, stages)) : std::string();
}

}  // namespace stockpot::engine
