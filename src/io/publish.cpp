#include "io/publish.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "core/error.hpp"
#include "io/digest.hpp"
#include "io/file_calls.hpp"
#include "io/file_system.hpp"
#include "io/folder.hpp"
#include "io/manifest.hpp"
#include "io/run_record.hpp"
#include "io/small_file.hpp"
#include "io/tree.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t small_limit = std::uint64_t{64} << 20;

bool is_there(const std::string& path) { return fs::symlink_status(path).type() != fs::file_type::not_found; }

/// What publish.json says, and what it is compared with: the run record, of which no two are alike.
std::string mark_of(const std::string& directory) {
  const std::string record = directory + "/" + std::string(run_record_file_name);
  return is_there(record) ? sha256_hex(read_file(record, small_limit)) + "\n" : "no record\n";
}

bool has_marker(const std::string& out) { return is_there(out + "/" + marker_file_name); }

/// The run record of an output, or of one that was moved aside.
std::string record_of(const std::string& out) {
  return (is_there(out) ? out : out + staging_suffix + "/replaced") + "/" + std::string(run_record_file_name);
}

/// @return false if the file system cannot rename without replacing.
bool rename_if_absent(const std::string& from, const std::string& to) {
  if (file_calls().rename_if_absent(from.c_str(), to.c_str()) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) return false;
  if (errno == EEXIST) throw exists_error("the output came into being during the run", to).code("OUT001");
  throw system_error(errno, "rename", to);
}

void rename_or_throw(const std::string& from, const std::string& to) {
  if (file_calls().rename(from.c_str(), to.c_str()) != 0) throw system_error(errno, "rename", to);
}

/// The output may grow in a mount, beside which its stages lie: each file system has to hold its part.
void require_missing_space(const OutputPlace& place, const std::string& out, const std::string& staging) {
  const std::uint64_t grows_in_out = place.in_place ? place.needed_bytes : 0;
  const std::uint64_t of_out = unallocated_bytes(out, grows_in_out);
  const std::uint64_t of_staging = unallocated_bytes(staging, place.needed_bytes - grows_in_out + place.stages_bytes);
  const fs::path beside = is_there(staging) ? fs::path(staging) : fs::path(staging).parent_path();
  if (share_file_system(out, beside)) return require_space(beside, of_out + of_staging);
  require_space(out, of_out);
  require_space(beside, of_staging);
}

/// Whether the files that hold tensors are there with the size that they had. Not their bytes: that is what verify is for.
bool is_whole(const std::string& out) {
  const std::string path = out + "/" + std::string(manifest_file_name);
  if (!is_there(path)) return false;
  try {
    const Manifest manifest = parse_manifest(read_file(path, std::uint64_t{1} << 30), path);
    return std::ranges::all_of(manifest.files, [&](const Manifest::OutputFile& file) {
      return stored_size(out + "/" + file.name) == file.bytes;
    });
  } catch (const Error&) {  // it does not say what should be there
    return false;
  }
}

}  // namespace

bool is_unfinished(const std::string& out) { return is_there(out + "/" + unfinished_file_name) && !has_marker(out); }

bool is_recorded_as(const std::string& out, const std::string& made_of) {
  const std::string record = out + "/" + std::string(run_record_file_name);
  return !made_of.empty() && (stage_fingerprint(record) == made_of || planned_fingerprint(record) == made_of);
}

bool is_made_of(const std::string& out, const std::string& made_of) {
  const std::string record = out + "/" + std::string(run_record_file_name);
  if (made_of.empty() || is_unfinished(out) || (is_committed_by_marker(record) && !has_marker(out))) return false;
  return is_recorded_as(out, made_of) && is_whole(out);
}

bool holds_own_output(const std::string& out) { return stage_fingerprint(record_of(out)).has_value(); }

bool holds_stage(const std::string& out, const std::string& name) { return recorded_stage(record_of(out)) == name; }

