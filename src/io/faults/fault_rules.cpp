#include "io/faults/fault_rules.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <vector>

#include "core/error.hpp"
#include "core/size.hpp"

namespace stockpot::io::faults {
namespace {

struct NamedFault {
  std::string_view name;
  Fault fault;
};

constexpr std::array named_faults{
    NamedFault{"EIO", {Effect::fail, EIO}},
    NamedFault{"ENOSPC", {Effect::fail, ENOSPC}},
    NamedFault{"EDQUOT", {Effect::fail, EDQUOT}},
    NamedFault{"EFBIG", {Effect::fail, EFBIG}},
    NamedFault{"ESTALE", {Effect::fail, ESTALE}},
    NamedFault{"EINTR", {Effect::fail, EINTR}},
    NamedFault{"EAGAIN", {Effect::fail, EAGAIN}},
    NamedFault{"EINVAL", {Effect::fail, EINVAL}},
    NamedFault{"EOPNOTSUPP", {Effect::fail, EOPNOTSUPP}},
    NamedFault{"EXDEV", {Effect::fail, EXDEV}},
    NamedFault{"ETIMEDOUT", {Effect::fail, ETIMEDOUT}},
    NamedFault{"EACCES", {Effect::fail, EACCES}},
    NamedFault{"EPERM", {Effect::fail, EPERM}},
    NamedFault{"ENOENT", {Effect::fail, ENOENT}},
    NamedFault{"short", {Effect::half, 0}},
    NamedFault{"few", {Effect::few, 0}},
    NamedFault{"zero", {Effect::end_of_file, 0}},
    NamedFault{"flip", {Effect::flip, 0}},
    NamedFault{"lost", {Effect::lost, 0}},
    NamedFault{"stop", {Effect::stop, 0}},
    NamedFault{"lag", {Effect::lag, 0}},
    NamedFault{"slow", {Effect::slow, 0}},
    NamedFault{"hang", {Effect::hang, 0}},
    NamedFault{"kill", {Effect::kill_before, 0}},
    NamedFault{"after", {Effect::kill_after, 0}},
};

Error mistake(std::string_view text) {
  return Error(ErrorKind::usage, "STOCKPOT_FAULT: what is '" + printable(text) + "'?");
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) throw mistake(text);
  return number;
}

}  // namespace

FaultRules::FaultRules(std::string_view text, int rank) {
  for (std::string_view rule : split(text, ';')) {
    while (rule.starts_with(' ')) rule.remove_prefix(1);
    if (rule.empty()) continue;
    if (rule.starts_with("trace=")) {
      trace_file_ = rule.substr(6);
    } else if (rule.starts_with("rate=")) {
      const auto rate = parse_size(rule.substr(5));
      if (!rate || *rate == 0) throw mistake(rule);
      rate_ = *rate;
    } else {
      read_rule(rule, rank);
    }
  }
}

void FaultRules::read_rule(std::string_view text, int rank) {
  const auto parts = split(text, ':');
  if (parts.size() < 2) throw mistake(text);
  Rule& rule = rules_.emplace_back();
  rule.call = parts.front();
  for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
    const auto equals = parts[i].find('=');
    if (equals == parts[i].npos) throw mistake(parts[i]);
    const auto name = parts[i].substr(0, equals), value = parts[i].substr(equals + 1);
    if (name == "rank") {
      rule.for_this_rank = number_of(value) == static_cast<std::uint64_t>(rank);
    } else if (name == "nth") {
      rule.first = number_of(value);
    } else if (name == "times") {
      rule.times = number_of(value);
    } else if (name == "path") {
      rule.path = value;
    } else {
      throw mistake(parts[i]);
    }
  }
  for (const NamedFault& known : named_faults) {
    if (known.name != parts.back()) continue;
    rule.fault = known.fault;
    return;
  }
  throw mistake(parts.back());
}

std::optional<Fault> FaultRules::hit(const Call& call) {
  std::optional<Fault> fault;
  for (Rule& rule : rules_) {
    const bool named = rule.call == "any" || rule.call == call.name || (rule.call == "change" && call.changes) ||
                       (call.direct && rule.call == std::string(call.name) + "_direct");
    if (!named || !rule.for_this_rank || call.path.find(rule.path) == call.path.npos) continue;
    const std::uint64_t number = rule.seen.fetch_add(1) + 1;
    const bool due = number >= rule.first && (rule.times == 0 || number - rule.first < rule.times);
    if (due && !fault) fault = rule.fault;
  }
  return fault;
}

}  // namespace stockpot::io::faults
