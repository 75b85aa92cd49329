// config.json, as a model's and as an adapter's: read, and edited.
#include "fuzz.hpp"
#include "io/adapter_config.hpp"
#include "io/config_edits.hpp"
#include "io/json.hpp"
#include "io/model_config.hpp"

void stockpot::fuzz::target(std::string_view input) {
  const auto json = io::parse_json(input, "f", "ARC001");
  std::vector<std::string> warnings;
  const ModelConfig config = io::model_config(json, "f", warnings);
  ConfigEdits edits;
  edits.dtype = DType::bf16;
  edits.untie_head = true;
  edits.vocab_size = 12;
  edits.old_vocab_size = config.vocab_size;
  edits.dequantized = true;
  for (const auto& count : config.layer_counts) edits.layers.push_back({count.key, count.layers, {0, 1, 0}});
  edits.token_ids = {{{1, 2}, {2, std::nullopt}}};
  io::parse_json(io::edited_config(input, edits, "f", warnings), "f", "ARC001");
  io::parse_json(io::edited_generation_config(input, edits, "f", warnings), "f", "ARC001");
  Adapter adapter;
  io::read_adapter_config(json, "f", adapter);
}