std::optional<std::string> staged_plan_file(const std::string& out) {
  const std::string staging = out + staging_suffix;
  std::string plan = staging + "/plan.json";
  const bool is_growing = stored_size(plan) && !stored_size(staging + "/publish.json");
  return is_growing ? std::optional(std::move(plan)) : std::nullopt;
}

Staging::Staging(std::string out, const OutputPlace& place, OutputLock lock)
    : out_(std::move(out)),
      directory_(out_ + staging_suffix),
      data_(place.in_place ? out_ : directory_ + "/data"),
      overwrite_(place.overwrite),
      in_place_(place.in_place),
      lock_(std::move(lock)) {}

Staging Staging::open(const OutputPlace& place) {
  return with_file_system_errors([&] {
    if (place.in_place && place.overwrite) {
      throw Error(ErrorKind::usage, "an output that grows in its own place cannot replace another one")
          .hint("remove the old output first, or leave out --commit=marker");
    }
    const fs::path out = resolved_output(place.out);
    const std::string directory = out.string() + staging_suffix;
    refuse_inputs(out, place.inputs);
    refuse_inputs(directory, place.inputs);  // in the end it is removed
    const bool is_new = !is_there(directory);
    if (is_new) {
      refuse_existing(out, place.overwrite, !place.in_place);
    } else {
      holder_of_own(directory);
    }
    require_missing_space(place, out.string(), directory);
    ensure_directory(directory);
    Staging staging(out.string(), place, OutputLock::take(directory, place.claim));
    try {
      staging.prepare(place);
    } catch (...) {
      is_new ? staging.discard() : staging.leave();
      throw;
    }
    return staging;
  });
}

bool Staging::is_finished(const OutputPlace& place) {
  return with_file_system_errors([&] {
    const std::string out = resolved_output(place.out).string();
    if (!is_made_of(out, place.made_of) || (place.in_place && !has_marker(out))) return false;
    remove_leftovers(place);
    return true;
  });
}

void Staging::remove_leftovers(const OutputPlace& place) {
  try {
    with_file_system_errors([&] {
      const std::string out = resolved_output(place.out).string();
      const std::string directory = out + staging_suffix;
      if (!is_there(directory)) return;
      holder_of_own(directory);
      Staging(out, place, OutputLock::take(directory, place.claim)).discard();
    });
  } catch (const Error&) {  // somebody is cleaning up, or it is not ours
  }
}

void Staging::prepare(const OutputPlace& place) {
  check_way_of_commit();
  repair(place);
  if (published_) return;
  refuse_existing(out_, overwrite_ || (in_place_ && is_unfinished(out_)), !in_place_);
  ensure_directory(data_);
  if (in_place_) prepare_in_place();
}

void Staging::prepare_in_place() const {
  if (!is_there(in_place_path())) write_file(in_place_path(), "");
  if (!is_unfinished(out_)) write_file(unfinished_path(), "");
}

/// What says that it is ours goes last; a mount stays.
void Staging::remove_unfinished_output() const {
  remove_entries(out_, [](const std::string& name) { return name == unfinished_file_name; });
  remove_tree(unfinished_path());
  if (file_calls().rmdir(out_.c_str()) != 0 && errno != ENOENT && errno != EBUSY)
    throw system_error(errno, "rmdir", out_);
}

void Staging::check_way_of_commit() const {
  const bool was_in_place = is_there(in_place_path());
  if (was_in_place == in_place_ || (!was_in_place && !is_there(directory_ + "/data"))) return;
  throw Error(ErrorKind::recipe, was_in_place ? "an earlier attempt wrote in place, with --commit=marker"
                                              : "an earlier attempt wrote beside the output, without --commit=marker")
      .with("output", out_)
      .hint(fmt::format("give the same --commit, or remove {}", directory_));
}

bool Staging::is_to_be_published(const std::string& directory) const {
  return is_there(publish_path()) && is_there(directory) &&
         mark_of(directory) == read_file(publish_path(), small_limit);
}

