#include "recipe/print_extensions.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "recipe/print_parameters.hpp"

namespace stockpot::recipe {
namespace {

std::string_view word(Nonfinite choice) { return choice == Nonfinite::error ? "error" : "propagate"; }
std::string_view word(Dequantize choice) { return choice == Dequantize::automatic ? "auto" : "refuse"; }
std::string_view word(OnMismatch choice) { return choice == OnMismatch::error ? "error" : "skip"; }
std::string_view word(UnlistedModules choice) { return choice == UnlistedModules::drop ? "drop" : "copy"; }
std::string_view word(ExcludeAction choice) { return choice == ExcludeAction::copy ? "copy" : "drop"; }

std::string_view word(Missing choice) {
  switch (choice) {
    case Missing::by_method:
      return "default";
    case Missing::error:
      return "error";
    case Missing::drop:
      break;
  }
  return "drop";
}

std::string_view word(ExtraTensors choice) {
  switch (choice) {
    case ExtraTensors::error:
      return "error";
    case ExtraTensors::drop:
      return "drop";
    case ExtraTensors::copy:
      break;
  }
  return "copy";
}

void write_texts(YamlWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  out.key(key).begin_list(Style::flow);
  for (const std::string& text : texts) out.text(text);
  out.end_list();
}

void write_tensor_rules(YamlWriter& out, const Extensions& extensions) {
  if (!extensions.include.empty()) write_texts(out, "include", extensions.include);
  if (!extensions.exclude.empty()) write_texts(out, "exclude", extensions.exclude);
  out.key("exclude_action").text(word(extensions.exclude_action));
  if (!extensions.overrides.empty()) {
    out.key("overrides").begin_list();
    for (const Override& one : extensions.overrides) {
      out.begin_map().key("filter").text(one.filter);
      if (!one.method.empty()) out.key("merge_method").text(one.method);
      write_parameters(out, one.parameters);
      out.end_map();
    }
    out.end_list();
  }
  if (extensions.renames.empty()) return;
  out.key("rename").begin_list();
  for (const Rename& one : extensions.renames) {
    out.begin_map(Style::flow).key("from").text(one.from).key("to").text(one.to).end_map();
  }
  out.end_list();
}

void write_output(YamlWriter& out, const Extensions& extensions) {
  if (!extensions.output_format && !extensions.shard_bytes && extensions.output_metadata.empty()) return;
  out.key("output").begin_map();
  if (extensions.output_format) out.key("format").text(*extensions.output_format);
  if (extensions.shard_bytes) out.key("shard_size").whole(*extensions.shard_bytes);
  if (!extensions.output_metadata.empty()) {
    out.key("metadata").begin_map();
    for (const auto& [name, text] : extensions.output_metadata) out.key(name).text(text);
    out.end_map();
  }
  out.end_map();
}

}  // namespace

void write_extensions(YamlWriter& out, const Extensions& extensions) {
  out.begin_map();
  out.key("strict").boolean(extensions.strict);
  if (extensions.seed) out.key("seed").whole(*extensions.seed);
  out.key("round_inputs").boolean(extensions.round_inputs);
  out.key("nonfinite").text(word(extensions.nonfinite));
  out.key("dequantize").text(word(extensions.dequantize));
  out.key("missing").text(word(extensions.missing));
  out.key("extra_tensors").text(word(extensions.extra_tensors));
  out.key("on_mismatch").text(word(extensions.on_mismatch));
  if (extensions.embedding_names) write_texts(out, "embedding_names", *extensions.embedding_names);
  if (!extensions.vocab_tensors.empty()) write_texts(out, "vocab_tensors", extensions.vocab_tensors);
  out.key("unlisted_modules").text(word(extensions.unlisted_modules));
  out.key("keep_tied_heads").boolean(extensions.keep_tied_heads);
  write_tensor_rules(out, extensions);
  out.key("post_layer_t").boolean(extensions.post_layer_t);
  write_output(out, extensions);
  if (extensions.gate_vectors) out.key("gate_vectors").text(extensions.gate_vectors->path);
  if (extensions.memory_per_rank) out.key("memory_per_rank").whole(*extensions.memory_per_rank);
  out.end_map();
}

}  // namespace stockpot::recipe
