// What the matrix tools say that they take against what they do take, measured at malloc. Builds with sanitizers, which need
// malloc for themselves, leave this file out.
#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "methods/kernels/singular_values.hpp"
#include "methods/method.hpp"

namespace {

std::atomic<std::size_t> in_use{0}, most_in_use{0};

void* counted(void* memory) {
  if (memory == nullptr) return nullptr;
  const std::size_t now = in_use += malloc_usable_size(memory);
  std::size_t most = most_in_use;
  while (now > most && !most_in_use.compare_exchange_weak(most, now)) {
  }
  return memory;
}

}  // namespace

// For the whole test program, Eigen's own calls too: glibc lets a program put its functions in the place of its own.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void __libc_free(void* memory);

void* malloc(std::size_t bytes) { return counted(__libc_malloc(bytes)); }
void* calloc(std::size_t count, std::size_t bytes) { return counted(__libc_calloc(count, bytes)); }
void* realloc(void* memory, std::size_t bytes) {
  if (memory != nullptr) in_use -= malloc_usable_size(memory);
  return counted(__libc_realloc(memory, bytes));
}
void free(void* memory) {
  if (memory != nullptr) in_use -= malloc_usable_size(memory);
  __libc_free(memory);
}
}

namespace stockpot::test {
namespace {

/// The most that `work` has at a time.
template <class Work>
double peak_bytes(const Work& work) {
  const std::size_t before = in_use;
  most_in_use = before;
  work();
  return static_cast<double>(most_in_use - before);
}

struct Dimensions {
  std::size_t rows, columns;
};

TEST(MatrixMemory, StaysWithinABoundThatIsLessThanTwiceThePeak) {
  for (const auto& [rows, columns] : {Dimensions{600, 600}, {1500, 300}, {300, 1500}, {620, 600}}) {
    std::mt19937_64 random(1);
    std::vector<float> elements(rows * columns);
    for (float& x : elements) x = static_cast<float>(random() % 2001) - 1000.0f;
    const methods::BasicMatrixView<const float> view{elements.data(), rows, columns, columns, 1};
    const std::size_t all = std::min(rows, columns);
    const std::pair<double, double> peaks_and_bounds[] = {
        {peak_bytes([&] { methods::singular_vectors(view, all); }),
         methods::singular_vectors_bytes(rows, columns, all)},
        {peak_bytes([&] { methods::polar(view); }), methods::polar_bytes(rows, columns)}};
    for (const auto& [peak, bound] : peaks_and_bounds) {
      EXPECT_LE(peak, bound) << rows << " x " << columns;
      EXPECT_GE(2.0 * peak, bound) << rows << " x " << columns;
    }
    EXPECT_LE(peak_bytes([&] { methods::singular_vectors(view, 20); }),
              static_cast<double>(methods::singular_vectors_bytes(rows, columns, 20)));
  }
}

/// Equal columns and equal values are where vectors of both halves of the bidiagonal matrix mix.
TEST(MatrixMemory, StaysWithinTheBoundWhenValuesRepeat) {
  constexpr std::size_t size = 300;
  for (const std::size_t period : {1U, 2U, 7U, 150U}) {
    std::vector<double> elements(size * size);
    for (std::size_t i = 0; i < size; ++i) elements[i * size + i / period * period] = 1.0;
    const methods::BasicMatrixView<const double> view{elements.data(), size, size, size, 1};
    EXPECT_LE(peak_bytes([&] { methods::polar(view); }), static_cast<double>(methods::polar_bytes(size, size)));
  }
}

/// A matrix of random models, merged by hand so that each step's memory can be seen.
class MeteredMerge {
 public:
  MeteredMerge(const char* method, std::uint64_t rows, std::uint64_t columns)
      : spec_(*methods::find_method(method)),
        settings_(spec_, 2),
        info_{.elements = rows * columns, .models = 2, .shape = {rows, columns}} {
    std::mt19937_64 random(1);
    for (auto& values : values_) {
      values.resize(rows * columns);
      for (float& x : values) x = static_cast<float>(random() % 2001) - 1000.0f;
    }
  }

  void expect_what_it_needs() {
    const methods::Needs needs = spec_.needs(settings_, info_);
    const methods::OutputTensor tensor{
        .name = "t", .shape = info_.shape, .settings = settings_, .masks = {}, .ties = {}, .joint_ties = {}};
    const float* models[] = {values_[1].data(), values_[2].data()};
    const methods::Tile<float> all{tensor, {0, info_.elements}, values_[0].data(), models};
    std::unique_ptr<methods::Method> method;
    const double state = peak_bytes([&] {
      method = spec_.make(settings_, info_);
      method->observe(all, {});
    });
    const double workspace = peak_bytes([&] { method->conclude({}); });
    const auto state_bound = static_cast<double>(needs.state_bytes), bound = static_cast<double>(needs.workspace_bytes);
    EXPECT_GE(state, state_bound) << spec_.name;
    EXPECT_LE(state, 1.01 * state_bound + 4096) << spec_.name;
    EXPECT_LE(workspace, bound) << spec_.name;
    EXPECT_GE(2.0 * workspace, bound) << spec_.name;
  }

 private:
  const methods::MethodSpec& spec_;
  methods::Settings settings_;
  methods::GroupInfo info_;
  std::array<std::vector<float>, 3> values_;  // base, models
};

TEST(MatrixMemory, OfMethodsIsWhatTheyAskFor) {
  for (const char* method : {"tsvm", "iso_c", "iso_cts"}) {
    for (const auto& [rows, columns] : {Dimensions{500, 500}, {1200, 300}, {300, 1200}}) {
      MeteredMerge(method, rows, columns).expect_what_it_needs();
    }
  }
}

}  // namespace
}  // namespace stockpot::test
