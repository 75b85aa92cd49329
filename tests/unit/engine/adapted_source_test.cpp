#include "engine/adapted_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "core/convert.hpp"
#include "support/error_of.hpp"
#include "support/same_bits.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::Pointwise;

/// A tensor of a test: name, shape, values and the type in which they are stored.
struct Tensor {
  std::string name;
  Shape shape;
  std::vector<double> values;
  DType dtype = DType::f32;
};

/// A model with one tensor, "w.weight" or "w.bias", and adapters; all of it in files.
class AdaptedModel {
 public:
  explicit AdaptedModel(const Tensor& tensor) {
    catalogue.model = "base";
    catalogue.tensors = {store(tensor)};
  }

  /// Names without "base_model.model.".
  Adapter& add(const std::vector<Tensor>& tensors, std::uint64_t rank = 1, double alpha = 1) {
    Adapter adapter;
    adapter.reference = "lora";
    adapter.rank = rank;
    adapter.alpha = alpha;
    for (Tensor tensor : tensors) {
      tensor.name = "base_model.model." + tensor.name;
      adapter.tensors.push_back(store(tensor));
    }
    std::ranges::sort(adapter.tensors, {}, [](const StoredTensor& t) { return t.info.name; });
    catalogue.adapters.push_back(std::move(adapter));
    return catalogue.adapters.back();
  }

  /// Finds the targets; after the last change to an adapter.
  const Source& source(SourceRounding rounding = {}, std::uint64_t budget_bytes = 1 << 20) {
    std::vector<std::string> warnings;
    parts = plan::adapt(catalogue, warnings);
    cache.emplace(files, budget_bytes);
    made = make_stored_source(catalogue, 0, parts, *cache, rounding);
    return *made;
  }

  template <class T = float>
  std::vector<T> values(SourceRounding rounding = {}) {
    const Source& from = source(rounding);
    return decoded<T>(from, {0, catalogue.tensors[0].info.elements()});
  }

  template <class T>
  static std::vector<T> decoded(const Source& source, ElementRange range) {
    std::vector<std::byte> stored(source.stored_bytes(range));
    std::vector<T> out(range.count);
    source.read(range, stored);
    source.decode(stored, range, range, std::span<T>(out));
    return out;
  }

  Catalogue catalogue;
  plan::AdaptedTensors parts;
  std::atomic<int> opened = 0;
  InputFiles files{[this](const std::string& path) {
                     ++opened;
                     return posix_source()(path);
                   },
                   1};  // so that each tensor that is read opens its file again
  std::optional<SmallTensors> cache;
  std::unique_ptr<Source> made;

 private:
  StoredTensor store(const Tensor& tensor) {
    StoredTensor stored{{tensor.name, tensor.dtype, tensor.shape}, 0, 3};
    EXPECT_EQ(stored.info.elements(), tensor.values.size());
    std::string bytes(3 + stored.info.bytes(), 'x');
    narrow(tensor.dtype, std::span<const double>(tensor.values), reinterpret_cast<std::byte*>(bytes.data()) + 3);
    stored.file = static_cast<std::uint32_t>(catalogue.files.size());
    catalogue.files.push_back({directory.write(std::to_string(stored.file), bytes), bytes.size(), 0, 0});
    return stored;
  }
  test::TemporaryDirectory directory;
};

std::vector<double> random_values(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> values(count);
  for (double& value : values) value = normal(random);
  return values;
}

// W = [[3, 4], [0, 1]], A = (1, -1), B = (1, 2)^T
const Tensor w{"w.weight", {2, 2}, {3, 4, 0, 1}};
const Tensor a{"w.lora_A.weight", {1, 2}, {1, -1}};
const Tensor b{"w.lora_B.weight", {2, 1}, {1, 2}};
const Tensor m{"w.lora_magnitude_vector.weight", {2}, {5, 2}};

TEST(AdaptedSource, ATensorWithoutAdaptersIsAsItIsStored) {
  AdaptedModel model(w);
  EXPECT_THAT(model.values(), ElementsAre(3, 4, 0, 1));
}

