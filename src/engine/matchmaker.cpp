#include "engine/matchmaker.hpp"

namespace stockpot::engine {

std::vector<Matchmaker::Word> Matchmaker::is_idle(int rank) {
  strike_off(rank);
  idle_.push_back(rank);
  return match();
}

std::vector<Matchmaker::Word> Matchmaker::has_nothing_for(int rank, int helper) {
  strike_off(rank);
  idle_.push_back(helper);
  return match();
}

void Matchmaker::strike_off(int rank) {
  if (!may_have_work_[static_cast<std::size_t>(rank)]) return;
  may_have_work_[static_cast<std::size_t>(rank)] = false;
  --holders_;
}

/// Each in turn: nobody knows who has most.
int Matchmaker::next_holder() {
  do {
    last_asked_ = (last_asked_ + 1) % static_cast<int>(may_have_work_.size());
  } while (!may_have_work_[static_cast<std::size_t>(last_asked_)]);
  return last_asked_;
}

std::vector<Matchmaker::Word> Matchmaker::match() {
  std::vector<Word> words;
  for (; !idle_.empty(); idle_.pop_front()) {
    if (holders_ > 0) {
      words.push_back({next_holder(), idle_.front()});
    } else {
      words.push_back({idle_.front(), none});
      ++left_;
    }
  }
  return words;
}

}  // namespace stockpot::engine