/// Sets right what a kill in publish() left behind.
void Staging::repair(const OutputPlace& place) {
  if (is_to_be_published(out_) && (!in_place_ || has_marker(out_))) {
    published_ = is_made_of(out_, place.made_of);
    remove_all_but_locks(true);
    return;
  }
  if (is_there(old_path())) bring_back_old();
  if (!is_there(publish_path())) return;
  // It was published, and is gone since: what lies in data/ is what it replaced, of which the journal knows nothing.
  if (!is_to_be_published(data_)) return remove_all_but_locks(false);
  remove_tree(publish_path());  // its record is about to become another
}

void Staging::bring_back_old() const {
  if (is_there(out_)) {
    throw exists_error("the output was moved aside to be replaced, and there is another one now", out_)
        .with("old output", old_path())
        .hint("move one of the two out of the way");
  }
  rename_or_throw(old_path(), out_);
  sync_directory(fs::path(out_).parent_path().string());
}

void Staging::start_anew(bool with_stages) {
  remove_all_but_locks(with_stages);
  ensure_directory(data_);
  if (in_place_) prepare_in_place();
}

void Staging::doubt() const {
  if (!is_doubted()) write_file(doubt_path(), "");
}

bool Staging::is_doubted() const { return is_there(doubt_path()); }

void Staging::publish() {
  with_file_system_errors([&] {
    if (!lock_.is_ours()) throw exists_error("another run has taken over this output", out_);
    sync_directory(data_);
    if (!in_place_) refuse_existing(out_, overwrite_, true);
    replace_file(publish_path(), mark_of(data_));
    sync_directory(directory_);
    in_place_ ? commit_in_place() : move_to_output();
    sync_directory(fs::path(out_).parent_path().string());
  });
  discard();  // the output is there: leftovers are no reason to call the merge a failure
}

void Staging::move_to_output() {
  if (fs::is_directory(out_) && fs::is_empty(out_)) {
    file_calls().rmdir(out_.c_str());  // counts as absent; whatever else is there now stops the rename
  }
  bool moved_aside = false;
  if (overwrite_ && is_there(out_)) {
    if (file_calls().exchange(data_.c_str(), out_.c_str()) == 0) return;
    rename_or_throw(out_, old_path());
    moved_aside = true;
  }
  try {
    // Plain rename replaces an empty directory at most, and that counts as absent.
    if (!rename_if_absent(data_, out_)) rename_or_throw(data_, out_);
  } catch (...) {
    if (moved_aside) file_calls().rename(old_path().c_str(), out_.c_str());
    throw;
  }
}

void Staging::commit_in_place() const {
  const std::string manifest = out_ + "/" + std::string(manifest_file_name);
  const std::string digest = is_there(manifest) ? sha256_hex(read_file(manifest, std::uint64_t{1} << 30)) : "";
  replace_file(out_ + "/" + marker_file_name, digest + "\n");
  sync_directory(out_);
  remove_tree(unfinished_path());
}

bool Staging::holds_work() const {
  std::error_code failure;
  return is_there(plan_file()) || !names_in(stages_directory(), failure).empty();
}

void Staging::remove_all_but_locks(bool with_stages) {
  if (in_place_ && is_unfinished(out_)) remove_unfinished_output();
  if (in_place_ && has_marker(out_)) remove_tree(unfinished_path());  // its maker died between the two
  if (with_stages) remove_tree(old_path());
  remove_tree(plan_file());  // first: without it nobody goes on with what else is left
  remove_entries(directory_, [&](const std::string& name) {
    return name == "replaced" || name == "publish.json" || name.starts_with("lock") ||
           (name == "stages" && !with_stages);
  });
  remove_tree(publish_path());  // last: as long as anything is left, it says what that is
}

void Staging::discard() noexcept {
  try {
    if (!lock_.is_ours()) return;
    if (is_there(old_path()) && !is_there(out_)) return leave();  // the next start moves it back
    remove_all_but_locks(true);
    lock_.remove();
    file_calls().rmdir(directory_.c_str());
  } catch (...) {  // it must not hide what led here; the next run removes the rest, wherever it runs
    leave();
  }
}

}  // namespace stockpot::io
