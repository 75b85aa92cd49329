// stockpot inspect PATH: what the headers of a checkpoint say. No data byte is read.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/log.hpp"
#include "app/options.hpp"
#include "app/shared_options.hpp"
#include "core/catalogue.hpp"
#include "io/checkpoint.hpp"
#include "partition/shard.hpp"

namespace stockpot::app {
namespace {

using nlohmann::ordered_json;

CommandLine line() {
  return {
      .name = "inspect",
      .purpose = "Lists the tensors of a checkpoint in natural order, with sums. Reads headers only.",
      .arguments = {"PATH"},
      .groups = {{"output",
                  {{.name = "json", .takes = Takes::toggle, .help = "as JSON"},
                   {.name = "tensors", .takes = Takes::toggle, .help = "list the tensors; default on", .on = true}}},
                 search_options()}};
}

struct Sum {
  std::uint64_t tensors = 0, elements = 0, bytes = 0;
  void add(const TensorInfo& tensor) {
    ++tensors;
    elements += tensor.elements();
    bytes += tensor.bytes();
  }
};

struct Sums {
  Sum total;
  std::map<DType, Sum> of_dtype;
};

Sums sums_of(const Catalogue& catalogue) {
  Sums sums;
  for (const StoredTensor& tensor : catalogue.tensors) {
    sums.total.add(tensor.info);
    sums.of_dtype[tensor.info.dtype].add(tensor.info);
  }
  return sums;
}

void sort_naturally(std::vector<StoredTensor>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return partition::natural_less(a.info.name, b.info.name);
  });
}

void print(const Catalogue& catalogue, bool with_tensors) {
  if (with_tensors) {
    for (const StoredTensor& tensor : catalogue.tensors) {
      const TensorInfo& info = tensor.info;
      fmt::print("{:<6} {:<20} {:>14}  {}\n", name(info.dtype), to_string(info.shape), info.bytes(),
                 printable(info.name));
    }
    fmt::print("\n");
  }
  for (const StoredFile& file : catalogue.files)
    fmt::print("file    {:>16} bytes  {}\n", file.bytes, printable(file.path));
  const auto print_sum = [](std::string_view title, const Sum& sum) {
    fmt::print("{:<6} {:>8} tensors {:>16} elements {:>16} bytes\n", title, sum.tensors, sum.elements, sum.bytes);
  };
  const Sums sums = sums_of(catalogue);
  for (const auto& [dtype, sum] : sums.of_dtype) print_sum(name(dtype), sum);
  print_sum("total", sums.total);
}

ordered_json to_json(const Sum& sum) {
  return {{"tensors", sum.tensors}, {"elements", sum.elements}, {"bytes", sum.bytes}};
}

ordered_json to_json(const Catalogue& catalogue, bool with_tensors) {
  const Sums sums = sums_of(catalogue);
  ordered_json json{{"path", catalogue.directory},
                    {"total", to_json(sums.total)},
                    {"dtypes", ordered_json::object()},
                    {"files", ordered_json::array()}};
  for (const auto& [dtype, sum] : sums.of_dtype) json["dtypes"][std::string(name(dtype))] = to_json(sum);
  for (const StoredFile& file : catalogue.files) json["files"].push_back({{"path", file.path}, {"bytes", file.bytes}});
  if (!with_tensors) return json;
  json["tensors"] = ordered_json::array();
  for (const StoredTensor& tensor : catalogue.tensors) {
    const TensorInfo& info = tensor.info;
    json["tensors"].push_back({{"name", info.name},
                               {"dtype", name(info.dtype)},
                               {"shape", info.shape},
                               {"bytes", info.bytes()},
                               {"file", tensor.file},
                               {"offset", tensor.offset}});
    if (!tensor.strides.empty()) json["tensors"].back()["strides"] = tensor.strides;
    if (!tensor.pieces.empty()) json["tensors"].back()["pieces"] = tensor.pieces.size();
  }
  return json;
}

}  // namespace

int inspect_command(Arguments arguments) {
  const auto values = read_line(line(), arguments);
  if (!values) return 0;
  const std::string reference = *values->argument(0);
  const io::FoundModel found = io::find_model(reference, "", search_places(*values, ""));
  Catalogue catalogue = io::read_catalogue(reference, found.path);
  sort_naturally(catalogue.tensors);
  log_warnings(found.warnings, 0);
  log_warnings(catalogue.warnings, 0);
  if (values->on("json")) {
    fmt::print("{}\n",
               to_json(catalogue, values->on("tensors")).dump(2, ' ', false, ordered_json::error_handler_t::replace));
  } else {
    print(catalogue, values->on("tensors"));
  }
  return 0;
}

}  // namespace stockpot::app
