#include "engine/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "comm/agree.hpp"
#include "engine/tensor_digests.hpp"
#include "engine/workers.hpp"
#include "io/dcp_metadata.hpp"
#include "io/manifest.hpp"
#include "io/posix_file.hpp"
#include "io/publish.hpp"
#include "io/published_output.hpp"
#include "io/run_record.hpp"
#include "io/small_file.hpp"
#include "io/tree.hpp"
#include "partition/assign.hpp"
#include "partition/unit.hpp"

namespace stockpot::engine {
namespace {

constexpr std::size_t shown_differences = 20;

struct Piece {
  std::uint32_t tensor = 0;
  ElementRange range;
};

/// Pieces of all tensors that fall to this rank: any fixed rule would do, this one balances bytes.
std::vector<Piece> pieces_of(const Catalogue& found, const comm::Communicator& comm, std::uint64_t chunk_bytes) {
  std::vector<Piece> mine;
  std::uint64_t dealt = 0;
  for (std::uint32_t t = 0; t < found.tensors.size(); ++t) {
    const TensorInfo& info = found.tensors[t].info;
    const std::uint64_t target = chunk_bytes / std::max<std::uint64_t>(1, bits(info.dtype) / 8);
    for (const ElementRange range : partition::cut(info.elements(), partition::unit_elements(target, 0))) {
      if (dealt++ % static_cast<std::uint64_t>(comm.size()) == static_cast<std::uint64_t>(comm.rank())) {
        mine.push_back({t, range});
      }
    }
  }
  return mine;
}

void digest_pieces(const comm::Communicator& comm, const Catalogue& found, const VerifyOptions& options,
                   TensorDigests& digests) {
  const std::vector<Piece> pieces = pieces_of(found, comm, options.chunk_bytes);
  InputFiles files(options.open);
  const auto until_alarmed = [&] { return !comm.alarmed(); };
  Workers workers(options.threads, options.idle ? options.idle : until_alarmed);
  std::vector<std::vector<std::byte>> buffers(workers.size());
  workers.run(pieces.size(), [&](std::size_t w, std::size_t i) {
    const auto& [tensor, range] = pieces[i];
    const StoredTensor& stored = found.tensors[tensor];
    buffers[w].resize(bytes_of(stored.info.dtype, range.count));
    const std::uint64_t offset = stored.offset + bytes_of(stored.info.dtype, range.first);
    files.of(found, stored)->read_at(offset, buffers[w]);
    digests.add(tensor, range, buffers[w]);
  });
}

/// What was synced is dropped from memory; what the system keeps all the same is read from there.
void drop_cached(const Catalogue& found) {
  for (const StoredFile& file : found.files) io::PosixSource(file.path).drop_cached();
}

/// An output that grew in its own place counts once its marker is there.
void demand_marker(const std::string& out) {
  const std::filesystem::path place(out);
  const bool needs_it = io::is_committed_by_marker((place / io::run_record_file_name).string());
  if (!needs_it || io::stored_size((place / io::marker_file_name).string())) return;
  throw Error(ErrorKind::corrupt_input, "the output is not complete: its mark is missing")
      .in_file((place / io::marker_file_name).string())
      .hint("'stockpot status' says how far it got");
}

/// As the manifest calls it: relative to the output.
std::string name_of(const StoredFile& file) {
  const std::filesystem::path path(file.path);
  const std::string folder = path.parent_path().filename().string();
  const std::string file_name = path.filename().string();
  const bool is_of_dcp = file_name == io::dcp_metadata_name || path.extension() == ".distcp";
  return (is_of_dcp && folder == io::dcp_folder ? folder + "/" : "") + file_name;
}

std::vector<std::string> compare_tensors(const io::Manifest& manifest, const Catalogue& found,
                                         const std::vector<io::Digest>& digests) {
  std::vector<std::string> differences;
  std::set<std::string_view> known;
  for (const auto& expected : manifest.tensors) {
    const StoredTensor* stored = found.find(expected.info.name);
    if (stored == nullptr) {
      differences.push_back(fmt::format("tensor  {}: missing", printable(expected.info.name)));
      continue;
    }
    known.insert(stored->info.name);
    const auto index = static_cast<std::size_t>(stored - found.tensors.data());
    const std::string file = name_of(found.files[stored->file]);
    if (stored->info.dtype != expected.info.dtype || stored->info.shape != expected.info.shape) {
      differences.push_back(fmt::format("tensor  {} ({}): {} {} instead of {} {}", printable(expected.info.name), file,
                                        name(stored->info.dtype), to_string(stored->info.shape),
                                        name(expected.info.dtype), to_string(expected.info.shape)));
    } else if (digests[index] != expected.digest) {
      differences.push_back(fmt::format("tensor  {} ({}): its bytes differ", printable(expected.info.name), file));
    }
  }
  for (const StoredTensor& tensor : found.tensors) {
    if (known.contains(tensor.info.name)) continue;
    differences.push_back(fmt::format("tensor  {} ({}): not of this output", printable(tensor.info.name),
                                      name_of(found.files[tensor.file])));
  }
  return differences;
}

/// Digests of a file's tensors in the order in which their bytes lie there. Those without bytes have no place.
std::vector<io::Digest> digests_in_file(const Catalogue& found, std::uint32_t file,
                                        const std::vector<io::Digest>& digests) {
  std::map<std::uint64_t, io::Digest> by_offset;
  for (std::size_t t = 0; t < found.tensors.size(); ++t) {
    const StoredTensor& tensor = found.tensors[t];
    if (tensor.file == file && tensor.info.bytes() > 0) by_offset[tensor.offset] = digests[t];
  }
  std::vector<io::Digest> ordered;
  for (const auto& [offset, digest] : by_offset) ordered.push_back(digest);
  return ordered;
}

std::vector<std::string> compare_files(const io::Manifest& manifest, const io::PublishedOutput& output,
                                       const std::vector<io::Digest>& digests) {
  const Catalogue& found = output.catalogue;
  std::vector<std::string> differences;
  for (const auto& expected : manifest.files) {
    const auto file = std::find_if(found.files.begin(), found.files.end(),
                                   [&](const StoredFile& f) { return name_of(f) == expected.name; });
    if (file == found.files.end()) {
      differences.push_back(fmt::format("file    {}: missing", printable(expected.name)));
      continue;
    }
    const auto index = static_cast<std::uint32_t>(file - found.files.begin());
    if (file->bytes != expected.bytes) {
      differences.push_back(
          fmt::format("file    {}: {} bytes instead of {}", expected.name, file->bytes, expected.bytes));
    } else if (io::file_digest(output.headers[index], digests_in_file(found, index, digests)) != expected.digest) {
      differences.push_back(fmt::format("file    {}: its bytes differ", expected.name));
    }
  }
  return differences;
}

std::vector<std::string> compare_small_files(const io::Manifest& manifest, const std::string& out) {
  std::vector<std::string> differences;
  for (const auto& expected : manifest.small_files) {
    if (!io::stored_size((std::filesystem::path(out) / expected.name).string())) {
      differences.push_back(fmt::format("file    {}: missing", printable(expected.name)));
    } else if (io::describe_small_file(out, expected.name) != expected) {
      differences.push_back(fmt::format("file    {}: its bytes differ", printable(expected.name)));
    }
  }
  return differences;
}

/// What the manifest describes was once readable: damage is a difference like any other.
io::PublishedOutput read_as_published(const std::string& out, const io::Manifest& manifest) {
  try {
    return io::read_published_output(out, manifest);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt_input) throw;
    Error difference(ErrorKind::mismatch, "the output is damaged: " + error.sentence());
    difference.code(error.class_code());
    for (const auto& [name, value] : error.context()) difference.with(name, value);
    throw difference.hint("the files are not those that were published; merge again, or copy them again");
  }
}

/// What programs that load a folder may take for weights, or for the list of them.
bool looks_like_weights(std::string_view file) {
  constexpr std::array<std::string_view, 6> endings{".safetensors", ".bin",        ".h5",
                                                    ".distcp",      ".index.json", io::dcp_metadata_name};
  return std::ranges::any_of(endings, [&](std::string_view ending) { return file.ends_with(ending); });
}

/// Weight files and indexes that are too many: a loader might take them for part of the model.
std::vector<std::string> foreign_files(const io::Manifest& manifest, const std::string& out) {
  const std::filesystem::path place(out);
  std::set<std::string_view> known;
  for (const auto* files : {&manifest.files, &manifest.small_files}) {
    for (const auto& file : *files) known.insert(file.name);
  }
  std::vector<std::string> differences;
  const auto look_into = [&](const std::filesystem::path& folder, const std::string& prefix) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string file = prefix + entry.path().filename().string();
      if (!looks_like_weights(file) || known.contains(file)) continue;
      differences.push_back(fmt::format("file    {}: not of this output", printable(file)));
    }
  };
  look_into(place, "");
  if (std::filesystem::is_directory(place / io::dcp_folder)) {
    look_into(place / io::dcp_folder, std::string(io::dcp_folder) + "/");
  }
  return differences;
}

