#include "engine/decoded_source.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/prompt_rows.hpp"

namespace stockpot::engine {

void DecodedSource::read(ElementRange range, std::span<std::byte> stored) const {
  if (as_double_) {
    std::vector<double> values(range.count);
    fill(range, std::span(values));
    std::memcpy(stored.data(), values.data(), values.size() * sizeof(double));
  } else {
    std::vector<float> values(range.count);
    fill(range, std::span(values));
    std::memcpy(stored.data(), values.data(), values.size() * sizeof(float));
  }
}

namespace {

/// Values of type From that begin at any byte. @return true if any is NaN or infinite.
template <class From, class To>
bool take_values(std::span<const std::byte> stored, std::uint64_t first, std::span<To> out) {
  bool nonfinite = false;
  const std::byte* from = stored.data() + first * sizeof(From);
  for (std::size_t i = 0; i < out.size(); ++i) {
    From value;
    std::memcpy(&value, from + i * sizeof(From), sizeof(From));
    nonfinite = nonfinite || !std::isfinite(value);
    out[i] = static_cast<To>(value);
  }
  return nonfinite;
}

}  // namespace

bool DecodedSource::decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                           std::span<float> out) const {
  const std::uint64_t first = wanted.first - held.first;
  return as_double_ ? take_values<double>(stored, first, out) : take_values<float>(stored, first, out);
}

bool DecodedSource::decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
                           std::span<double> out) const {
  const std::uint64_t first = wanted.first - held.first;
  return as_double_ ? take_values<double>(stored, first, out) : take_values<float>(stored, first, out);
}

template <class T>
void read_values(const Source& source, ElementRange range, std::span<T> values) {
  constexpr std::uint64_t piece_elements = std::uint64_t{1} << 16;
  std::vector<std::byte> stored;
  for (std::uint64_t done = 0; done < range.count; done += piece_elements) {
    const ElementRange piece{range.first + done, std::min(piece_elements, range.count - done)};
    stored.resize(source.stored_bytes(piece));
    source.read(piece, stored);
    source.decode(stored, piece, piece, values.subspan(done, piece.count));
  }
}
template void read_values(const Source&, ElementRange, std::span<float>);
template void read_values(const Source&, ElementRange, std::span<double>);

template <class T>
void CutSource::fill_rows(ElementRange range, std::span<T> values) const {
  for (std::uint64_t at = range.first; at < range.end();) {
    const std::uint64_t row = at / columns_, column = at % columns_;
    const std::uint64_t count = std::min(columns_ - column, range.end() - at);
    read_values(*inner_, {row * inner_columns_ + column, count}, values.subspan(at - range.first, count));
    at += count;
  }
}

void CutSource::fill(ElementRange range, std::span<float> values) const { fill_rows(range, values); }
void CutSource::fill(ElementRange range, std::span<double> values) const { fill_rows(range, values); }

void GatheredSource::fill(ElementRange range, std::span<float> values) const { fill_runs(range, values); }
void GatheredSource::fill(ElementRange range, std::span<double> values) const { fill_runs(range, values); }

template <class T>
void GatheredSource::fill_runs(ElementRange range, std::span<T> values) const {
  const std::uint64_t width = gather_.row_elements;
  const auto after = std::ranges::upper_bound(gather_.runs, range.first / width, {}, &plan::Gather::Run::first);
  for (auto run = after - 1; run != gather_.runs.end() && run->first * width < range.end(); ++run) {
    const std::uint64_t first = std::max(range.first, run->first * width);
    const std::uint64_t end = std::min(range.end(), (run->first + run->count) * width);
    fill_run(*run, {first - run->first * width, end - first}, values.subspan(first - range.first, end - first));
  }
}

/// @param inside  elements counted from the run's beginning.
template <class T>
void GatheredSource::fill_run(const plan::Gather::Run& run, ElementRange inside, std::span<T> values) const {
  fill_plain(run, inside, values);
  if (run.draw != plan::Gather::no_draw) {
    add_draw(gather_.draws[run.draw], run.first * gather_.row_elements + inside.first, values);
  }
  if (run.factor == 1.0) return;
  const T factor = static_cast<T>(run.factor);
  for (T& value : values) value *= factor;
}

/// @param first  flat index in the source.
template <class T>
void GatheredSource::add_draw(const plan::Gather::Draw& draw, std::uint64_t first, std::span<T> values) const {
  std::array<double, 4096> drawn;
  for (std::size_t done = 0; done < values.size();) {
    const std::span<double> piece(drawn.data(), std::min(drawn.size(), values.size() - done));
    stockpot::draw(draw.distribution, draw.stream, first + done, piece);
    for (const double value : piece) values[done++] += static_cast<T>(draw.scale * value);
  }
}

template <class T>
void GatheredSource::fill_plain(const plan::Gather::Run& run, ElementRange inside, std::span<T> values) const {
  const std::uint64_t width = gather_.row_elements;
  switch (run.kind) {
    case plan::Gather::Kind::stored:
      read_values(*parts_[run.part], {run.row * width + inside.first, inside.count}, values);
      break;
    case plan::Gather::Kind::zero:
      std::ranges::fill(values, T{0});
      break;
    case plan::Gather::Kind::mean:
      fill_mean(run.part, inside, values);
      break;
    case plan::Gather::Kind::mean_of_stored: {
      const auto mean = means_.get(&gather_, [this] { return mean_of_stored(); });
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(mean[(inside.first + i) % width]);
      break;
    }
    case plan::Gather::Kind::prompts: {
      const PromptTokens::Row& prompts = prompts_.rows[run.part];
      const auto row = means_.get(&prompts, [&] { return prompt_row(prompts, *parts_.front(), width); });
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(row[inside.first + i]);
      break;
    }
  }
}

template <class T>
void GatheredSource::fill_mean(std::uint32_t mean, ElementRange columns, std::span<T> values) const {
  const auto& rows = gather_.means[mean];
  std::vector<T> row(values.size());
  std::ranges::fill(values, T{0});
  for (const plan::Gather::PartRow& from : rows) {
    read_values(*parts_[from.part], {from.row * gather_.row_elements + columns.first, columns.count}, std::span(row));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = values[i] + row[i];
  }
  for (T& value : values) value = value / static_cast<T>(rows.size());
}

std::vector<double> GatheredSource::mean_of_stored() const {
  const std::uint64_t width = gather_.row_elements;
  std::vector<double> sums(width, 0.0), row(width);
  std::uint64_t rows = 0;
  for (const plan::Gather::Run& run : gather_.runs) {
    if (run.kind == plan::Gather::Kind::mean_of_stored) continue;
    for (std::uint64_t r = 0; r < run.count; ++r) {
      fill_run(run, {r * width, width}, std::span(row));
      for (std::size_t i = 0; i < width; ++i) sums[i] += row[i];
    }
    rows += run.count;
  }
  for (double& sum : sums) sum /= static_cast<double>(std::max<std::uint64_t>(1, rows));
  return sums;
}

}  // namespace stockpot::engine
