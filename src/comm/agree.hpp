// A failure on one rank becomes the same Error on every rank, so that no rank waits for one that has left.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>

#include "comm/communicator.hpp"
#include "core/error.hpp"

namespace stockpot::comm {

namespace detail {
/// Collective. Throws the lowest failing rank's Error on every rank, or returns on every rank.
void agree_on(const Communicator& comm, const std::optional<Error>& failure);
/// Adds rank and host, where there are several ranks.
Error with_place(const Communicator& comm, Error error);
}  // namespace detail

/// Collective. Runs local `work` here, then ends alike on every rank: with its result, or with the lowest failing
/// rank's Error. Inside stands local work only, or one single collective call.
template <std::invocable Work>
auto agree(const Communicator& comm, Work&& work) -> std::invoke_result_t<Work> {
  using Result = std::invoke_result_t<Work>;
  std::optional<Error> failure;
  if constexpr (std::is_void_v<Result>) {
    try {
      std::invoke(std::forward<Work>(work));
    } catch (...) {
      failure = Error::current();
    }
    detail::agree_on(comm, failure);
  } else {
    std::optional<Result> result;
    try {
      result.emplace(std::invoke(std::forward<Work>(work)));
    } catch (...) {
      failure = Error::current();
    }
    detail::agree_on(comm, failure);
    return *std::move(result);
  }
}

/// Collective. agree() for long work: a rank that fails raises the alarm at once, so that others need not finish
/// theirs, and its Error says which rank and machine it was.
template <std::invocable Work>
void agree_on_work(const Communicator& comm, Work&& work) {
  agree(comm, [&] {
    try {
      std::invoke(std::forward<Work>(work));
    } catch (...) {
      // Who stops on request has no bad news: others finish what they have in flight.
      if (Error::current().kind() != ErrorKind::stopped) comm.raise_alarm();
      throw detail::with_place(comm, Error::current());
    }
  });
}

/// Collective. Runs `work` on rank 0 alone; all ranks get its byte string or its Error.
template <std::invocable Work>
std::string on_root(const Communicator& comm, Work&& work) {
  std::string bytes = agree(comm, [&] { return comm.is_root() ? std::string(std::invoke(work)) : std::string(); });
  return comm.broadcast(std::move(bytes));
}

}  // namespace stockpot::comm
