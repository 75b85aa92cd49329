#include "io/rank_record_json.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace stockpot::io {
namespace {

using nlohmann::ordered_json;

/// A number of a rank, and where it stands in the rank's object.
struct Figure {
  std::string place;  // a JSON pointer
  ordered_json value;
};

void add_phases(const std::string& place, const std::vector<RankRecord::Phase>& phases, std::vector<Figure>& figures) {
  for (const auto& phase : phases) figures.push_back({place + phase.name, phase.seconds});
}

void add_transfers(const std::string& place, const TransferTotals& totals, std::vector<Figure>& figures) {
  figures.push_back({place + "calls", totals.calls});
  figures.push_back({place + "seconds", totals.seconds});
  figures.push_back({place + "slowest_seconds", totals.slowest_seconds});
}

constexpr std::array<std::pair<Transfer, const char*>, num_transfers> transfer_names{
    {{Transfer::read, "/reads/"}, {Transfer::write, "/writes/"}, {Transfer::sync, "/syncs/"}}};

const TransferTotals& totals_of(const RankRecord& rank, Transfer kind) {
  return rank.storage.transfers[static_cast<std::size_t>(kind)];
}

/// All that can be compared between ranks: the same places for each.
std::vector<Figure> figures_of(const RankRecord& rank) {
  constexpr double giga = 1e9;
  std::vector<Figure> figures{{"/bytes_read", rank.bytes_read},
                              {"/bytes_found", rank.bytes_found},
                              {"/bytes_written", rank.bytes_written},
                              {"/wall_seconds", rank.wall_seconds},
                              {"/busy_seconds", rank.busy_seconds}};
  add_phases("/phases/", rank.phases, figures);
  add_phases("/worker_phases/", rank.worker_phases, figures);
  figures.push_back({"/worker_read_gb_per_second", read_rate(rank) / giga});
  figures.push_back({"/worker_write_gb_per_second", write_rate(rank) / giga});
  for (const auto& [kind, place] : transfer_names) add_transfers(place, totals_of(rank, kind), figures);
  figures.push_back({"/bytes_copied_by_kernel", rank.storage.bytes_copied_by_kernel});
  figures.push_back({"/direct/bytes_read", rank.storage.direct.bytes_read});
  figures.push_back({"/direct/bytes_written", rank.storage.direct.bytes_written});
  figures.push_back({"/direct/files_refused", rank.storage.direct.files_refused});
  figures.push_back({"/journal/commits", rank.journal_commits});
  figures.push_back({"/journal/seconds", rank.journal_seconds});
  figures.push_back({"/pool_high_water", rank.pool_high_water});
  figures.push_back({"/peak_resident", rank.peak_resident});
  figures.push_back({"/calls_repeated", rank.storage.calls_repeated});
  figures.push_back({"/units", rank.units});
  figures.push_back({"/units_taken_over", rank.units_taken_over});
  return figures;
}

ordered_json& at(ordered_json& json, const std::string& place) { return json[ordered_json::json_pointer(place)]; }

ordered_json json_of(std::size_t number, const RankRecord& rank) {
  ordered_json json{{"rank", number}, {"host", rank.host}};
  for (Figure& figure : figures_of(rank)) at(json, figure.place) = std::move(figure.value);
  for (const auto& [kind, place] : transfer_names) {
    const TransferTotals& totals = totals_of(rank, kind);
    if (totals.slowest_path.empty()) continue;
    at(json, std::string(place) + "slowest_file") = totals.slowest_path;
    at(json, std::string(place) + "slowest_byte") = totals.slowest_offset;
  }
  if (!rank.storage.direct.first_refused.empty()) json["direct"]["first_refused"] = rank.storage.direct.first_refused;
  return json;
}

/// Values that occur, not something between two of them.
ordered_json quantiles(std::vector<ordered_json> values) {
  std::ranges::sort(values, [](const ordered_json& a, const ordered_json& b) { return a < b; });
  constexpr std::size_t quarters = 4;
  ordered_json all = ordered_json::array();
  for (std::size_t q = 0; q <= quarters; ++q) all.push_back(values[(values.size() - 1) * q / quarters]);
  return all;
}

ordered_json quantiles_of(const std::vector<RankRecord>& ranks) {
  std::vector<std::vector<ordered_json>> columns;
  for (const RankRecord& rank : ranks) {
    const std::vector<Figure> figures = figures_of(rank);
    columns.resize(figures.size());
    for (std::size_t c = 0; c < figures.size(); ++c) columns[c].push_back(figures[c].value);
  }
  ordered_json json;
  const std::vector<Figure> places = figures_of(ranks.front());
  for (std::size_t c = 0; c < columns.size(); ++c) at(json, places[c].place) = quantiles(std::move(columns[c]));
  return json;
}

}  // namespace

void add_ranks(const std::vector<RankRecord>& ranks, ordered_json& json) {
  json["per_rank"] = ordered_json::array();
  if (ranks.empty()) return;
  const std::vector<std::size_t> order = slowest_first(ranks);
  const RankRecord& slowest = ranks[order.front()];
  json["slowest_rank"] = {{"rank", order.front()}, {"host", slowest.host}, {"busy_seconds", slowest.busy_seconds}};
  if (ranks.size() <= most_ranks_shown) {
    for (std::size_t r = 0; r < ranks.size(); ++r) json["per_rank"].push_back(json_of(r, ranks[r]));
    return;
  }
  for (std::size_t i = 0; i < slowest_ranks_shown; ++i) json["per_rank"].push_back(json_of(order[i], ranks[order[i]]));
  json["rank_quantiles"] = quantiles_of(ranks);
}

}  // namespace stockpot::io
