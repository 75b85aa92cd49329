// stockpot-manifest.json: what is read is what would be written.
#include "fuzz.hpp"
#include "io/manifest.hpp"

void stockpot::fuzz::target(std::string_view input) {
  const std::string text(input);
  require(io::to_json(io::parse_manifest(text, "f")) == text, "a manifest that is accepted is canonical");
}
