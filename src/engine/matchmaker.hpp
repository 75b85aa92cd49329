// Who is asked to give work to whom: the part of rank 0 in the exchange of work. It sends nothing itself.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

namespace stockpot::engine {

class Matchmaker {
 public:
  /// What a rank is to be told.
  struct Word {
    int to = 0;
    int helper = none;  ///< it is to give work to this rank; none: there is no more work, and it may leave
    bool operator==(const Word&) const = default;
  };
  static constexpr int none = -1;

  explicit Matchmaker(int ranks) : may_have_work_(static_cast<std::size_t>(ranks), true), holders_(ranks) {}

  /// `rank` is through with its own work, or with what it was given.
  std::vector<Word> is_idle(int rank);
  /// `rank` gives `helper` nothing, and will give nobody anything from now on.
  std::vector<Word> has_nothing_for(int rank, int helper);
  /// Every rank was told that it may leave.
  bool all_left() const { return left_ == may_have_work_.size(); }

 private:
  void strike_off(int rank);
  std::vector<Word> match();
  int next_holder();

  std::vector<bool> may_have_work_;
  int holders_;  // who may have some
  int last_asked_ = 0;
  std::size_t left_ = 0;
  std::deque<int> idle_;
};

}  // namespace stockpot::engine
