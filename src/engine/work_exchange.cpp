#include "engine/work_exchange.hpp"

#include <algorithm>
#include <string>

#include "core/bytes.hpp"

namespace stockpot::engine {
namespace {

constexpr int root = 0;

enum class Subject : std::uint64_t {
  idle,         // to rank 0
  nothing_for,  // to rank 0: a helper
  give_to,      // from rank 0: a helper
  leave,        // from rank 0
  parcel,       // to a helper
};

std::string message(Subject subject, int helper = Matchmaker::none) {
  ByteWriter out;
  out.number(static_cast<std::uint64_t>(subject));
  if (helper != Matchmaker::none) out.number(static_cast<std::uint64_t>(helper));
  return out.take();
}

void pack(const std::vector<std::uint32_t>& numbers, ByteWriter& out) {
  out.number(numbers.size());
  for (const std::uint32_t number : numbers) out.number(number);
}

std::vector<std::uint32_t> unpack(ByteReader& in) {
  std::vector<std::uint32_t> numbers(in.number());
  for (std::uint32_t& number : numbers) number = static_cast<std::uint32_t>(in.number());
  return numbers;
}

std::string message(const Parcel& parcel) {
  ByteWriter out;
  out.number(static_cast<std::uint64_t>(Subject::parcel));
  pack(parcel.direct, out);
  for (const plan::Wave& wave : parcel.waves) {
    pack(wave.groups, out);
    pack(wave.units, out);
    out.number(wave.keep_units);
    out.number(wave.note_units);
  }
  return out.take();
}

Parcel parcel_of(ByteReader& in) {
  Parcel parcel;
  parcel.direct = unpack(in);
  while (!in.done()) {
    plan::Wave& wave = parcel.waves.emplace_back();
    wave.groups = unpack(in);
    wave.units = unpack(in);
    wave.keep_units = in.number();
    wave.note_units = in.number();
  }
  return parcel;
}

}  // namespace

void WorkExchange::serve() {
  while (const auto mail = comm_.collect()) take(*mail);
  answer_helpers();
}

std::optional<Parcel> WorkExchange::next_parcel() {
  gives_nothing_ = true;
  answer_helpers();
  if (comm_.is_root()) {
    tell(matchmaker_.is_idle(root));
  } else {
    comm_.post(root, message(Subject::idle));
  }
  bool may_leave = false;
  while (!may_leave || (comm_.is_root() && !matchmaker_.all_left())) {
    const auto mail = comm_.await_mail();
    if (!mail) return std::nullopt;
    Answer answer = take(*mail);
    if (answer.parcel) return std::move(answer.parcel);
    may_leave = may_leave || answer.leave;
  }
  return std::nullopt;
}

WorkExchange::Answer WorkExchange::take(const comm::Mail& mail) {
  ByteReader in(mail.bytes);
  switch (static_cast<Subject>(in.number())) {
    case Subject::idle:
      tell(matchmaker_.is_idle(mail.from));
      break;
    case Subject::nothing_for:
      tell(matchmaker_.has_nothing_for(mail.from, static_cast<int>(in.number())));
      break;
    case Subject::give_to:
      waiting_.push_back(static_cast<int>(in.number()));
      answer_helpers();
      break;
    case Subject::leave:
      return {.leave = true, .parcel = {}};
    case Subject::parcel:
      return {.leave = false, .parcel = parcel_of(in)};
  }
  return {};
}

void WorkExchange::answer_helpers() {
  std::erase_if(waiting_, [&](int helper) {
    if (gives_nothing_ || own_.is_through()) {
      comm_.post(root, message(Subject::nothing_for, helper));
      return true;
    }
    const auto parcel = own_.give();
    if (parcel) comm_.post(helper, message(*parcel));
    return parcel.has_value();
  });
}

void WorkExchange::tell(const std::vector<Matchmaker::Word>& words) {
  for (const auto& [to, helper] : words) {
    comm_.post(to, helper == Matchmaker::none ? message(Subject::leave) : message(Subject::give_to, helper));
  }
}

}  // namespace stockpot::engine