Error mismatch(const std::string& out, const std::vector<std::string>& differences) {
  std::string report = fmt::format("stockpot: verification failed: {} is not what its manifest says", printable(out));
  for (std::size_t i = 0; i < std::min(shown_differences, differences.size()); ++i) report += "\n  " + differences[i];
  if (differences.size() > shown_differences) {
    report += fmt::format("\n  ... and {} more", differences.size() - shown_differences);
  }
  Remark whole = remark_of(fmt::format("{} is not what its manifest says", out), Severity::error);
  for (const std::string& difference : differences) whole.facts.emplace_back("difference", difference);
  whole.shown = std::move(report);
  return Error(ErrorKind::mismatch, "verification failed").with_parts({std::move(whole)});
}

}  // namespace

VerifySummary verify_output(const comm::Communicator& comm, const std::string& out, const VerifyOptions& options) {
  constexpr std::uint64_t manifest_limit = std::uint64_t{1} << 30;
  const std::string manifest_path = (std::filesystem::path(out) / io::manifest_file_name).string();
  const std::string text = comm::on_root(comm, [&] {
    if (!options.staged) demand_marker(out);
    return io::read_file(manifest_path, manifest_limit);
  });
  const io::Manifest manifest = comm::agree(comm, [&] { return io::parse_manifest(text, manifest_path); });
  io::PublishedOutput output;  // headers: rank 0 only
  output.catalogue = Catalogue::unpack(comm::on_root(comm, [&] {
    output = read_as_published(out, manifest);
    return output.catalogue.pack();
  }));
  const Catalogue& found = output.catalogue;

  std::vector<TensorInfo> infos;
  for (const StoredTensor& tensor : found.tensors) infos.push_back(tensor.info);
  TensorDigests digests(std::move(infos));
  if (options.from_storage) comm::agree(comm, [&] { drop_cached(found); });
  comm::agree_on_work(comm, [&] { digest_pieces(comm, found, options, digests); });
  const std::vector<io::Digest> computed = digests.collect(comm);
  comm::agree(comm, [&] {
    if (!comm.is_root()) return;
    std::vector<std::string> differences = compare_tensors(manifest, found, computed);
    for (std::string& line : compare_files(manifest, output, computed)) differences.push_back(std::move(line));
    for (std::string& line : compare_small_files(manifest, out)) differences.push_back(std::move(line));
    for (std::string& line : foreign_files(manifest, out)) differences.push_back(std::move(line));
    if (!differences.empty()) throw mismatch(out, differences);
  });
  return {manifest.tensors.size(), manifest.files.size(), found.data_bytes()};
}

}  // namespace stockpot::engine
