// The passes of every merge method on one thread, beside STREAM's copy and triad in the same run.
//   bench_kernels [--elements=N] [--models=N] [Google Benchmark's options]
//
// A case is one pass of one method: observe() or merge() over all tiles of one float32 tensor, 4096 wide, that is several
// times larger than the caches. GB/s counts what a pass has to touch: base and models once, and the result where there is
// one. `of_triad` is that over the triad's GB/s; matrix methods (tsvm, iso_*) are bound by arithmetic and not here.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/simd.hpp"
#include "methods/method.hpp"
#include "support/run_method.hpp"

namespace stockpot::bench {
namespace {

constexpr std::uint64_t row = 4096;

struct Shape2 {
  std::uint64_t elements = std::uint64_t{1} << 23;
  std::size_t models = 3;
};

/// A base and fine-tunes of it: normal weights, small normal changes.
class Family {
 public:
  explicit Family(Shape2 shape) : arrays_(shape.models + 1, std::vector<float>(shape.elements)) {
    for (std::size_t a = 0; a < arrays_.size(); ++a) {
      std::mt19937_64 random(a);
      for (std::size_t i = 0; i < shape.elements; ++i) {
        arrays_[a][i] = normal(random) * (a == 0 ? 0.02f : 0.0005f) + (a == 0 ? 0.0f : arrays_[0][i]);
      }
    }
  }
  const std::vector<float>& base() const { return arrays_.front(); }
  const std::vector<float>& model(std::size_t m) const { return arrays_[m + 1]; }

 private:
  /// About normal, and quick: a sum of four uniform numbers out of one word.
  static float normal(std::mt19937_64& random) {
    const std::uint64_t word = random();
    float sum = 0.0f;
    for (int shift = 0; shift < 64; shift += 16) sum += static_cast<float>(word >> shift & 0xffff) / 65536.0f - 0.5f;
    return sum * 1.7f;
  }
  std::vector<std::vector<float>> arrays_;
};

/// One method on the family, all passes concluded up to a given one.
class Prepared {
 public:
  Prepared(const methods::MethodSpec& method, const test::Parameters& parameters, const Family& family, Shape2 shape)
      : family_(family), models_(std::clamp(shape.models, method.min_models, method.max_models)) {
    const auto settings = test::settings_of(method, models_, parameters);
    granularity_ = method.granularity ? method.granularity(settings) : methods::Granularity::block;
    tensor_ = std::make_unique<methods::OutputTensor>(
        methods::OutputTensor{.name = "t",
                              .shape = {shape.elements / row, row},
                              .elements = shape.elements,
                              .row_elements = row,
                              .settings = settings,
                              .masks = {},
                              .ties = {},
                              .joint_ties = {0, stream_of(tie_domain, "", "t")}});
    for (std::size_t m = 0; m < models_; ++m) {
      const std::string key(1, static_cast<char>('A' + m));
      tensor_->masks.push_back({0, stream_of(mask_domain, key, "t")});
      tensor_->ties.push_back({0, stream_of(tie_domain, key, "t")});
    }
    method_ = method.make(settings, {.elements = shape.elements, .models = models_, .shape = tensor_->shape});
    arrays_ = models_ + (method.base == methods::BaseUse::none ? 0 : 1);
  }

  /// Brings the method to pass `pass`, or past all. @return false if there are fewer.
  bool advance(std::size_t pass) {
    for (std::size_t done = 0; done < pass; ++done) {
      if (!method_->next_pass()) return false;
      observe(true);
    }
    return method_->next_pass().has_value();
  }

