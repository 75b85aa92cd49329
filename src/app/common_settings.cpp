#include "app/common_settings.hpp"

#include <ctime>
#include <utility>

#include "app/deadline.hpp"
#include "app/environment.hpp"
#include "app/job_settings.hpp"
#include "comm/agree.hpp"

namespace stockpot::app {

plan::ScheduleOptions common_resources(const comm::Communicator& comm, const MergeOptions& options,
                                       const recipe::Extensions& extensions, const MachineShare& share) {
  plan::ScheduleOptions resources = comm::agree(
      comm, [&] { return schedule_options(options, extensions, static_cast<std::uint32_t>(comm.size()), share); });
  resources.memory_per_rank = comm.min(resources.memory_per_rank);
  resources.threads = static_cast<std::uint32_t>(comm.min(resources.threads));
  return resources;
}

std::vector<std::string> first_crowd(const comm::Communicator& comm, const MachineShare& share, std::uint64_t threads) {
  std::string warning = crowd_on(share, threads);
  const auto ranks = static_cast<std::uint64_t>(comm.size());
  const std::uint64_t first = comm.min(warning.empty() ? ranks : static_cast<std::uint64_t>(comm.rank()));
  if (first == ranks) return {};
  return {comm.broadcast(std::move(warning), static_cast<int>(first))};
}

std::optional<std::chrono::steady_clock::time_point> common_deadline(const comm::Communicator& comm,
                                                                     const MergeOptions& options) {
  const std::string left = comm::on_root(comm, [&] {
    const auto seconds = seconds_left(options.deadline, process_variables(), std::time(nullptr));
    return seconds ? std::to_string(*seconds) : std::string();
  });
  if (left.empty()) return std::nullopt;
  return std::chrono::steady_clock::now() + std::chrono::seconds(std::stoll(left));
}

}  // namespace stockpot::app
