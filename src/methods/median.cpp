// Median: element by element the middle value of the models; the mean of the two middle ones if their number is even.
//
// A sorting network, Batcher's merge exchange (Knuth, The Art of Computer Programming, volume 3, algorithm 5.2.2M), of
// which only the comparisons stay that the middle depends on. It exchanges whole runs of elements at once: minima and
// maxima, no branches. NaN is above infinity.
#include <algorithm>
#include <bit>
#include <vector>

#include "core/simd.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec median;

namespace {

/// Two rows of values, of which `low` gets the smaller ones.
struct Exchange {
  std::size_t low;
  std::size_t high;
};

std::vector<Exchange> sorting_network(std::size_t rows) {
  std::vector<Exchange> network;
  const std::size_t half = rows < 2 ? 0 : std::bit_floor(rows - 1);
  for (std::size_t p = half; p > 0; p /= 2) {
    std::size_t q = half, offset = 0, distance = p;
    while (true) {
      for (std::size_t i = 0; i + distance < rows; ++i) {
        if ((i & p) == offset) network.push_back({i, i + distance});
      }
      if (q == p) break;
      distance = q - p;
      offset = p;
      q /= 2;
    }
  }
  return network;
}

/// The part of the network that the middle row, or the two middle ones, depend on.
std::vector<Exchange> median_network(std::size_t rows) {
  std::vector<Exchange> needed;
  std::vector<bool> matters(rows, false);
  if (rows > 0) matters[(rows - 1) / 2] = matters[rows / 2] = true;
  const auto network = sorting_network(rows);
  for (auto exchange = network.rbegin(); exchange != network.rend(); ++exchange) {
    if (!matters[exchange->low] && !matters[exchange->high]) continue;
    matters[exchange->low] = matters[exchange->high] = true;
    needed.push_back(*exchange);
  }
  std::ranges::reverse(needed);
  return needed;
}

struct Network {
  const Exchange* exchanges;
  std::size_t size;
  std::size_t rows;
};

/// Writes the medians of `count` elements. @param work  run_elements values for each row
constexpr auto write_medians = []<class E, class T>(Network network, const E* const* models, std::size_t first,
                                                    std::size_t count, T* work, E* out) {
  for (std::size_t start = 0; start < count; start += run_elements) {
    const std::size_t length = count - start < run_elements ? count - start : run_elements;
    for (std::size_t row = 0; row < network.rows; ++row) {
      const E* const values = models[row] + first + start;
      T* const into = work + row * run_elements;
      for (std::size_t i = 0; i < length; ++i) into[i] = values[i];
    }
    for (std::size_t e = 0; e < network.size; ++e) {
      T* __restrict low = work + network.exchanges[e].low * run_elements;
      T* __restrict high = work + network.exchanges[e].high * run_elements;
      for (std::size_t i = 0; i < run_elements; ++i) {
        const T a = low[i], b = high[i];
        const bool turned = (b < a) | (a != a);  // NaN is above everything
        low[i] = turned ? b : a;
        high[i] = turned ? a : b;
      }
    }
    const T* const lower = work + (network.rows - 1) / 2 * run_elements;
    const T* const upper = work + network.rows / 2 * run_elements;
    for (std::size_t i = 0; i < length; ++i) {
      out[start + i] = static_cast<E>(lower == upper ? lower[i] : T(0.5) * (lower[i] + upper[i]));
    }
  }
};

class Median final : public TileMethod<Median> {
 public:
  Median(const Settings&, const GroupInfo& group) : network_(median_network(group.models)) {}
  static constexpr bool stored = true;

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    std::vector<ValueOf<E>> work(in.models() * run_elements);
    const Network network{network_.data(), network_.size(), in.models()};
    dispatch(write_medians, network, in.model_values.data(), std::size_t{0}, in.size(), work.data(), out.data());
  }

 private:
  std::vector<Exchange> network_;
};

}  // namespace

extern const MethodSpec median{
    .name = "median",
    .summary = "element by element the middle value of the models",
    .formula = "out = the middle one of the x_m in ascending order;  even N: the mean of the two middle ones",
    .source = "none: the textbook estimator",
    .parameters = {},
    .make = make_method<Median>};

}  // namespace stockpot::methods
