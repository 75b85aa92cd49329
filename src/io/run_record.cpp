#include "io/run_record.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/version.hpp"
#include "io/json.hpp"
#include "io/rank_record_json.hpp"

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

std::optional<std::string> recorded_stage(const std::string& path) { return text_in(path, "stage"); }
std::optional<std::string> stage_fingerprint(const std::string& path) { return text_in(path, "stage_fingerprint"); }
std::optional<std::string> planned_fingerprint(const std::string& path) { return text_in(path, "planned_fingerprint"); }
bool is_committed_by_marker(const std::string& path) { return text_in(path, "commit") == "marker"; }

std::string to_json(const RunRecord& record) {
  using nlohmann::ordered_json;
  ordered_json json{{"stockpot_version", version},
                    {"numeric_contract", numeric_contract},
                    {"stage_fingerprint", record.stage_fingerprint},
                    {"commit", record.commit},
                    {"attempt", record.attempt},
                    {"units_resumed", record.units_resumed},
                    {"made_with", record.made_with},
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
                    {"measured_imbalance", imbalance(record.ranks)},
                    {"wall_seconds", wall_seconds(record.ranks)},
                    {"collectives", record.collectives},
                    {"models", ordered_json::array()},
                    {"warnings", record.warnings}};
  for (const auto& model : record.models) {
    json["models"].push_back({{"reference", model.reference}, {"directory", model.directory}, {"bytes", model.bytes}});
  }
  if (!record.stage.empty()) json["stage"] = record.stage;
  if (!record.planned_fingerprint.empty()) json["planned_fingerprint"] = record.planned_fingerprint;
  add_ranks(record.ranks, json);
  for (const auto& tensor : record.saturated) json["saturated_values"][tensor.tensor] = tensor.values;
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace stockpot::io
