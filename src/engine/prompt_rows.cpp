#include "engine/prompt_rows.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "engine/decoded_source.hpp"

namespace stockpot::engine {
namespace {

void set_length_1(std::span<double> values) {
  constexpr double least = 1e-8;
  double squares = 0.0;
  for (const double value : values) squares += value * value;
  const double length = std::sqrt(squares);
  for (double& value : values) value /= length < least ? least : length;  // NaN stays NaN
}

std::vector<double> direction(const std::vector<PromptTokens::Token>& tokens, const Source& embedding,
                              std::size_t width) {
  std::vector<double> sum(width, 0.0), row(width);
  for (const PromptTokens::Token& token : tokens) {
    read_values(embedding, {token.id * width, width}, std::span(row));
    for (std::size_t i = 0; i < width; ++i) sum[i] += static_cast<double>(token.count) * row[i];
  }
  set_length_1(sum);
  return sum;
}

}  // namespace

std::vector<double> prompt_row(const PromptTokens::Row& prompts, const Source& embedding, std::size_t width) {
  std::vector<double> row = direction(prompts.positive, embedding, width);
  if (!prompts.negative.empty()) {
    const std::vector<double> away = direction(prompts.negative, embedding, width);
    for (std::size_t i = 0; i < width; ++i) row[i] -= away[i];
  }
  set_length_1(row);
  return row;
}

}  // namespace stockpot::engine
