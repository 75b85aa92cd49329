#include "engine/workers.hpp"

#include <cfenv>
#include <chrono>
#include <string>
#include <system_error>

#include "core/error.hpp"
#include "engine/quiet_thread.hpp"

namespace stockpot::engine {

Workers::Workers(std::size_t threads, std::function<bool()> idle) : idle_(std::move(idle)), clocks_(threads) {
  const SignalsBlocked blocked;
  try {
    for (std::size_t w = 0; w < threads; ++w) threads_.emplace_back([this, w] { work(w); });
  } catch (const std::system_error&) {
    quit();
    throw Error(ErrorKind::limits, "the system starts no more than " + std::to_string(threads_.size()) + " of " +
                                       std::to_string(threads) + " worker threads")
        .hint("lower --threads");
  }
}

Workers::~Workers() { quit(); }

PhaseTimes Workers::take_times() {
  PhaseTimes all;
  for (StripClock& clock : clocks_) all += clock.take();
  return all;
}

void Workers::show_on(Trace& trace) {
  for (std::size_t w = 0; w < clocks_.size(); ++w) clocks_[w].show_on(trace, w);
}

void Workers::quit() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  to_workers_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool Workers::run(std::size_t tasks, const std::function<void(std::size_t, std::size_t)>& task) {
  constexpr auto pause = std::chrono::milliseconds(100);
  std::unique_lock lock(mutex_);
  task_ = &task;
  tasks_ = tasks;
  next_ = 0;
  stop_ = false;
  failure_ = nullptr;
  busy_ = threads_.size();
  ++run_number_;
  to_workers_.notify_all();
  bool stopped_by_idle = false;
  auto next_idle = std::chrono::steady_clock::now() + pause;
  while (busy_ > 0) {
    if (!requests_.empty()) {
      serve_one(lock);
    } else {
      to_main_.wait_until(lock, next_idle);
    }
    if (busy_ == 0 || std::chrono::steady_clock::now() < next_idle) continue;
    next_idle = std::chrono::steady_clock::now() + pause;
    if (carry_on(lock)) continue;
    stop_ = true;
    stopped_by_idle = true;
  }
  if (failure_) std::rethrow_exception(failure_);
  return !stopped_by_idle;
}

bool Workers::carry_on(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  bool wanted = false;
  std::exception_ptr failure;
  try {
    wanted = idle_();
  } catch (...) {
    failure = std::current_exception();  // thrown when the workers have ended: they use the caller's variables
  }
  lock.lock();
  if (failure && !failure_) failure_ = failure;
  return wanted;
}

void Workers::serve_one(std::unique_lock<std::mutex>& lock) {
  Request* request = requests_.front();
  requests_.pop_front();
  lock.unlock();
  try {
    (*request->closure)();
  } catch (...) {
    request->failure = std::current_exception();
  }
  lock.lock();
  request->done = true;
  served_.notify_all();
}

void Workers::on_main(const std::function<void()>& closure) {
  Request request{&closure, nullptr};
  std::unique_lock lock(mutex_);
  requests_.push_back(&request);
  to_main_.notify_one();
  served_.wait(lock, [&] { return request.done; });
  if (request.failure) std::rethrow_exception(request.failure);
}

void Workers::work(std::size_t worker) {
  std::fesetenv(FE_DFL_ENV);  // a library built with fast-math may have switched subnormals off
  std::size_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      to_workers_.wait(lock, [&] { return quit_ || run_number_ != seen; });
      if (quit_) return;
      seen = run_number_;
    }
    take_tasks(worker);
    clocks_[worker].enter(Phase::idle);
    const std::lock_guard lock(mutex_);
    if (--busy_ == 0) to_main_.notify_one();
  }
}

void Workers::take_tasks(std::size_t worker) {
  try {
    while (!stop_.load(std::memory_order_relaxed)) {
      const std::size_t i = next_.fetch_add(1);
      if (i >= tasks_) return;
      (*task_)(worker, i);
    }
  } catch (...) {
    stop_ = true;
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

}  // namespace stockpot::engine
