#include "engine/workers.hpp"

#include <cfenv>
#include <chrono>

namespace stockpot::engine {

Workers::Workers(std::size_t threads, std::function<bool()> idle) : idle_(std::move(idle)) {
  for (std::size_t w = 0; w < threads; ++w) threads_.emplace_back([this, w] { work(w); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  to_workers_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool Workers::run(std::size_t tasks, const std::function<void(std::size_t, std::size_t)>& task) {
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
  while (busy_ > 0) {
    serve(lock);
    if (busy_ == 0) break;
    const auto woken = to_main_.wait_for(lock, std::chrono::milliseconds(100));
    if (woken == std::cv_status::no_timeout) continue;
    lock.unlock();
    if (!idle_()) {
      stop_ = true;
      stopped_by_idle = true;
    }
    lock.lock();
  }
  if (failure_) std::rethrow_exception(failure_);
  return !stopped_by_idle;
}

void Workers::serve(std::unique_lock<std::mutex>& lock) {
  while (!requests_.empty()) {
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
