#include "support/family.hpp"

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "comm/communicator.hpp"
#include "core/convert.hpp"
#include "core/random.hpp"
#include "io/safetensors_sink.hpp"
#include "io/small_file.hpp"
#include "partition/shard.hpp"

namespace stockpot::test {
namespace {

/// A value of one element: exact in bfloat16 for the base, a coarse grid for the delta.
double value_of(const std::string& tensor, std::uint64_t element, int tune) {
  const auto word = [&](const char* model) { return RandomStream{7, stream_of(0, model, tensor)}.word(element); };
  const double base = (static_cast<double>(word("base") % 256) - 128.0) / 64.0;
  if (tune == 0) return base;
  const std::uint32_t draw = word(("tune" + std::to_string(tune)).c_str());
  const double size = static_cast<double>((draw >> 4) % 32) / 128.0;
  return base + (draw % 2 == 0 ? size : -size);
}

std::vector<std::byte> bytes_of_tensor(const TensorInfo& info, int tune) {
  std::vector<std::byte> bytes(info.bytes());
  if (!is_mergeable(info.dtype)) {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i % 251);
    return bytes;
  }
  std::vector<double> values(info.elements());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = value_of(info.name, i, tune);
  narrow(info.dtype, std::span<const double>(values), bytes.data());
  return bytes;
}

void write_model(const std::string& directory, const std::vector<TensorInfo>& tensors, int tune, bool sharded) {
  std::filesystem::create_directories(directory);
  std::uint64_t total = 0;
  for (const TensorInfo& info : tensors) total += info.bytes();
  io::OutputLayout layout;
  layout.directory = directory;
  layout.tensors = tensors;
  for (const auto& shard : partition::make_shards(tensors, sharded ? total / 2 : 0)) {
    io::OutputLayout::File file{shard.file_name, {}, {}};
    for (const auto& entry : shard.entries) {
      file.tensors.push_back(entry.tensor);
      file.offsets.push_back(entry.offset);
    }
    layout.files.push_back(std::move(file));
  }
  const auto alone = comm::Communicator::alone();
  io::SafetensorsSink sink(layout);
  sink.prepare(alone);
  for (std::uint32_t t = 0; t < tensors.size(); ++t) {
    sink.write(t, {0, tensors[t].elements()}, bytes_of_tensor(tensors[t], tune));
  }
  sink.finish(alone);
  io::write_file(directory + "/config.json",
                 R"({"architectures": ["TestModel"], "model_type": "test", "num_hidden_layers": 3, "dtype": ")" +
                     std::string(recipe_name(tensors.front().dtype)) + "\"}");
}

}  // namespace

std::vector<TensorInfo> awkward_tensors(DType dtype) {
  std::vector<TensorInfo> tensors{
      {"model.embed_tokens.weight", dtype, {500, 331}},
      {"model.norm.weight", dtype, {331}},
      {"scalar", dtype, {}},
      {"empty", dtype, {0, 4}},
      {"block_minus_one", dtype, {65535}},
      {"block", dtype, {65536}},
      {"block_plus_one", dtype, {65537}},
      {"rows_of_three", dtype, {41, 5, 3}},
      {"buffer.position_ids", DType::i64, {1, 512}},
  };
  for (int layer = 0; layer < 3; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    tensors.push_back({prefix + "mlp.weight", dtype, {330, 700}});
    tensors.push_back({prefix + "attn.weight", dtype, {128, 512}});
  }
  return tensors;
}

void write_family(const std::string& directory, const std::vector<TensorInfo>& tensors, int tunes, bool sharded) {
  write_model(directory + "/base", tensors, 0, sharded);
  for (int tune = 1; tune <= tunes; ++tune) {
    write_model(directory + "/tune-" + std::to_string(tune), tensors, tune, sharded);
  }
}

std::string make_scratch(const std::string& prefix) {
  std::string pattern = (std::filesystem::temp_directory_path() / (prefix + "-XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  return pattern;
}

}  // namespace stockpot::test
