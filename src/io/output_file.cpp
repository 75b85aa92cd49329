#include "io/output_file.hpp"

#include <cassert>
#include <cstring>
#include <utility>

#include "core/error.hpp"
#include "io/tree.hpp"

namespace stockpot::io {
namespace {

/// Ends at the first byte that is not; zeros are compared with themselves, one byte on.
bool all_zeros(std::span<const std::byte> bytes) {
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

void OutputFile::set(std::string path, std::uint64_t bytes, Writing writing, KernelCopies kernel_copies) {
  path_ = std::move(path);
  bytes_ = bytes;
  writing_ = writing;
  kernel_copies_ = kernel_copies;
}

void OutputFile::create() {
  if (stored_size(path_) == bytes_) {
    add(PosixSink::open(path_));
    return;
  }
  remove_tree(path_);
  add(PosixSink::create(path_, bytes_, writing_ == Writing::sparse ? Space::when_written : Space::reserved));
}

void OutputFile::add(PosixSink file) {
  open_.push_back(std::move(file));
  if (writing_ == Writing::direct) open_.back().write_directly();
  if (kernel_copies_ != KernelCopies::never) open_.back().copy_by_kernel(kernel_copies_);
}

PosixSink& OutputFile::opened() {
  const std::lock_guard lock(opening_);
  if (open_.empty()) add(PosixSink::open(path_));
  return open_.back();
}

PosixSink* OutputFile::reopened(const PosixSink& failed) {
  constexpr std::size_t most = 2;
  const std::lock_guard lock(opening_);
  const bool is_new = &failed == &open_.back();
  if (is_new && open_.size() == most) return nullptr;
  if (is_new) add(PosixSink::open(path_));
  return &open_.back();
}

void OutputFile::write(std::uint64_t offset, std::span<const std::byte> bytes, const std::optional<StoredRun>& from) {
  PosixSink& file = opened();
  try {
    write_to(file, offset, bytes, from);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::storage) throw;
    PosixSink* const other = reopened(file);
    if (other == nullptr) throw;
    ++calls_repeated;
    write_to(*other, offset, bytes, std::nullopt);
  }
  dirty_ = true;
}

void OutputFile::write_to(PosixSink& file, std::uint64_t offset, std::span<const std::byte> bytes,
                          const std::optional<StoredRun>& from) const {
  if (writing_ == Writing::sparse && all_zeros(bytes) && file.make_hole({offset, bytes.size()})) return;
  if (from) return file.copy_at(offset, bytes, *from);
  file.write_at(offset, bytes);
}

std::vector<PosixSink*> OutputFile::descriptors() {
  const std::lock_guard lock(opening_);
  std::vector<PosixSink*> files;
  for (PosixSink& file : open_) files.push_back(&file);
  return files;
}

void OutputFile::flush() {
  if (!dirty_.exchange(false)) return;
  for (PosixSink* file : descriptors()) file->sync_data();
}

void OutputFile::finish() {
  for (PosixSink& file : open_) file.sync();
  for (PosixSink& file : open_) file.close();
  open_.clear();
}

void OutputFile::check_size() const {
  const std::uint64_t found = PosixSource(path_).size();
  if (found == bytes_) return;
  throw Error(ErrorKind::storage, "an output file does not have the size that was written")
      .in_file(path_)
      .at_byte(found, bytes_);
}

void OutputFiles::prepare(const OutputLayout& layout, OutputPlaces places, bool creates) {
  places_ = std::move(places.places);
  for (std::size_t f = 0; f < files_.size(); ++f) {
    files_[f].set(layout.directory + "/" + places.files[f].name, places.files[f].bytes, layout.writing,
                  layout.kernel_copies);
    if (creates) files_[f].create();
  }
}

void OutputFiles::write(const TensorInfo& info, std::uint32_t tensor, ElementRange range,
                        std::span<const std::byte> bytes, const std::optional<StoredRun>& from) {
  assert(bytes.size() == bytes_of(info.dtype, range.count));
  const OutputPlaces::Place& place = places_[tensor];
  files_[place.file].write(place.offset + bytes_of(info.dtype, range.first), bytes, from);
}

/// Bytes that one transfer writes.
struct OutputFiles::Run {
  std::size_t file = 0;
  std::uint64_t offset = 0;
  std::span<const std::byte> bytes;
  std::optional<StoredRun> from;

  /// Takes what follows, if it does so everywhere.
  bool take(const Run& next) {
    if (next.file != file || next.offset != offset + bytes.size()) return false;
    if (next.bytes.data() != bytes.data() + bytes.size() || next.from.has_value() != from.has_value()) return false;
    if (from && (next.from->file != from->file || next.from->offset != from->offset + bytes.size())) return false;
    bytes = {bytes.data(), bytes.size() + next.bytes.size()};
    return true;
  }
};

void OutputFiles::write_all(std::span<const TensorInfo> tensors, std::span<const EncodedRange> all) {
  const auto run_of = [&](const EncodedRange& one) {
    const OutputPlaces::Place& place = places_[one.tensor];
    return Run{place.file, place.offset + bytes_of(tensors[one.tensor].dtype, one.range.first), one.bytes, one.from};
  };
  for (std::size_t i = 0; i < all.size();) {
    Run run = run_of(all[i++]);
    while (i < all.size() && run.take(run_of(all[i]))) ++i;
    files_[run.file].write(run.offset, run.bytes, run.from);
  }
}

void OutputFiles::flush() {
  for (OutputFile& file : files_) file.flush();
}

void OutputFiles::finish() {
  for (OutputFile& file : files_) file.finish();
}

void OutputFiles::check_sizes() const {
  for (const OutputFile& file : files_) file.check_size();
}

}  // namespace stockpot::io
