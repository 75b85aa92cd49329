#include "io/output_status.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <set>

#include "core/error.hpp"
#include "io/digest.hpp"
#include "io/file_system.hpp"
#include "io/folder.hpp"
#include "io/journal.hpp"
#include "io/manifest.hpp"
#include "io/output_place.hpp"
#include "io/plan_record.hpp"
#include "io/publish.hpp"
#include "io/run_record.hpp"
#include "io/small_file.hpp"
#include "io/tree.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t large_limit = std::uint64_t{1} << 30;

bool is_there(const std::string& path) { return fs::symlink_status(path).type() != fs::file_type::not_found; }

/// Units with a record that counts, over all attempts.
std::uint64_t count_done(const std::string& directory, const std::string& plan_digest, std::uint64_t units) {
  std::map<std::uint32_t, std::vector<std::string>> by_attempt;
  std::error_code failure;
  for (const std::string& name : names_in(directory, failure)) {
    if (const auto attempt = attempt_of_journal(name)) by_attempt[*attempt].push_back(name);
  }
  std::set<std::uint32_t> done;
  for (const auto& [attempt, names] : by_attempt) {
    std::set<std::uint32_t> now;
    for (const std::string& name : names) {
      const std::string stem = fs::path(name).stem().string();
      for (const JournalEntry& entry : read_journal(directory + "/" + name, journal_seed(plan_digest, stem)).entries) {
        if (entry.type == EntryType::revoked) done.erase(entry.subject);
        if (entry.type == EntryType::unit_done && entry.subject < units) now.insert(entry.subject);
      }
    }
    done.merge(now);
  }
  return done.size();
}

class Look {
 public:
  explicit Look(const std::string& out) : out_(resolved_output(out).string()), staging_(out_ + staging_suffix) {}

  OutputStatus take() && {
    const bool staged = is_there(staging_);
    const bool whole = is_whole();
    if (staged && !read_holder()) {
      if (whole) set(OutputState::published, "");  // what lies beside it is not of its making
      return std::move(status_);
    }
    if (status_.holder) {
      read_progress();
      with_staging(whole);
    } else {
      without_staging(whole);
    }
    return std::move(status_);
  }

 private:
  void set(OutputState state, std::string next) {
    status_.state = state;
    status_.next = std::move(next);
  }

  bool is_whole() {
    const std::string manifest = out_ + "/" + std::string(manifest_file_name);
    if (!stored_size(manifest)) return false;
    const std::string record = out_ + "/" + std::string(run_record_file_name);
    if (is_committed_by_marker(record) && !stored_size(out_ + "/" + marker_file_name)) return false;
    status_.manifest_sha256 = sha256_hex(read_file(manifest, large_limit));
    return true;
  }

  void without_staging(bool whole) {
    std::error_code ignored;
    if (whole) return set(OutputState::published, "");
    if (!is_there(out_) || fs::is_empty(out_, ignored)) {
      return set(OutputState::nothing, "'stockpot merge' makes it");
    }
    status_.notes.emplace_back(
        "there is something under this name that has no manifest, or no mark that it is complete");
    set(OutputState::broken, "look at what it is; --overwrite replaces it");
  }

  /// @return false if what is there is not Stockpot's.
  bool read_holder() {
    try {
      status_.holder = holder_of_own(staging_);
    } catch (const Error& error) {
      status_.notes.push_back(error.sentence());
      set(OutputState::broken, error.hint());
      return false;
    }
    return true;
  }

  void read_progress() {
    const std::string plan_file = staging_ + "/plan.json";
    if (!stored_size(plan_file)) return;
    const auto plan = parse_plan_record(read_file(plan_file, large_limit));
    if (!plan) return;
    status_.units = plan->units;
    status_.done_units = count_done(staging_ + "/journal", digest_of(plan->facts), plan->units);
  }

  void with_staging(bool whole) {
    if (is_there(staging_ + "/replaced") && !is_there(out_)) {
      status_.notes.emplace_back(
          "the old output was moved aside, and the new one is not in its place yet: the next start "
          "moves the old one back first");
    } else if (whole) {
      status_.notes.emplace_back("an output is there, too");
    }
    const Owner owner = owner_of(*status_.holder);
    if (owner == Owner::running) return set(OutputState::in_use, "wait until it has ended");
    if (whole && was_published()) {
      status_.notes.emplace_back("what is left of its making goes with the next start");
      return set(OutputState::published, "");
    }
    if (owner == Owner::elsewhere) {
      return set(OutputState::in_use,
                 fmt::format("if that process has ended, the same command line with --break-lock {} goes on",
                             status_.holder->lock.token));
    }
    set(OutputState::resumable, "the same command line goes on from here, with any number of ranks");
  }

  bool was_published() const {
    const std::string said = staging_ + "/publish.json", record = out_ + "/" + std::string(run_record_file_name);
    return stored_size(said) && stored_size(record) &&
           read_file(said, large_limit) == sha256_hex(read_file(record, large_limit)) + "\n";
  }

  std::string out_, staging_;
  OutputStatus status_;
};

}  // namespace

OutputStatus status_of(const std::string& out) {
  return with_file_system_errors([&] { return Look(out).take(); });
}

}  // namespace stockpot::io