TEST(AdaptedSource, AddsTheProductScaled) {
  AdaptedModel model(w);
  model.add({a, b}, 1, 2);
  EXPECT_THAT(model.values(), ElementsAre(5, 2, 4, -3));
  EXPECT_THAT(model.values<double>(), ElementsAre(5, 2, 4, -3));
}

TEST(AdaptedSource, RankStabilisedScalesDivideByTheRoot) {
  AdaptedModel model(w);  // 8 / sqrt(4) = 4; three of the four ranks are empty
  model
      .add({{"w.lora_A.weight", {4, 2}, {1, -1, 9, 9, 9, 9, 9, 9}},
            {"w.lora_B.weight", {2, 4}, {1, 0, 0, 0, 2, 0, 0, 0}}},
           4, 8)
      .rank_stabilised = true;
  EXPECT_THAT(model.values(), ElementsAre(7, 0, 8, -7));
}

TEST(AdaptedSource, TheWeightOfAnAdapterScalesItsChange) {
  AdaptedModel model(w);
  model.add({a, b}, 1, 2).weight = -0.5;  // W - B A
  EXPECT_THAT(model.values(), ElementsAre(2, 5, -2, 3));
}

TEST(AdaptedSource, DoraGivesRowsTheirMagnitude) {
  AdaptedModel model(w);  // rows of V: (5, 2) and (4, -3), norms sqrt 29 and 5
  model.add({a, b, m}, 1, 2).magnitudes = true;
  const std::vector<double> expected{4.6423834544, 1.8569533818, 1.6, -1.2};
  EXPECT_THAT(model.values<double>(), Pointwise(testing::DoubleNear(1e-10), expected));
  EXPECT_THAT(model.values<float>(),
              Pointwise(testing::FloatNear(1e-6f), std::vector<float>(expected.begin(), expected.end())));
}

TEST(AdaptedSource, TheWeightOfADoraAdapterIsThatOfTheWholeChange) {
  AdaptedModel model(w);
  Adapter& adapter = model.add({a, b, m}, 1, 2);
  adapter.magnitudes = true;
  adapter.weight = 0.5;  // halfway between W and the above
  EXPECT_THAT(model.values<double>(), Pointwise(testing::DoubleNear(1e-10), {3.8211917272, 2.9284766909, 0.8, -0.1}));
}

TEST(AdaptedSource, ARowWithoutLengthStaysZero) {
  AdaptedModel model({"w.weight", {2, 2}, {-2, 2, 0, 1}});  // the first row of 2 B A is (2, -2)
  model.add({a, b, m}, 1, 2).magnitudes = true;
  EXPECT_THAT(model.values(), ElementsAre(0, 0, testing::FloatEq(1.6f), testing::FloatEq(-1.2f)));
}

TEST(AdaptedSource, MatricesStoredByInputsGetTheProductTurned) {
  // W is [in = 3, out = 2]; B A = [[1, -1, 2], [2, -2, 4]]
  AdaptedModel model({"w.weight", {3, 2}, {1, 2, 3, 4, 5, 6}});
  model.add({{"w.lora_A.weight", {1, 3}, {1, -1, 2}}, b}).transposed = true;
  EXPECT_THAT(model.values(), ElementsAre(2, 4, 2, 2, 7, 10));
}

TEST(AdaptedSource, EmbeddingsGetTheProductTurned) {
  AdaptedModel model({"w.weight", {3, 2}, {1, 2, 3, 4, 5, 6}});
  model.add({{"w.lora_embedding_A", {1, 3}, {1, -1, 2}}, {"w.lora_embedding_B", {2, 1}, {1, 2}}}, 1, 3);
  EXPECT_THAT(model.values(), ElementsAre(4, 8, 0, -2, 11, 18));
}

