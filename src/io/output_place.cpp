#include "io/output_place.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "io/folder.hpp"
#include "io/run_record.hpp"

namespace stockpot::io {

namespace fs = std::filesystem;

namespace {

/// Whether a merge, or whoever else makes models, may have made the directory.
bool holds_model(const fs::path& out) {
  return std::ranges::any_of(fs::directory_iterator(out), [](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    return name == "config.json" || name == run_record_file_name || name == unfinished_file_name ||
           name == marker_file_name || extension == ".safetensors" || extension == ".h5" || extension == ".bin";
  });
}

/// Of the file system that a path is on, or will be.
dev_t device_of(fs::path path) {
  struct stat facts {};
  for (path = fs::absolute(path); ::stat(path.c_str(), &facts) != 0; path = path.parent_path()) {
    if (path == path.parent_path()) throw system_error(errno, "stat", path.string());
  }
  return facts.st_dev;
}

/// A slip in the path must not cost somebody's home directory.
void refuse_to_lose(const fs::path& out) {
  if (fs::is_empty(out) || holds_model(out)) return;
  throw exists_error("what is to be replaced is no model: it has neither config.json nor weights", out.string())
      .code("OUT004")
      .hint("correct the output path, or remove the directory");
}

/// The staging directory's name is longer than the output's.
void refuse_long_name(const std::string& name, const fs::path& parent) {
  const long most = ::pathconf(parent.c_str(), _PC_NAME_MAX);
  const std::size_t needed = name.size() + std::string_view(staging_suffix).size();
  if (most <= 0 || needed <= static_cast<std::size_t>(most)) return;
  throw Error(ErrorKind::usage,
              fmt::format("the output's name is too long: with '{}' behind it, it has {} bytes of at most {}",
                          staging_suffix, needed, most))
      .with("output", name)
      .hint("choose a shorter name");
}

/// Whether something is mounted there: a file system of its own, or a directory that is shown a second time.
bool is_mount_point(const fs::path& directory) {
  struct statx facts {};
  if (::statx(AT_FDCWD, directory.c_str(), AT_SYMLINK_NOFOLLOW, 0, &facts) == 0 &&
      (facts.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0) {
    return (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  }
  struct stat inside {};  // a kernel that does not tell
  struct stat outside {};
  return ::stat(directory.c_str(), &inside) == 0 && ::stat(directory.parent_path().c_str(), &outside) == 0 &&
         inside.st_dev != outside.st_dev;
}

}  // namespace

Error exists_error(const std::string& sentence, const std::string& path) {
  return Error(ErrorKind::output_exists, sentence).with("output", path);
}

fs::path resolved_output(const std::string& out) {
  fs::path path = out;
  if (!path.has_filename()) path = path.parent_path();  // "out/" is "out"
  if (!path.has_filename() || path.filename() == "." || path.filename() == "..") {
    throw Error(ErrorKind::usage, "the output needs a name of its own").with("output", out);
  }
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code failure;
  const fs::path canonical = fs::canonical(parent, failure);
  if (failure) {
    throw system_error(failure.value(), "looking up the output's parent directory", parent.string())
        .hint("the parent directory must exist: create it, or correct the output path");
  }
  refuse_long_name(path.filename().string(), canonical);
  return canonical / path.filename();
}

void refuse_inputs(const fs::path& out, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    const fs::path model = fs::weakly_canonical(fs::absolute(input));
    const bool within_model = fs::is_directory(model) && lies_in(out, model);
    if (!within_model && !lies_in(model, out)) continue;
    throw exists_error("the output would lie in, hold or replace what it is made of", out.string())
        .code("OUT002")
        .with("input", input)
        .hint(
            "choose an output directory that holds none of its models, adapters and recipe, and lies in none of them");
  }
}

void refuse_existing(const fs::path& out, bool replaceable, bool is_moved) {
  const fs::file_status status = fs::symlink_status(out);
  if (status.type() == fs::file_type::not_found) return;
  if (status.type() == fs::file_type::symlink) {
    throw exists_error("the output is a symbolic link, which Stockpot does not follow", out.string())
        .code("OUT001")
        .hint("give the path that the link leads to, or remove the link");
  }
  const bool is_directory = status.type() == fs::file_type::directory;
  if (is_moved && is_directory && is_mount_point(out)) {
    throw exists_error("the output is a mount point: nothing can be moved into its place", out.string())
        .code("OUT005")
        .hint(fmt::format("give a directory in it, {}, or --commit=marker", (out / "merged").string()));
  }
  if (is_directory && replaceable) return refuse_to_lose(out);
  if (is_directory && fs::is_empty(out)) return;
  throw exists_error("the output exists already", out.string())
      .code("OUT001")
      .hint("choose another output path, remove this one, or replace it with --overwrite");
}

bool share_file_system(const fs::path& one, const fs::path& other) { return device_of(one) == device_of(other); }

void require_space(const fs::path& parent, std::uint64_t needed_bytes) {
  struct statvfs facts {};
  if (::statvfs(parent.c_str(), &facts) != 0) throw system_error(errno, "statvfs", parent.string());
  if (facts.f_blocks == 0) return;  // a file system that does not tell
  const std::uint64_t free_bytes = std::uint64_t{facts.f_bavail} * facts.f_frsize;
  const std::uint64_t margin = needed_bytes / 50;  // file system structures: 2 %
  if (needed_bytes <= free_bytes && margin <= free_bytes - needed_bytes) return;
  throw Error(ErrorKind::no_space, "there is not enough space for the output")
      .code("OUT003")
      .in_file(parent.string())
      .with("needed", fmt::format("{} bytes and 2 % for the file system", needed_bytes))
      .with("free", fmt::format("{} bytes", free_bytes))
      .hint("free some space, or choose another output place");
}

}  // namespace stockpot::io
