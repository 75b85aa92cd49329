#include "engine/continuation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "comm/agree.hpp"
#include "core/bytes.hpp"
#include "core/error.hpp"
#include "engine/journal_keeper.hpp"
#include "engine/staged_plan.hpp"
#include "io/folder.hpp"
#include "io/journal.hpp"
#include "io/small_file.hpp"
#include "io/tree.hpp"

namespace stockpot::engine {
namespace {

namespace fs = std::filesystem;

std::vector<io::Digest> digests_in(const std::string& payload) {
  std::vector<io::Digest> digests(payload.size() / sizeof(io::Digest));
  std::memcpy(digests.data(), payload.data(), digests.size() * sizeof(io::Digest));
  return digests;
}

/// Adds up the journals of all attempts. Rank 0.
class JournalReader {
 public:
  JournalReader(const plan::MergePlan& plan, std::vector<plan::Unit> units, const std::string& plan_digest,
                Continuation& into)
      : plan_(plan), units_(std::move(units)), plan_digest_(plan_digest), into_(into) {}

  void read(const std::string& directory) {
    std::error_code failure;
    std::vector<std::string> names = io::names_in(directory, failure);
    std::erase_if(names, [](const std::string& name) { return !io::attempt_of_journal(name); });
    for (auto first = names.begin(); first != names.end();) {  // ascending by attempt
      const auto attempt = io::attempt_of_journal(*first);
      const auto last =
          std::find_if(first, names.end(), [&](const auto& n) { return io::attempt_of_journal(n) != attempt; });
      read_attempt(directory, {first, last});
      first = last;
    }
    if (torn_bytes_ > 0) {
      into_.remarks.push_back(fmt::format("{} bytes at the ends of {} journals were not whole: a crash tore them",
                                          torn_bytes_, torn_files_));
    }
  }

 private:
  /// An attempt revokes before it does anything again, whichever rank did what.
  void read_attempt(const std::string& directory, const std::vector<std::string>& names) {
    std::vector<std::vector<io::JournalEntry>> journals;
    for (const std::string& name : names) {
      const std::string path = directory + "/" + name;
      const std::string stem = fs::path(name).stem().string();
      io::JournalContent content = io::read_journal(path, io::journal_seed(plan_digest_, stem));
      torn_bytes_ += content.torn_bytes;
      torn_files_ += content.torn_bytes > 0 ? 1 : 0;
      for (const io::JournalEntry& entry : content.entries) {
        if (entry.type == io::EntryType::revoked) into_.digests.erase(entry.subject);
      }
      journals.push_back(std::move(content.entries));
    }
    for (std::size_t j = 0; j < journals.size(); ++j) {
      const std::string totals = fs::path(directory + "/" + names[j]).replace_extension(".totals").string();
      for (const io::JournalEntry& entry : journals[j]) take(entry, totals);
    }
  }

  void take(const io::JournalEntry& entry, const std::string& totals_file) {
    if (entry.type == io::EntryType::unit_done) {
      take_unit(entry);
    } else if (entry.type == io::EntryType::pass_done) {
      const auto record = PassRecord::unpack(entry.payload);
      if (!record || entry.subject >= plan_.groups.size()) return;
      into_.recorded.places[{entry.subject, record->pass}] = {totals_file, record->offset, record->bytes,
                                                              record->digest};
    } else if (entry.type == io::EntryType::factor && entry.payload.size() == sizeof(double)) {
      into_.recorded.factor = ByteReader(entry.payload).real();
    }
  }

  void take_unit(const io::JournalEntry& entry) {
    if (entry.subject >= units_.size()) return;
    std::vector<io::Digest> digests = digests_in(entry.payload);
    io::DigestTree tree;
    if (!io::insert_left_to_right(units_[entry.subject].range, digests, tree)) return;
    into_.digests[entry.subject] = std::move(digests);
  }