TEST(AdaptedSource, DoraOfEmbeddingsTakesNormsOverTheVocabulary) {
  // V = [[2, 4], [2, 2], [7, 10]] of the matrix above: columns of norm sqrt 57 and sqrt 120
  AdaptedModel model({"w.weight", {3, 2}, {1, 2, 3, 4, 5, 6}});
  model.add({{"w.lora_embedding_A", {1, 3}, {1, -1, 2}}, {"w.lora_embedding_B", {2, 1}, {1, 2}}, m}).magnitudes = true;
  const double left = 5 / std::sqrt(57.0), right = 2 / std::sqrt(120.0);
  EXPECT_THAT(model.values<double>(),
              Pointwise(testing::DoubleNear(1e-14), {2 * left, 4 * right, 2 * left, 2 * right, 7 * left, 10 * right}));
}

TEST(AdaptedSource, ConvolutionsOfOnePointAreMatrices) {
  AdaptedModel model({"w.weight", {2, 2, 1, 1}, w.values});
  model
      .add({{a.name, {1, 2, 1, 1}, a.values}, {b.name, {2, 1, 1, 1}, b.values}, {m.name, {1, 2, 1, 1}, m.values}}, 1, 2)
      .magnitudes = true;
  EXPECT_THAT(model.values<double>(), Pointwise(testing::DoubleNear(1e-10), {4.6423834544, 1.8569533818, 1.6, -1.2}));
}

TEST(AdaptedSource, BiasesAreVectors) {
  AdaptedModel model({"w.bias", {2}, {10, 20}});
  model.catalogue.tensors.push_back({{"w.weight", DType::f32, {2, 2}}, 0, 0});
  model.add({a, b, {"w.lora_B.bias", {2}, {1, -2}}}, 1, 2).weight = 3;
  EXPECT_THAT(model.values(), ElementsAre(16, 8));  // 3 * 2
}

TEST(AdaptedSource, SavedTensorsReplaceOrPullByTheirWeight) {
  const Tensor saved{"w.weight", {2, 2}, {7, 0, 8, -7}, DType::f16};
  AdaptedModel whole(w), quarter(w);
  whole.add({saved});
  quarter.add({saved}).weight = 0.25;
  EXPECT_THAT(whole.values(), ElementsAre(7, 0, 8, -7));
  EXPECT_THAT(quarter.values(), ElementsAre(4, 3, 2, -1));
}

TEST(AdaptedSource, AdaptersAddInOrder) {
  AdaptedModel model(w);
  model.add({a, b}, 1, 2);
  model.add({a, b, m}).magnitudes = true;  // V = W + 3 B A = [[6, 1], [6, -5]]
  const double first = 5 / std::sqrt(37.0), second = 2 / std::sqrt(61.0);
  EXPECT_THAT(model.values<double>(),
              Pointwise(testing::DoubleNear(1e-14), {6 * first, first, 6 * second, -5 * second}));
}

TEST(AdaptedSource, AHalfPrecisionBaseIsAddedToInFloat32) {
  AdaptedModel model({"w.weight", {1, 2}, {1, 1}, DType::bf16});
  model.add(
      {{"w.lora_A.weight", {1, 2}, {1, 1}, DType::bf16}, {"w.lora_B.weight", {1, 1}, {0.0009765625}, DType::f16}});
  EXPECT_THAT(model.values(), ElementsAre(1.0009765625f, 1.0009765625f));  // 1 + 2^-10, which bfloat16 does not have
}

TEST(AdaptedSource, RoundsAfterAdding) {
  AdaptedModel model({"w.weight", {1, 2}, {1, 1}, DType::bf16});
  model.add({{"w.lora_A.weight", {1, 2}, {1, 0.5}}, {"w.lora_B.weight", {1, 1}, {0.0078125}}});
  // 1 + 2^-7 is a bfloat16; 1 + 2^-8 lies between two of them and goes to the even one, 1
  EXPECT_THAT(model.values({.adapted = DType::bf16}), ElementsAre(1.0078125f, 1.0f));
  EXPECT_THAT(model.values({.inputs = DType::bf16}), ElementsAre(1.0078125f, 1.0f));
  EXPECT_THAT(model.values({.adapted = DType::f16}), ElementsAre(1.0078125f, 1.00390625f));
}

