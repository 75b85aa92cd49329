// An output appears whole or not at all: it grows in OUT.stockpot/data and becomes OUT by one rename.
//
//   OUT.stockpot/lock    who works here (run_lock.hpp)
//   OUT.stockpot/data/   what will be OUT
// The staging directory lies next to OUT, so that both are on one file system.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stockpot::io {

/// What is to be made, as far as the place matters.
struct OutputPlace {
  std::string out;
  std::vector<std::string> inputs;  ///< directories (or files) of the input models
  std::uint64_t needed_bytes = 0;   ///< of all output files
  bool overwrite = false;           ///< an output that is there already is replaced
};

/// The staging directory of one output, locked by this process. All functions are local: one rank calls them.
/// Neither published nor discarded it stays, for the next run to take over.
class Staging {
 public:
  /// Checks the place and locks it. A lock whose process is gone is taken over, with all that it left.
  /// @throws Error(output_exists): OUT001 if OUT exists and is not to be replaced (an empty directory counts as absent), OUT002 if OUT is, holds
  ///         or lies in an input model, and if another run holds the lock or the staging directory is not ours;
  ///         Error(storage) if OUT's parent is missing or cannot be written to; Error(no_space, OUT003).
  static Staging open(const OutputPlace& place);

  Staging(Staging&&) = default;
  Staging& operator=(Staging&&) = default;

  /// Where the output's files go.
  const std::string& data_directory() const { return data_; }
  /// Where outputs of stages before this one may go: removed with the staging directory.
  std::string stages_directory() const { return directory_ + "/stages"; }

  /// Renames data/ to OUT, moving aside what is to be replaced, and removes the rest. The files in it must be synced and closed.
  /// @throws Error(output_exists) if OUT came into being meanwhile, or if the lock is no longer ours.
  void publish();
  /// Removes the staging directory with everything in it, if the lock still is ours. What cannot be removed stays for
  /// the next run: this is for use after a failure, which must not be hidden by another.
  void discard() noexcept;

 private:
  Staging(std::string out, bool overwrite);
  /// Moves the old output into the staging directory. @return whether there was one.
  bool move_old_aside() const;
  std::string old_path() const { return directory_ + "/replaced"; }
  std::string out_, directory_, data_;
  bool overwrite_;
};

}  // namespace stockpot::io
