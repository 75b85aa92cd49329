#include "app/merge_kinds.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/reliability_options.hpp"
#include "app/shared_options.hpp"
#include "core/error.hpp"
#include "core/utf8.hpp"

namespace stockpot::app {
namespace {

/// A merge of one model that changes nothing but form and type. Texts are quoted as JSON, which YAML reads alike.
std::string conversion(const Values& values) {
  const auto quoted = [](const std::string& text) {
    if (is_utf8(text)) return nlohmann::json(text).dump();
    throw Error(ErrorKind::usage, "the name of a model or type is not UTF-8").with("name", text);
  };
  std::string recipe = fmt::format("merge_method: passthrough\nmodels: [{{model: {}}}]\n", quoted(*values.argument(0)));
  if (const auto dtype = values.text("dtype")) recipe += fmt::format("out_dtype: {}\n", quoted(*dtype));
  return recipe + "stockpot: {keep_tied_heads: true}\n";
}

}  // namespace

MergeKind convert_kind() {
  return {.line = {.name = "convert",
                   .purpose = "Writes a model anew: in another format, type or size of files, with its adapters added "
                              "(MODEL+ADAPTER), PyTorch files as safetensors, quantised weights as numbers.",
                   .arguments = {"MODEL", "OUT"},
                   .groups = {{"the output",
                               {{.name = "dtype",
                                 .value_name = "NAME",
                                 .help = "element type of what is written; default: as it is stored",
                                 .also = {"out-dtype"}}}},
                              showing_options(),
                              merge_options(),
                              reliability_options(),
                              search_options()}},
          .recipe_text = conversion};
}

MergeKind merge_kind() {
  return {{.name = "merge",
           .purpose =
               "Merges the models of a recipe and publishes the result as OUT. Run it under mpirun or srun for "
               "more than one rank; the result is the same bytes on any number of them. A recipe of several documents "
               "is made stage by stage.",
           .arguments = {"RECIPE", "OUT"},
           .groups = {showing_options(), merge_options(), reliability_options(), stage_options(), search_options()}}};
}

MergeKind multi_kind() {
  return {{.name = "multi",
           .purpose =
               "Merges by a recipe of several documents. Named stages go to --intermediate-dir, the document without a "
               "name to OUT; a recipe of named stages alone needs no OUT.",
           .arguments = {"RECIPE", "[OUT]"},
           .groups = {{"the output", {{.name = "out-path", .value_name = "OUT", .help = "the same as the argument"}}},
                      showing_options(),
                      merge_options(),
                      reliability_options(),
                      stage_options(),
                      search_options()}}};
}

MergeKind moe_kind() {
  return {.line = {.name = "moe",
                   .purpose = "Makes a mixture of experts of dense models: a merge whose recipe has 'experts'.",
                   .arguments = {"RECIPE", "OUT"},
                   .groups = {{"taken from mergekit-moe",
                               {{.name = "load-in-4bit",
                                 .takes = Takes::nothing_of_note,
                                 .help = "no effect: no model is run",
                                 .also = {"load-in-8bit"}}}},
                              showing_options(),
                              merge_options(),
                              reliability_options(),
                              stage_options(),
                              search_options()}},
          .experts_only = true};
}

MergeKind raw_kind() {
  return {
      {.name = "raw",
       .purpose = "Merges weight files by tensor names alone: no layers, no configuration, no tokenizer. Models in the "
                  "recipe are paths of files.",
       .arguments = {"RECIPE", "OUT"},
       .groups = {{"tensors that not all files have",
                   {{.name = "tensor-intersection",
                     .takes = Takes::toggle,
                     .help = "leave them out; default: an error",
                     .also = {"i"}},
                    {.name = "tensor-union",
                     .takes = Takes::toggle,
                     .help = "merge them over the files that have them",
                     .also = {"u"}}}},
                  showing_options(),
                  merge_options(),
                  reliability_options(),
                  search_options()}},
      recipe::Dialect::raw};
}

}  // namespace stockpot::app