  const plan::MergePlan& plan_;
  std::vector<plan::Unit> units_;
  const std::string& plan_digest_;
  Continuation& into_;
  std::uint64_t torn_bytes_ = 0, torn_files_ = 0;
};

std::vector<std::uint32_t> units_of_lost_files(const io::OutputPlaces& places, const std::vector<plan::Unit>& units,
                                               const Continuation& found) {
  std::vector<std::uint8_t> is_whole;
  for (const auto& file : places.files) {
    is_whole.push_back(io::stored_size(found.data_directory + "/" + file.name) == file.bytes ? 1 : 0);
  }
  std::vector<std::uint32_t> lost;
  for (const auto& unit : found.digests) {
    if (is_whole[places.places[units[unit.first].tensor].file] == 0) lost.push_back(unit.first);
  }
  return lost;
}

std::vector<std::uint32_t> all_units(const Continuation& found) {
  std::vector<std::uint32_t> units;
  for (const auto& unit : found.digests) units.push_back(unit.first);
  return units;
}

/// Units count only in files that are there with their full size; and beside the factor of `lines` that they were made with,
/// which is found by measuring all units. The journal says so, for files that are made again soon have their size.
void forget_lost_units(const Stage& stage, const std::optional<io::OutputPlaces>& places,
                       const std::vector<plan::Unit>& units, Continuation& found) {
  const bool without_factor = stage.plan.lines_models > 0 && !found.recorded.factor;
  const auto lost = without_factor || !places ? all_units(found) : units_of_lost_files(*places, units, found);
  if (lost.empty()) return;
  revoke(lost, Revoked::lost, stage.fingerprint, found);
  for (const std::uint32_t unit : lost) found.digests.erase(unit);
  found.remarks.push_back(fmt::format(
      "{} units are made again: {}", lost.size(),
      without_factor ? "the factor that they were made with is lost" : "their files are gone or have another size"));
}

/// Rank 0.
Continuation read_staged(io::Staging& staging, const Stage& stage, const std::optional<io::OutputPlaces>& places,
                         const ReliabilityOptions& options) {
  Continuation found;
  found.data_directory = staging.data_directory();
  found.journal_directory = staging.journal_directory();
  found.attempt = staging.attempt();
  const auto record = read_staged_plan(staging.plan_file());
  const std::string digest = record ? io::digest_of(record->facts) : "";
  const bool same = digest == stage.fingerprint;
  if (record && options.resume != Resume::never) refuse_other_merge(staging.plan_file(), record->facts, stage);
  if (!same || options.resume == Resume::never) {
    staging.start_anew();
  } else {
    const std::vector<plan::Unit> units = plan::cut_units(stage.plan, record->unit_bytes);
    if (units.size() != record->units) throw Error(ErrorKind::internal, "the same plan is cut into other units");
    JournalReader(stage.plan, units, digest, found).read(found.journal_directory);
    forget_lost_units(stage, places, units, found);
    found.unit_bytes = record->unit_bytes;
    if (!found.digests.empty()) found.done.assign(units.size(), 0);
    for (const auto& unit : found.digests) found.done[unit.first] = 1;
    found.done_units = found.digests.size();
    found.is_doubted = staging.is_doubted();
  }
  io::ensure_directory(found.journal_directory);
  return found;
}

}  // namespace

void Continuation::forget(std::uint32_t unit) {
  digests.erase(unit);  // rank 0 has them
  done_units -= done[unit];
  done[unit] = 0;
}

std::string Continuation::pack() const {
  ByteWriter out;
  out.text(data_directory);
  out.text(journal_directory);
  out.number(attempt);
  out.number(unit_bytes);
  out.number(done_units);
  out.number(is_doubted ? 1 : 0);
  out.text({reinterpret_cast<const char*>(done.data()), done.size()});
  out.number(recorded.factor ? 1 : 0);
  out.real(recorded.factor.value_or(0));
  for (const auto& [key, place] : recorded.places) {
    out.number(key.first);
    out.number(key.second);
    out.text(place.file);
    out.number(place.offset);
    out.number(place.bytes);
    out.text({reinterpret_cast<const char*>(place.digest.bytes.data()), place.digest.bytes.size()});
  }
  return out.take();
}

Continuation Continuation::unpack(const std::string& packed) {
  ByteReader in(packed);
  Continuation found;
  found.data_directory = in.text();
  found.journal_directory = in.text();
  found.attempt = static_cast<std::uint32_t>(in.number());
  found.unit_bytes = in.number();
  found.done_units = in.number();
  found.is_doubted = in.number() != 0;
  const std::string done = in.text();
  found.done.assign(done.begin(), done.end());
  const bool has_factor = in.number() != 0;
  const double factor = in.real();
  if (has_factor) found.recorded.factor = factor;
  while (!in.done()) {
    RecordedPasses::Key key;
    key.first = static_cast<std::uint32_t>(in.number());
    key.second = static_cast<std::uint32_t>(in.number());
    RecordedPasses::Place& place = found.recorded.places[key];
    place.file = in.text();
    place.offset = in.number();
    place.bytes = in.number();
    const std::string digest = in.text();
    std::memcpy(place.digest.bytes.data(), digest.data(), place.digest.bytes.size());
  }
  return found;
}

void revoke(const std::vector<std::uint32_t>& units, Revoked why, const std::string& plan_digest,
            const Continuation& continuation) {
  const std::string name = io::journal_name(continuation.attempt, static_cast<std::uint32_t>(why));
  io::JournalWriter journal(continuation.journal_directory + "/" + name + ".log", io::journal_seed(plan_digest, name));
  for (const std::uint32_t unit : units) journal.add({io::EntryType::revoked, unit, {}});
  journal.commit();
}

Continuation take_up(const comm::Communicator& comm, std::optional<io::Staging>& staging, const Stage& stage,
                     const std::optional<io::OutputPlaces>& places, const ReliabilityOptions& options) {
  Continuation mine;
  const std::string packed = comm::on_root(comm, [&] {
    mine = read_staged(*staging, stage, places, options);
    return mine.pack();
  });
  return comm.is_root() ? std::move(mine) : Continuation::unpack(packed);
}

bool record_plan(const io::Staging& staging, const Stage& stage, const plan::Schedule& schedule) {
  if (io::stored_size(staging.plan_file())) return false;
  io::replace_file(staging.plan_file(), io::to_json(io::PlanRecord{stage.facts, schedule.unit_bytes,
                                                                   schedule.units.size(), stage.plan.output_bytes()}));
  return true;
}

bool can_be_continued(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::output_exists:
    case ErrorKind::storage:
    case ErrorKind::no_space:
    case ErrorKind::limits:
    case ErrorKind::mismatch:
    case ErrorKind::internal:
    case ErrorKind::stopped:
      return true;
    case ErrorKind::usage:
    case ErrorKind::recipe:
    case ErrorKind::corrupt_input:
    case ErrorKind::numeric:
      return false;
  }
  return false;
}

}  // namespace stockpot::engine
