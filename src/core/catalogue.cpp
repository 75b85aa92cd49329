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

void pack_pieces(ByteWriter& out, const std::vector<StoredPiece>& pieces) {
  out.number(pieces.size());
  for (const StoredPiece& piece : pieces) {
    out.number(piece.file);
    out.number(piece.offset);
    for (const auto* box : {&piece.start, &piece.count}) {
      for (const std::uint64_t number : *box) out.number(number);
    }
  }
}

std::vector<StoredPiece> unpack_pieces(ByteReader& in, std::size_t dimensions) {
  std::vector<StoredPiece> pieces(in.number());
  for (StoredPiece& piece : pieces) {
    piece.file = static_cast<std::uint32_t>(in.number());
    piece.offset = in.number();
    for (auto* box : {&piece.start, &piece.count}) {
      box->resize(dimensions);
      for (std::uint64_t& number : *box) number = in.number();
    }
  }
  return pieces;
}

void pack_tensors(ByteWriter& out, const std::vector<StoredTensor>& tensors) {
  out.number(tensors.size());
  for (const auto& tensor : tensors) {
    out.text(tensor.info.name);
    out.number(static_cast<std::uint64_t>(tensor.info.dtype));
    out.number(tensor.info.shape.size());
    for (const auto extent : tensor.info.shape) out.number(extent);
    out.number(tensor.file);
    out.number(tensor.offset);
    out.number(tensor.strides.size());
    for (const auto stride : tensor.strides) out.number(stride);
    pack_pieces(out, tensor.pieces);
  }
}

std::vector<StoredTensor> unpack_tensors(ByteReader& in) {
  std::vector<StoredTensor> tensors(in.number());
  for (auto& tensor : tensors) {
    tensor.info.name = in.text();
    tensor.info.dtype = static_cast<DType>(in.number());
    tensor.info.shape.resize(in.number());
    for (auto& extent : tensor.info.shape) extent = in.number();
    tensor.file = static_cast<std::uint32_t>(in.number());
    tensor.offset = in.number();
    tensor.strides.resize(in.number());
    for (auto& stride : tensor.strides) stride = in.number();
    tensor.pieces = unpack_pieces(in, tensor.info.shape.size());
  }
  return tensors;
}

void pack_adapter(ByteWriter& out, const Adapter& adapter) {
  out.text(adapter.reference);
  out.text(adapter.directory);
  out.real(adapter.weight);
  out.number(adapter.rank);
  out.real(adapter.alpha);
  out.number(adapter.rank_pattern.size());
  for (const auto& [expression, rank] : adapter.rank_pattern) {
    out.text(expression);
    out.number(rank);
  }
  out.number(adapter.alpha_pattern.size());
  for (const auto& [expression, alpha] : adapter.alpha_pattern) {
    out.text(expression);
    out.real(alpha);
  }
  for (const bool flag : {adapter.rank_stabilised, adapter.magnitudes, adapter.transposed}) out.number(flag ? 1 : 0);
  out.text(adapter.base_model);
  pack_tensors(out, adapter.tensors);
}

Adapter unpack_adapter(ByteReader& in) {
  Adapter adapter;
  adapter.reference = in.text();
  adapter.directory = in.text();
  adapter.weight = in.real();
  adapter.rank = in.number();
  adapter.alpha = in.real();
  adapter.rank_pattern.resize(in.number());
  for (auto& [expression, rank] : adapter.rank_pattern) {
    expression = in.text();
    rank = in.number();
  }
  adapter.alpha_pattern.resize(in.number());
  for (auto& [expression, alpha] : adapter.alpha_pattern) {
    expression = in.text();
    alpha = in.real();
  }
  for (bool* flag : {&adapter.rank_stabilised, &adapter.magnitudes, &adapter.transposed}) *flag = in.number() != 0;
  adapter.base_model = in.text();
  adapter.tensors = unpack_tensors(in);
  return adapter;
}

void pack_optional(ByteWriter& out, std::optional<std::uint64_t> value) {
  out.number(value ? 1 : 0);
  out.number(value.value_or(0));
}

std::optional<std::uint64_t> unpack_optional(ByteReader& in) {
  const bool there = in.number() != 0;
  const std::uint64_t value = in.number();
  return there ? std::optional(value) : std::nullopt;
}

void pack_config(ByteWriter& out, const ModelConfig& config) {
  pack_texts(out, config.architectures);
  out.text(config.model_type);
  out.number(config.layer_counts.size());
  for (const auto& count : config.layer_counts) {
    out.text(count.key);
    out.number(count.layers);
  }
  out.number(!config.tied_embeddings ? 2 : *config.tied_embeddings ? 1 : 0);
  for (const auto& value : {config.vocab_size, config.hidden_size, config.experts, config.prediction_layers,
                            config.block_rows, config.block_columns, config.group_size})
    pack_optional(out, value);
  out.number(config.quantized ? 1 : 0);
}

ModelConfig unpack_config(ByteReader& in) {
  ModelConfig config;
  config.architectures = unpack_texts(in);
  config.model_type = in.text();
  config.layer_counts.resize(in.number());
  for (auto& count : config.layer_counts) {
    count.key = in.text();
    count.layers = in.number();
  }
  const auto tied = in.number();
  if (tied != 2) config.tied_embeddings = tied == 1;
  for (auto* value : {&config.vocab_size, &config.hidden_size, &config.experts, &config.prediction_layers,
                      &config.block_rows, &config.block_columns, &config.group_size})
    *value = unpack_optional(in);
  config.quantized = in.number() != 0;
  return config;
}

void pack_shapes(ByteWriter& out, const std::map<std::string, Shape>& shapes) {
  out.number(shapes.size());
  for (const auto& [name, shape] : shapes) {
    out.text(name);
    out.number(shape.size());
    for (const std::uint64_t extent : shape) out.number(extent);
  }
}

std::map<std::string, Shape> unpack_shapes(ByteReader& in) {
  std::map<std::string, Shape> shapes;
  for (std::uint64_t left = in.number(); left > 0; --left) {
    Shape& shape = shapes[in.text()];
    shape.resize(in.number());
    for (std::uint64_t& extent : shape) extent = in.number();
  }
  return shapes;
}

}  // namespace

const StoredTensor* Catalogue::find(std::string_view tensor_name) const {
  const auto at = std::lower_bound(tensors.begin(), tensors.end(), tensor_name,
                                   [](const StoredTensor& t, std::string_view n) { return t.info.name < n; });
  return at != tensors.end() && at->info.name == tensor_name ? &*at : nullptr;
}

std::uint64_t Catalogue::data_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& tensor : tensors) {
    const bool plain = tensor.encoding == StoredTensor::as_it_is;
    sum += plain ? tensor.info.bytes() : encodings[tensor.encoding].coded.info.bytes();
  }
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
  pack_tensors(out, tensors);
  pack_config(out, config);
  out.number(adapters.size());
  for (const Adapter& adapter : adapters) pack_adapter(out, adapter);
  pack_texts(out, tied_copies);
  pack_texts(out, warnings);
  pack_shapes(out, packed_shapes);
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
  c.tensors = unpack_tensors(in);
  c.config = unpack_config(in);
  c.adapters.resize(in.number());
  for (Adapter& adapter : c.adapters) adapter = unpack_adapter(in);
  c.tied_copies = unpack_texts(in);
  c.warnings = unpack_texts(in);
  c.packed_shapes = unpack_shapes(in);
  return c;
}

}  // namespace stockpot
