#include "core/catalogue.hpp"

#include <algorithm>

#include "core/bytes.hpp"

namespace stockpot {
namespace {

void pack_texts(ByteWriter& out, const std::vector<std::string>& texts) {
  out.number(texts.size());
  for (const auto& text : texts) out.text(text);
}

std::vector<std::string> unpack_texts(ByteReader& in) {
  std::vector<std::string> texts(in.number());
  for (auto& text : texts) text = in.text();
  return texts;
}

}  // namespace

const StoredTensor* Catalogue::find(std::string_view tensor_name) const {
  const auto at = std::lower_bound(tensors.begin(), tensors.end(), tensor_name,
                                   [](const StoredTensor& t, std::string_view n) { return t.info.name < n; });
  return at != tensors.end() && at->info.name == tensor_name ? &*at : nullptr;
}

std::uint64_t Catalogue::data_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& tensor : tensors) sum += tensor.info.bytes();
  return sum;
}

std::string Catalogue::pack() const {
  ByteWriter out;
  out.text(model);
  out.text(directory);
  out.number(files.size());
  for (const auto& file : files) {
    out.text(file.path);
    out.number(file.bytes);
    out.number(static_cast<std::uint64_t>(file.modified_ns));
    out.number(file.inode);
  }
  out.number(tensors.size());
  for (const auto& tensor : tensors) {
    out.text(tensor.info.name);
    out.number(static_cast<std::uint64_t>(tensor.info.dtype));
    out.number(tensor.info.shape.size());
    for (const auto extent : tensor.info.shape) out.number(extent);
    out.number(tensor.file);
    out.number(tensor.offset);
  }
  pack_texts(out, config.architectures);
  out.text(config.model_type);
  out.number(config.layer_counts.size());
  for (const auto& count : config.layer_counts) {
    out.text(count.key);
    out.number(count.layers);
  }
  out.number(!config.tied_embeddings ? 2 : *config.tied_embeddings ? 1 : 0);
  pack_texts(out, warnings);
  return out.take();
}

Catalogue Catalogue::unpack(std::string_view packed) {
  ByteReader in(packed);
  Catalogue c;
  c.model = in.text();
  c.directory = in.text();
  c.files.resize(in.number());
  for (auto& file : c.files) {
    file.path = in.text();
    file.bytes = in.number();
    file.modified_ns = static_cast<std::int64_t>(in.number());
    file.inode = in.number();
  }
  c.tensors.resize(in.number());
  for (auto& tensor : c.tensors) {
    tensor.info.name = in.text();
    tensor.info.dtype = static_cast<DType>(in.number());
    tensor.info.shape.resize(in.number());
    for (auto& extent : tensor.info.shape) extent = in.number();
    tensor.file = static_cast<std::uint32_t>(in.number());
    tensor.offset = in.number();
  }
  c.config.architectures = unpack_texts(in);
  c.config.model_type = in.text();
  c.config.layer_counts.resize(in.number());
  for (auto& count : c.config.layer_counts) {
    count.key = in.text();
    count.layers = in.number();
  }
  const auto tied = in.number();
  if (tied != 2) c.config.tied_embeddings = tied == 1;
  c.warnings = unpack_texts(in);
  return c;
}

}  // namespace stockpot