TEST(AdaptedSource, TellsOfWhatIsNotFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  AdaptedModel model(w);
  model.add({a, {"w.lora_B.weight", {2, 1}, {1, infinity}}});
  const Source& source = model.source();
  std::vector<std::byte> stored(source.stored_bytes({0, 4}));
  source.read({0, 4}, stored);
  std::vector<float> out(2);
  EXPECT_FALSE(source.decode(stored, {0, 4}, {0, 2}, std::span<float>(out)));
  EXPECT_TRUE(source.decode(stored, {0, 4}, {2, 2}, std::span<float>(out)));
  EXPECT_TRUE(source.decode(stored, {0, 4}, {1, 2}, std::span<float>(out)));
}

/// Every kind of part after the other, on rows that no vector and no panel divides.
constexpr std::uint64_t rows = 37, columns = 75;

AdaptedModel& with_all_parts(AdaptedModel& model, bool row_norms) {
  const std::uint64_t out = row_norms ? rows : columns, in = row_norms ? columns : rows;
  for (unsigned k = 0; k < 3; ++k) {
    std::vector<Tensor> tensors{{"w.lora_A.weight", {5, in}, random_values(5 * in, 10 + k), DType::bf16},
                                {"w.lora_B.weight", {out, 5}, random_values(5 * out, 20 + k), DType::f16}};
    if (k > 0) tensors.push_back({"w.lora_magnitude_vector", {out}, random_values(out, 30 + k)});
    Adapter& adapter = model.add(tensors, 5, 3);
    adapter.magnitudes = k > 0;
    adapter.weight = k == 2 ? 0.7 : 1;
  }
  model.add({{"w.weight", {rows, columns}, random_values(rows * columns, 40)}}).weight = 0.3;
  return model;
}

template <class T>
void expect_any_cut_gives_the_same(bool row_norms) {
  AdaptedModel model({"w.weight", {rows, columns}, random_values(rows * columns, 1), DType::bf16});
  const Source& source = with_all_parts(model, row_norms).source();
  const std::vector<T> whole = AdaptedModel::decoded<T>(source, {0, rows * columns});
  for (const std::uint64_t step : std::initializer_list<std::uint64_t>{1, 7, columns - 1, columns, columns + 1, 1000}) {
    std::vector<T> joined;
    for (std::uint64_t at = 0; at < whole.size(); at += step) {
      const ElementRange held{at, std::min<std::uint64_t>(step, whole.size() - at)};
      std::vector<std::byte> stored(source.stored_bytes(held));
      source.read(held, stored);
      for (std::uint64_t tile = 0; tile < held.count; tile += 64) {
        std::vector<T> part(std::min<std::uint64_t>(64, held.count - tile));
        source.decode(stored, held, {at + tile, part.size()}, std::span<T>(part));
        joined.insert(joined.end(), part.begin(), part.end());
      }
    }
    test::expect_same_bits(joined, whole, "cut into " + std::to_string(step));
  }
}

TEST(AdaptedSource, AnyCutGivesTheSameBits) {
  for (const bool row_norms : {true, false}) {
    expect_any_cut_gives_the_same<float>(row_norms);
    expect_any_cut_gives_the_same<double>(row_norms);
  }
}

TEST(AdaptedSource, InstructionSetsGiveTheSameBits) {
  for (const bool row_norms : {true, false}) {
    AdaptedModel model({"w.weight", {rows, columns}, random_values(rows * columns, 1)});
    with_all_parts(model, row_norms);
    std::optional<std::vector<float>> first;
    for (const auto set : test::available_instruction_sets()) {
      const test::WithInstructionSet chosen(set);
      const auto values = model.values();
      if (first) test::expect_same_bits(values, *first, std::string(name(set)));
      first = values;
    }
  }
}

