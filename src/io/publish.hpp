// An output appears whole or not at all: it grows in OUT.stockpot/data and becomes OUT by one rename.
//
//   OUT.stockpot/lock ...      who works here (output_lock.hpp)
//   OUT.stockpot/data/         what will be OUT
//   OUT.stockpot/publish.json  data/ is complete and is being moved to OUT
//   OUT.stockpot/replaced/     the old output meanwhile
// The staging directory lies next to OUT, so that both are on one file system. docs/reliability.md has the whole story.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/output_lock.hpp"
#include "io/output_place.hpp"

namespace stockpot::io {

/// What is to be made, as far as the place matters.
struct OutputPlace {
  std::string out;
  std::vector<std::string> inputs;  ///< directories and files that the output is made of
  std::uint64_t needed_bytes = 0;   ///< of all output files, and of what else goes to the file system that they grow on
  std::uint64_t stages_bytes = 0;   ///< of stages in its staging directory
  bool overwrite = false;           ///< an output that is there already is replaced
  bool in_place = false;            ///< data grows in OUT itself, and a marker commits it
  LockClaim claim = {};
  std::string made_of = {};  ///< fingerprint: an output whose run record has it is this one
};

/// Whether an output grows in its own place there and has no mark yet.
bool is_unfinished(const std::string& out);

/// Whether an output's run record has this fingerprint, of plans with or without its stages.
bool is_recorded_as(const std::string& out, const std::string& made_of);

/// The same, and the files that hold its tensors are there with their sizes, and its mark if a mark commits it.
bool is_made_of(const std::string& out, const std::string& made_of);

/// Whether an output that a merge published lies there, or was moved aside by one that died replacing it.
bool holds_own_output(const std::string& out);
/// Likewise, whether it was made as the stage of this name, by whatever recipe.
bool holds_stage(const std::string& out, const std::string& name);

/// The plan of what is staged for an output and not published yet; nothing if there is none.
std::optional<std::string> staged_plan_file(const std::string& out);

/// The staging directory of one output, locked by this process. All functions are local: one rank calls them.
/// Whoever neither publishes, discards nor leaves it looks like a process that was killed.
class Staging {
 public:
  /// Checks the place and locks it. A lock whose holder is gone is taken over, with all that it left; an old output that
  /// was moved aside comes back.
  /// @throws Error(output_exists): OUT001 if OUT exists and is not to be replaced (an empty directory counts as absent),
  ///         OUT002 if OUT is, holds or lies in an input, and if another run holds the lock or the staging
  ///         directory is not ours; Error(storage) if OUT's parent is missing or cannot be written to;
  ///         Error(no_space, OUT003); Error(recipe) if an earlier attempt committed in the other way.
  static Staging open(const OutputPlace& place);

  /// Whether the output is there already, made of the same. What a dead attempt left beside it is removed.
  static bool is_finished(const OutputPlace& place);

  /// Removes what a dead attempt left beside an output that is there. What somebody works on stays, and what cannot go.
  static void remove_leftovers(const OutputPlace& place);

  Staging(Staging&&) = default;
  Staging& operator=(Staging&&) = default;

  /// Where the output's files go.
  const std::string& data_directory() const { return data_; }
  /// Where outputs of stages before this one may go: removed with the staging directory.
  std::string stages_directory() const { return directory_ + "/stages"; }
  std::string journal_directory() const { return directory_ + "/journal"; }
  std::string plan_file() const { return directory_ + "/plan.json"; }
  std::uint32_t attempt() const { return lock_.attempt(); }
  /// An earlier attempt published this very output, and was killed before it could clean up.
  bool is_published() const { return published_; }

  /// What is staged was found to differ from what was written: the next attempt has to look at all of it.
  void doubt() const;
  bool is_doubted() const;

  /// A sign of life for those who look at the lock.
  void refresh() const noexcept { lock_.refresh(); }
  /// Removes what earlier attempts left. @param with_stages  finished stages, too
  void start_anew(bool with_stages = false);
  /// Whether earlier attempts left something to go on with: a plan, or stages.
  bool holds_work() const;
  /// Makes data/ the output, moving aside what is to be replaced, and removes the rest. The files in it must be synced and
  /// closed, among them manifest and run record if it has one.
  /// @throws Error(output_exists) if OUT came into being meanwhile, or if the lock is no longer ours.
  void publish();
  /// Removes the staging directory with everything in it, if the lock still is ours. What cannot be removed stays for
  /// the next run: this is for use after a failure, which must not be hidden by another.
  void discard() noexcept;
  /// Leaves everything for a later attempt, which need not ask whether this one is gone.
  void leave() noexcept { lock_.release(); }

 private:
  Staging(std::string out, const OutputPlace& place, OutputLock lock);
  void prepare(const OutputPlace& place);
  void repair(const OutputPlace& place);
  void bring_back_old() const;
  bool is_to_be_published(const std::string& directory) const;
  void check_way_of_commit() const;
  void move_to_output();
  void commit_in_place() const;
  void remove_all_but_locks(bool with_stages);
  void remove_unfinished_output() const;
  void prepare_in_place() const;
  std::string old_path() const { return directory_ + "/replaced"; }
  std::string publish_path() const { return directory_ + "/publish.json"; }
  std::string doubt_path() const { return directory_ + "/doubted"; }
  std::string unfinished_path() const { return out_ + "/" + unfinished_file_name; }
  std::string in_place_path() const { return directory_ + "/in-place"; }
  std::string out_, directory_, data_;
  bool overwrite_, in_place_;
  bool published_ = false;
  OutputLock lock_;
};

}  // namespace stockpot::io