  void observe(bool conclude) {
    const methods::TallyShape shape = *method_->next_pass();
    counts_.assign(shape.counts, 0);
    std::vector<methods::Lanes> lanes(shape.sums);
    std::vector<double> sums(shape.sums), maxima(shape.maxima);
    std::vector<double> all_maxima(shape.maxima);
    SumTree tree;
    each_tile([&](const methods::Tile<float>& tile, std::uint64_t number) {
      if (!method_->wants(*tensor_, tile.range)) return;
      std::ranges::fill(lanes, methods::Lanes{});
      std::ranges::fill(maxima, 0.0);
      method_->observe(tile, {counts_, lanes, maxima});
      std::ranges::transform(lanes, sums.begin(), &methods::Lanes::joined);
      if (shape.sums > 0 && conclude) tree.insert(0, number, sums);
      for (std::size_t i = 0; i < maxima.size(); ++i) all_maxima[i] = std::max(all_maxima[i], maxima[i]);
    });
    if (!conclude) return;
    const std::vector<double> total = shape.sums > 0 ? tree.total(tiles()) : std::vector<double>();
    method_->conclude({counts_, total, total, all_maxima});
  }

  void merge(std::vector<float>& out) const {
    each_tile([&](const methods::Tile<float>& tile, std::uint64_t) {
      method_->merge(tile, std::span(out).subspan(tile.range.first, tile.size()));
    });
  }

  std::size_t arrays() const { return arrays_; }

 private:
  std::uint64_t step() const { return methods::tile_elements(granularity_, row); }
  std::uint64_t tiles() const { return (tensor_->elements + step() - 1) / step(); }

  template <class Body>
  void each_tile(const Body& body) const {
    std::vector<const float*> models(models_);
    for (std::uint64_t n = 0; n < tiles(); ++n) {
      const ElementRange range{n * step(), std::min(step(), tensor_->elements - n * step())};
      for (std::size_t m = 0; m < models_; ++m) models[m] = family_.model(m).data() + range.first;
      body({*tensor_, range, family_.base().data() + range.first, models}, n);
    }
  }