/// Sums in the written order, element by element, and norms in float64.
TEST(AdaptedSource, EqualsThePlainLoops) {
  AdaptedModel model({"w.weight", {rows, columns}, random_values(rows * columns, 1)});
  const auto left = random_values(rows * 6, 2), right = random_values(6 * columns, 3);
  model.add({{"w.lora_A.weight", {6, columns}, right}, {"w.lora_B.weight", {rows, 6}, left}}, 6, 2);
  std::vector<float> expected;
  for (const double value : random_values(rows * columns, 1)) expected.push_back(static_cast<float>(value));
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      volatile float sum = 0;
      for (std::size_t k = 0; k < 6; ++k) {
        const volatile float product = static_cast<float>(left[i * 6 + k]) * static_cast<float>(right[k * columns + j]);
        sum = sum + product;
      }
      const volatile float scaled = static_cast<float>(2.0 / 6.0) * sum;
      expected[i * columns + j] += scaled;
    }
  }
  test::expect_same_bits(model.values(), expected, "plain loops");
}

TEST(AdaptedSource, RowsAreReadOnlyAsFarAsTheyAreNeeded) {
  AdaptedModel model({"w.weight", {rows, columns}, random_values(rows * columns, 1), DType::bf16});
  const Source& source = with_all_parts(model, true).source();
  EXPECT_EQ(source.stored_bytes({columns + 3, 10}), 2 * columns);
  EXPECT_EQ(source.stored_bytes({columns - 3, 10}), 2 * 2 * columns);
  EXPECT_EQ(source.stored_bytes({0, rows * columns}), 2 * rows * columns);
}

TEST(SmallTensors, ReadATensorOnceHoweverManyAsk) {
  AdaptedModel model(w);
  model.add({a, b});
  const Source& source = model.source();
  const int before = model.opened;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        model.cache->values<float>(model.catalogue, model.catalogue.adapters[0].tensors[0]);
        model.cache->transposed<float>(model.catalogue, model.catalogue.adapters[0].tensors[1]);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(model.opened - before, 2);
  EXPECT_EQ(source.model(), "base");
}

TEST(SmallTensors, BeyondTheBudgetTheOldestAreReadAgain) {
  AdaptedModel model(w);
  model.add({a, b, m});
  model.catalogue.adapters[0].magnitudes = true;
  model.source({}, 20);  // two of 8 bytes
  const auto& tensors = model.catalogue.adapters[0].tensors;
  const auto opened_by = [&](std::size_t tensor) {
    const int before = model.opened;
    model.cache->values<float>(model.catalogue, tensors[tensor]);
    return model.opened - before;
  };
  EXPECT_EQ(opened_by(0), 1);
  EXPECT_EQ(opened_by(1), 1);
  EXPECT_EQ(opened_by(0), 0);
  EXPECT_EQ(opened_by(2), 1);  // drops 1
  EXPECT_EQ(opened_by(0), 0);
  EXPECT_EQ(opened_by(1), 1);
}

TEST(SmallTensors, WhatWasDroppedStaysWithItsUsers) {
  AdaptedModel model(w);
  model.add({a, b});
  model.source({}, 0);
  const auto& tensors = model.catalogue.adapters[0].tensors;
  const auto first = model.cache->values<float>(model.catalogue, tensors[0]);
  model.cache->values<float>(model.catalogue, tensors[1]);
  EXPECT_THAT(*first, ElementsAre(1, -1));
}

TEST(SmallTensors, AFailureIsReportedEachTime) {
  AdaptedModel model(w);
  model.add({a, b});
  const Source& source = model.source();
  for (StoredTensor& tensor : model.catalogue.adapters[0].tensors) tensor.offset = 1000;
  for (int i = 0; i < 2; ++i) {
    const Error error = test::error_of([&] { AdaptedModel::decoded<float>(source, {0, 4}); });
    EXPECT_EQ(error.class_code(), "FMT007");
    EXPECT_TRUE(error.has("tensor"));
  }
}

}  // namespace
}  // namespace stockpot::engine
