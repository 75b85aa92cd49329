#include "engine/router_condition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "engine/decoded_source.hpp"
#include "engine/input_files.hpp"
#include "engine/source_factory.hpp"
#include "methods/kernels/singular_values.hpp"

namespace stockpot::engine {
namespace {

constexpr double most_condition = 5.0;
constexpr double most_work = 1e10;  // multiplications

double condition_of(std::vector<double>& values, std::size_t rows, std::size_t columns) {
  const methods::BasicMatrixView<const double> matrix{values.data(), rows, columns, columns, 1};
  const auto sigma = methods::singular_vectors(matrix, 0).sigma;
  const double least = sigma.back(), most = sigma.front();
  if (std::isnan(least) || least <= most * std::numeric_limits<double>::epsilon()) {
    return std::numeric_limits<double>::infinity();
  }
  return most / least;
}

std::string shown(double condition) {
  return condition < 1e6 ? fmt::format("a condition number of {:.1f}", condition)
                         : std::string("rows that depend on each other");
}

}  // namespace

void check_router_conditions(const plan::MergePlan& plan, const recipe::MergeDocument& document,
                             recipe::Diagnostics& diagnostics) {
  InputFiles files(posix_source());
  const SourceFactory sources(plan, files);
  const bool shared = document.moe && document.moe->gate_mode == recipe::GateMode::cheap_embed;
  std::size_t poor = 0;
  double worst = 0.0, work = 0.0;
  for (const std::uint32_t router : plan.routers) {
    const plan::PlannedTensor& tensor = plan.tensors[router];
    const std::uint64_t rows = tensor.output.shape[0], columns = tensor.output.shape[1];
    work += static_cast<double>(rows * columns) * static_cast<double>(std::min(rows, columns));
    if (work > most_work && router != plan.routers.front()) break;
    std::vector<double> values(rows * columns);
    read_values(*sources.make(router, tensor.sources.front()), {0, values.size()}, std::span(values));
    const double condition = condition_of(values, rows, columns);
    poor += condition > most_condition ? 1 : 0;
    worst = std::max(worst, condition);
    if (shared) break;
  }
  if (poor == 0) return;
  const std::string whose = shared      ? "the router, one for all layers, has"
                            : poor == 1 ? "the router of one layer has"
                                        : fmt::format("the routers of {} layers have, at worst,", poor);
  diagnostics.warn("MOE012", document.moe->gate_at.line > 0 ? document.moe->gate_at : document.moe->experts_at,
                   fmt::format("{} {}: its experts are hard to tell apart", whose, shown(worst)),
                   "a number of 5 or less is good; prompts that have less in common help");
}

}  // namespace stockpot::engine
