#include "io/run_record.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/version.hpp"
#include "io/json.hpp"

namespace stockpot::io {

namespace {

std::optional<std::string> text_in(const std::string& path, const char* key) {
  try {
    const auto record = read_json(path, "FMT022");
    const auto found = record.is_object() ? record.find(key) : record.end();
    if (record.is_object() && found != record.end() && found->is_string()) return found->get<std::string>();
  } catch (const Error&) {  // whatever it is, it is no record of ours
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> stage_fingerprint(const std::string& path) { return text_in(path, "stage_fingerprint"); }
bool is_committed_by_marker(const std::string& path) { return text_in(path, "commit") == "marker"; }

std::string to_json(const RunRecord& record) {
  using nlohmann::ordered_json;
  ordered_json json{{"stockpot_version", version},
                    {"numeric_contract", numeric_contract},
                    {"stage_fingerprint", record.stage_fingerprint},
                    {"commit", record.commit},
                    {"attempt", record.attempt},
                    {"units_resumed", record.units_resumed},
                    {"method", record.method},
                    {"seed", record.seed},
                    {"output_format", record.output_format},
                    {"ranks", record.ranks.size()},
                    {"threads_per_rank", record.threads_per_rank},
                    {"memory_per_rank", record.memory_per_rank},
                    {"unit_bytes", record.unit_bytes},
                    {"chunk_bytes", record.chunk_bytes},
                    {"instruction_set", record.instruction_set},
                    {"planned_imbalance", record.planned_imbalance},
                    {"collectives", record.collectives},
                    {"models", ordered_json::array()},
                    {"per_rank", ordered_json::array()},
                    {"warnings", record.warnings}};
  for (const auto& model : record.models) {
    json["models"].push_back({{"reference", model.reference}, {"directory", model.directory}, {"bytes", model.bytes}});
  }
  for (const auto& rank : record.ranks) {
    json["per_rank"].push_back({{"bytes_read", rank.bytes_read},
                                {"bytes_written", rank.bytes_written},
                                {"busy_seconds", rank.busy_seconds},
                                {"pool_high_water", rank.pool_high_water},
                                {"peak_resident", rank.peak_resident},
                                {"calls_repeated", rank.calls_repeated}});
  }
  for (const auto& tensor : record.saturated) json["saturated_values"][tensor.tensor] = tensor.values;
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace stockpot::io
