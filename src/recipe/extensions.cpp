#include "recipe/extensions.hpp"

#include <fmt/format.h>

#include <string_view>

#include "core/size.hpp"
#include "recipe/fields.hpp"
#include "recipe/tensor_rules.hpp"

namespace stockpot::recipe {
namespace {

const std::vector<std::string> all_keys{
    "strict",          "seed",         "round_inputs",    "nonfinite",       "missing",
    "extra_tensors",   "on_mismatch",  "embedding_names", "vocab_tensors",   "unlisted_modules",
    "keep_tied_heads", "include",      "exclude",         "exclude_action",  "overrides",
    "rename",          "post_layer_t", "output",          "memory_per_rank", "dequantize",
    "row_block",       "gate_vectors"};

using ParseSize = std::optional<std::uint64_t> (*)(std::string_view);

std::optional<std::uint64_t> read_size(const Node& node, ParseSize parse, Diagnostics& diagnostics) {
  const auto text = read_text(node, diagnostics);
  if (!text) return std::nullopt;
  const auto bytes = parse(*text);
  if (!bytes) {
    report(diagnostics, "CFG052", node, fmt::format("{} is not a size", in_quotes(*text)),
           "write it like 64MiB, 5GB or 1.5GiB");
  }
  return bytes;
}

std::vector<std::pair<std::string, std::string>> read_metadata(const Node& node, Diagnostics& diagnostics) {
  std::vector<std::pair<std::string, std::string>> metadata;
  if (!node.is_mapping()) {
    report(diagnostics, "CFG020", node, fmt::format("expected a mapping of texts, found {}", node.kind_name()));
    return metadata;
  }
  for (const Node::Member& member : node.members()) {
    if (member.key.empty() || member.key.find('\0') != std::string::npos) {
      diagnostics.error("CFG052", member.key_at, "a key of metadata may not be empty, and holds no NUL");
      continue;
    }
    if (auto text = read_text(member.value, diagnostics)) metadata.emplace_back(member.key, std::move(*text));
  }
  return metadata;
}

std::optional<std::string> read_format(const Node& node, Diagnostics& diagnostics) {
  const std::vector<std::string> formats{"safetensors", "hdf5", "dcp"};
  const auto format = read_choice(node, formats, diagnostics);
  return format ? std::optional(formats[*format]) : std::nullopt;
}

void read_output(const Node& node, Extensions& extensions, Diagnostics& diagnostics) {
  const Fields fields(node, {"format", "shard_size", "metadata"}, diagnostics, Severity::error);
  if (const Node* value = fields.find("format")) extensions.output_format = read_format(*value, diagnostics);
  if (const Node* value = fields.find("shard_size")) {
    extensions.shard_bytes = read_size(*value, parse_shard_size, diagnostics);
  }
  if (const Node* value = fields.find("metadata")) extensions.output_metadata = read_metadata(*value, diagnostics);
}

void read_policies(const Fields& fields, Extensions& extensions, Diagnostics& diagnostics) {
  if (const Node* value = fields.find("nonfinite")) {
    const auto choice = read_choice(*value, {"error", "propagate"}, diagnostics);
    if (choice == 1u) extensions.nonfinite = Nonfinite::propagate;
  }
  if (const Node* value = fields.find("dequantize")) {
    const auto choice = read_choice(*value, {"auto", "refuse"}, diagnostics);
    if (choice == 1u) extensions.dequantize = Dequantize::refuse;
  }
  if (const Node* value = fields.find("missing")) {
    const auto choice = read_choice(*value, {"default", "error", "drop"}, diagnostics);
    if (choice == 1u) extensions.missing = Missing::error;
    if (choice == 2u) extensions.missing = Missing::drop;
  }
  if (const Node* value = fields.find("extra_tensors")) {
    const auto choice = read_choice(*value, {"error", "drop", "copy"}, diagnostics);
    if (choice == 1u) extensions.extra_tensors = ExtraTensors::drop;
    if (choice == 2u) extensions.extra_tensors = ExtraTensors::copy;
  }
  if (const Node* value = fields.find("on_mismatch")) {
    const auto choice = read_choice(*value, {"error", "skip"}, diagnostics);
    if (choice == 1u) extensions.on_mismatch = OnMismatch::skip;
  }
  if (const Node* value = fields.find("unlisted_modules")) {
    const auto choice = read_choice(*value, {"drop", "copy"}, diagnostics);
    if (choice == 1u) extensions.unlisted_modules = UnlistedModules::copy;
  }
}

void read_embeddings(const Fields& fields, Extensions& extensions, Diagnostics& diagnostics) {
  if (const Node* value = fields.find("embedding_names")) {
    auto& names = extensions.embedding_names.emplace();
    for (const Node& entry : read_sequence(*value, diagnostics)) {
      if (auto name = read_text(entry, diagnostics)) names.push_back(std::move(*name));
    }
  }
  if (const Node* value = fields.find("vocab_tensors")) extensions.vocab_tensors = read_filters(*value, diagnostics);
}

/// Known keys that change nothing here, or that this version cannot obey.
void read_the_rest(const Fields& fields, Diagnostics& diagnostics) {
  if (const Node* value = fields.find("row_block")) {
    read_size(*value, parse_size, diagnostics);
    diagnostics.warn("CFG007", fields.key_at("row_block"), "'stockpot.row_block' has no effect",
                     "'memory_per_rank' bounds what is held at a time");
  }
}

void read_switch(const Fields& fields, std::string_view key, bool& target, Diagnostics& diagnostics) {
  if (const Node* value = fields.find(key)) target = read_boolean(*value, diagnostics).value_or(target);
}

}  // namespace

Extensions read_extensions(const Node& node, Diagnostics& diagnostics) {
  const Fields fields(node, all_keys, diagnostics, Severity::error);
  Extensions extensions;
  read_switch(fields, "strict", extensions.strict, diagnostics);
  read_switch(fields, "round_inputs", extensions.round_inputs, diagnostics);
  read_switch(fields, "post_layer_t", extensions.post_layer_t, diagnostics);
  read_switch(fields, "keep_tied_heads", extensions.keep_tied_heads, diagnostics);
  read_policies(fields, extensions, diagnostics);
  read_embeddings(fields, extensions, diagnostics);
  read_tensor_rules(fields, extensions, diagnostics);
  if (const Node* value = fields.find("seed")) extensions.seed = read_whole_number(*value, diagnostics);
  if (const Node* value = fields.find("output")) read_output(*value, extensions, diagnostics);
  if (const Node* value = fields.find("memory_per_rank")) {
    extensions.memory_per_rank = read_size(*value, parse_size, diagnostics);
  }
  if (const Node* value = fields.find("gate_vectors")) {
    extensions.gate_vectors = read_file_reference(*value, diagnostics);
  }
  read_the_rest(fields, diagnostics);
  return extensions;
}

}  // namespace stockpot::recipe
