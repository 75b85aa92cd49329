// The worker threads of one rank.
//
// Workers run tasks; the main thread meanwhile does what only it may do: talk to MPI, print progress, run closures that
// workers hand to it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/strip_clock.hpp"

namespace stockpot::engine {

class Workers {
 public:
  /// @param idle  called by the main thread about ten times a second while tasks run. Returning false stops the run:
  ///              no new task starts.   @throws Error(limits) if the system has no more threads.
  Workers(std::size_t threads, std::function<bool()> idle);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  std::size_t size() const { return clocks_.size(); }
  /// Of a worker; idle between its tasks.
  StripClock& clock(std::size_t worker) { return clocks_[worker]; }
  /// Main thread, while no tasks run. The times of all workers together since the last call, or since they were made.
  PhaseTimes take_times();
  /// Main thread, before tasks run. @param trace  has a lane for each worker, and outlives them.
  void show_on(Trace& trace);

  /// Main thread. Calls task(worker, i) for every i below `tasks`, each once, in about ascending order, and returns
  /// when all have ended. The first exception stops the run and is thrown again here. @return false if `idle` stopped
  /// the run.
  bool run(std::size_t tasks, const std::function<void(std::size_t worker, std::size_t i)>& task);

  /// Worker threads, inside a task. Runs `closure` on the main thread and waits for it; passes its exception on.
  void on_main(const std::function<void()>& closure);

 private:
  struct Request {
    const std::function<void()>* closure;
    std::exception_ptr failure;
    bool done = false;
  };
  void work(std::size_t worker);
  void take_tasks(std::size_t worker);
  void serve_one(std::unique_lock<std::mutex>& lock);
  /// Calls idle_. @return false if the run is to stop.
  bool carry_on(std::unique_lock<std::mutex>& lock);
  void quit();

  std::function<bool()> idle_;
  std::vector<StripClock> clocks_;
  std::mutex mutex_;
  std::condition_variable to_workers_, to_main_, served_;
  std::deque<Request*> requests_;
  const std::function<void(std::size_t, std::size_t)>* task_ = nullptr;
  std::size_t tasks_ = 0;
  std::size_t run_number_ = 0;
  std::size_t busy_ = 0;
  std::exception_ptr failure_;
  bool quit_ = false;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace stockpot::engine
