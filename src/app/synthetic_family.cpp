#include "app/synthetic_family.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "app/synthetic_side_files.hpp"
#include "app/synthetic_weights.hpp"
#include "core/convert.hpp"
#include "core/error.hpp"
#include "core/range.hpp"
#include "engine/workers.hpp"
#include "io/posix_file.hpp"
#include "io/safetensors.hpp"
#include "io/small_file.hpp"
#include "partition/shard.hpp"

namespace stockpot::app {
namespace {

namespace fs = std::filesystem;
using partition::Shard;

std::vector<std::string> model_names(std::uint64_t tunes) {
  std::vector<std::string> names{"base"};
  for (std::uint64_t tune = 1; tune <= tunes; ++tune) names.push_back(fmt::format("tune-{}", tune));
  return names;
}

std::string header_of(const Shard& shard, const std::vector<TensorInfo>& tensors) {
  std::vector<io::PlacedTensor> placed;
  for (const auto& entry : shard.entries) placed.push_back({tensors[entry.tensor], entry.offset});
  return io::write_safetensors_header(placed, {});
}

std::string index_of(const std::vector<Shard>& shards, const std::vector<TensorInfo>& tensors) {
  nlohmann::json index;  // sorts its keys
  std::uint64_t total = 0;
  for (const Shard& shard : shards) {
    total += shard.data_bytes;
    for (const auto& entry : shard.entries) index["weight_map"][tensors[entry.tensor].name] = shard.file_name;
  }
  index["metadata"]["total_size"] = total;
  return index.dump(2) + "\n";
}

/// What one thread works with: one block of one tensor at a time.
struct Scratch {
  std::vector<std::uint32_t> words = std::vector<std::uint32_t>(block_elements);
  std::vector<float> base = std::vector<float>(block_elements), tuned = std::vector<float>(block_elements);
  std::vector<std::byte> stored = std::vector<std::byte>(block_elements * sizeof(double));
};

/// Position numbers and the like: every element is its own index, in every model.
void count_up(ElementRange range, std::uint64_t element_bytes, std::byte* out) {
  static_assert(std::endian::native == std::endian::little);
  for (std::uint64_t i = 0; i < range.count; ++i) {
    const std::uint64_t value = range.first + i;
    std::memcpy(out + i * element_bytes, &value, element_bytes);
  }
}

/// One shard of every model of the family: the same tensors at the same offsets.
class ShardWriter {
 public:
  ShardWriter(std::uint64_t seed, const Shard& shard, const std::vector<TensorInfo>& tensors,
              const std::vector<std::string>& directories)
      : seed_(seed), shard_(shard), tensors_(tensors), header_(header_of(shard, tensors)) {
    for (const std::string& directory : directories) {
      const std::string path = (fs::path(directory) / shard.file_name).string();
      files_.push_back(io::PosixSink::create(path, header_.size() + shard.data_bytes));
      files_.back().write_at(0, std::as_bytes(std::span(header_)));
    }
    std::size_t blocks = 0;
    for (const auto& entry : shard.entries) {
      first_block_.push_back(blocks);
      blocks += blocks_of(tensors[entry.tensor].elements());
    }
    blocks_ = blocks;
  }

  std::size_t blocks() const { return blocks_; }

  /// Thread safe for different blocks, each thread with its own scratch.
  void write_block(std::size_t block, Scratch& scratch) {
    const auto after = std::upper_bound(first_block_.begin(), first_block_.end(), block);
    const auto index = static_cast<std::size_t>(after - first_block_.begin()) - 1;
    const auto& entry = shard_.entries[index];
    const TensorInfo& tensor = tensors_[entry.tensor];
    const std::uint64_t first = (block - first_block_[index]) * block_elements;
    const ElementRange range{first, std::min(block_elements, tensor.elements() - first)};
    const std::uint64_t offset = header_.size() + entry.offset + bytes_of(tensor.dtype, range.first);
    const std::span<std::byte> stored(scratch.stored.data(), bytes_of(tensor.dtype, range.count));
    if (!is_mergeable(tensor.dtype)) {
      count_up(range, bits(tensor.dtype) / 8, stored.data());
      for (auto& file : files_) file.write_at(offset, stored);
      return;
    }
    const SyntheticTensor weights(seed_, tensor);
    const std::span<std::uint32_t> words(scratch.words.data(), range.count);
    const std::span<float> base(scratch.base.data(), range.count), tuned(scratch.tuned.data(), range.count);
    weights.draw(range, words);
    weights.base(words, base);
    for (std::size_t model = 0; model < files_.size(); ++model) {
      if (model > 0) weights.tuned(model, words, base, tuned);
      narrow(tensor.dtype, model > 0 ? tuned : base, stored.data());
      files_[model].write_at(offset, stored);
    }
  }

  void finish() {
    for (auto& file : files_) {
      file.sync();
      file.close();
    }
  }

 private:
  std::uint64_t seed_;
  const Shard& shard_;
  const std::vector<TensorInfo>& tensors_;
  std::string header_;
  std::vector<io::PosixSink> files_;      // one per model
  std::vector<std::size_t> first_block_;  // of each entry of the shard
  std::size_t blocks_ = 0;
};

void write_hollow(const std::string& path, const Shard& shard, const std::vector<TensorInfo>& tensors) {
  const std::string header = header_of(shard, tensors);
  io::write_file(path, header);
  fs::resize_file(path, header.size() + shard.data_bytes);
}

}  // namespace

std::uint64_t data_bytes(const FamilyOptions& options) {
  std::uint64_t bytes = 0;
  for (const TensorInfo& tensor : architecture_tensors(options.architecture, options.dtype)) bytes += tensor.bytes();
  return bytes * (options.tunes + 1);
}

void write_family(const std::string& directory, const FamilyOptions& options) {
  const auto tensors = architecture_tensors(options.architecture, options.dtype);
  const auto shards = partition::make_shards(tensors, options.shard_bytes);
  std::vector<std::string> directories;
  for (const std::string& name : model_names(options.tunes)) {
    directories.push_back((fs::path(directory) / name).string());
    fs::create_directory(directories.back());
    write_side_files(directories.back(), find_architecture(options.architecture), options.dtype);
    if (shards.size() > 1) {
      io::write_file(directories.back() + "/model.safetensors.index.json", index_of(shards, tensors));
    }
  }
  if (options.hollow) {
    for (const std::string& model : directories) {
      for (const Shard& shard : shards) write_hollow((fs::path(model) / shard.file_name).string(), shard, tensors);
    }
    return;
  }
  std::vector<Scratch> scratch(options.threads);
  engine::Workers workers(options.threads, [] { return true; });
  for (const Shard& shard : shards) {
    ShardWriter writer(options.seed, shard, tensors, directories);
    workers.run(writer.blocks(),
                [&](std::size_t worker, std::size_t block) { writer.write_block(block, scratch[worker]); });
    writer.finish();
  }
}

}  // namespace stockpot::app
