// model.safetensors.index.json.
#include "fuzz.hpp"
#include "io/shard_index.hpp"

void stockpot::fuzz::target(std::string_view input) {
  for (const auto& shard : io::parse_shard_index(input, "f").shards) {
    require(!io::check_plain_file_name(shard.file), "shards are plain file names");
  }
}