  const Family& family_;
  std::size_t models_, arrays_ = 0;
  methods::Granularity granularity_;
  std::unique_ptr<methods::OutputTensor> tensor_;
  std::unique_ptr<methods::Method> method_;
  std::vector<std::uint64_t> counts_;
};

double triad_bandwidth = 0.0;  // bytes per second, measured before anything else

void report(benchmark::State& state, std::uint64_t elements, std::size_t arrays) {
  const double bytes = static_cast<double>(elements * arrays * sizeof(float));
  const auto rate = [](double amount) {
    return benchmark::Counter(amount, benchmark::Counter::kIsIterationInvariantRate);
  };
  state.counters["elements/s"] = rate(static_cast<double>(elements));
  state.counters["bytes/s"] = rate(bytes);
  state.counters["of_triad"] = rate(bytes / triad_bandwidth);
}

constexpr auto copy_loop = [](const float* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
};
constexpr auto triad_loop = [](const float* x, const float* y, float factor, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = x[i] + factor * y[i];
};

void triad(const Family& family, std::vector<float>& out) {
  dispatch(triad_loop, family.base().data(), family.model(0).data(), 3.0f, out.size(), out.data());
  benchmark::ClobberMemory();
}

double measure_triad(const Family& family, std::vector<float>& out) {
  double best = 0.0;
  for (int repeat = 0; repeat < 10; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    triad(family, out);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(out.size() * 3 * sizeof(float)) / took.count());
  }
  return best;
}

struct Case {
  std::string label;
  std::string method;
  test::Parameters parameters;
};

/// Parameters that make a method do all of its work.
std::vector<Case> cases() {
  const test::Parameters weighted{{"weight", 0.5}}, trimmed{{"weight", 0.5}, {"density", 0.3}};
  const auto with = [](test::Parameters parameters, const char* name, test::Value value) {
    parameters.emplace_back(name, std::move(value));
    return parameters;
  };
  std::vector<Case> all{
      {"", "linear", weighted},
      {"", "slerp", {{"t", 0.3}}},
      {"", "nuslerp", weighted},
      {" rows", "nuslerp", with(weighted, "nuslerp_flatten", false)},
      {" columns", "nuslerp", with(with(weighted, "nuslerp_flatten", false), "nuslerp_row_wise", true)},
      {"", "multislerp", weighted},
      {"", "karcher", {}},
      {"", "task_arithmetic", weighted},
      {"", "ties", trimmed},
      {" hash", "ties", with(trimmed, "tie_break", "hash")},
      {"", "dare_linear", trimmed},
      {" unscaled", "dare_linear", with(trimmed, "rescale", false)},
      {"", "dare_ties", trimmed},
      {"", "della", trimmed},
      {"", "della_linear", trimmed},
      {"", "breadcrumbs", trimmed},
      {" rows", "breadcrumbs", with(trimmed, "scope", "row")},
      {"", "breadcrumbs_ties", trimmed},
      {"", "sce", {{"select_topk", 0.2}}},
      {"", "ram", {}},
      {"", "ramplus_tl", {}},
      {"", "model_stock", {}},
      {" rows", "model_stock", {{"filter_wise", true}}},
      {"", "nearswap", {{"t", 0.001}}},
      {"", "arcee_fusion", {}},
      {"", "magmax", {}},
      {"", "consensus", {}},
      {"", "metagpt", {}},
      {"", "pcb", {{"scope", "tensor"}}},
      {"", "median", {}},
      {"", "geometric_median", {}},
      {" scale", "passthrough", {{"scale", 0.5}}},
  };
  std::erase_if(all, [](const Case& c) { return methods::find_method(c.method) == nullptr; });
  return all;
}

void register_case(const Case& c, const Family& family, Shape2 shape, std::vector<float>& out) {
  const methods::MethodSpec& method = *methods::find_method(c.method);
  for (std::size_t pass = 0; Prepared(method, c.parameters, family, shape).advance(pass); ++pass) {
    const std::string name = c.method + c.label + "/pass " + std::to_string(pass + 1);
    benchmark::RegisterBenchmark(name.c_str(), [&, pass, parameters = c.parameters](benchmark::State& state) {
      Prepared prepared(method, parameters, family, shape);
      prepared.advance(pass);
      for (auto _ : state) prepared.observe(false);
      report(state, shape.elements, prepared.arrays());
    })->Unit(benchmark::kMillisecond);
  }
  benchmark::RegisterBenchmark((c.method + c.label + "/merge").c_str(), [&, parameters =
                                                                                c.parameters](benchmark::State& state) {
    Prepared prepared(method, parameters, family, shape);
    prepared.advance(1000);
    for (auto _ : state) prepared.merge(out);
    report(state, shape.elements, prepared.arrays() + 1);
  })->Unit(benchmark::kMillisecond);
}

void register_stream(const Family& family, std::vector<float>& out) {
  benchmark::RegisterBenchmark("copy", [&](benchmark::State& state) {
    for (auto _ : state) {
      dispatch(copy_loop, family.base().data(), out.size(), out.data());
      benchmark::ClobberMemory();
    }
    report(state, out.size(), 2);
  })->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("triad", [&](benchmark::State& state) {
    for (auto _ : state) triad(family, out);
    report(state, out.size(), 3);
  })->Unit(benchmark::kMillisecond);
}

/// Takes --name=N out of the arguments.
std::uint64_t own_option(int& argc, char** argv, std::string_view name, std::uint64_t fallback) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(name)) continue;
    const std::string_view number = argument.substr(name.size());
    std::from_chars(number.data(), number.data() + number.size(), fallback);
    std::move(argv + i + 1, argv + argc, argv + i);
    --argc;
    break;
  }
  return fallback;
}

int run(int argc, char** argv) {
  Shape2 shape;
  shape.elements = own_option(argc, argv, "--elements=", shape.elements) / row * row;
  shape.models = own_option(argc, argv, "--models=", shape.models);
  benchmark::Initialize(&argc, argv);
  const Family family(shape);
  std::vector<float> out(shape.elements);
  triad_bandwidth = measure_triad(family, out);
  std::printf("triad %.2f GB/s, %s\n", triad_bandwidth / 1e9, std::string(name(active_instruction_set())).c_str());
  register_stream(family, out);
  for (const Case& c : cases()) register_case(c, family, shape, out);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace stockpot::bench

int main(int argc, char** argv) { return stockpot::bench::run(argc, argv); }
