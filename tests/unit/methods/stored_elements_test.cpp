// Methods that take elements as they are stored make of them what they make of their values, rounded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>

#include "core/convert.hpp"
#include "support/instruction_sets.hpp"
#include "support/random_tensor.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

struct Case {
  const char* method;
  Parameters parameters;
  std::size_t least_models = 1, most_models = 6;
  bool has_base = true;
};

const Parameters weighted{{"weight", 0.7}}, trimmed{{"weight", 0.7}, {"density", 0.4}};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {.method = "linear", .parameters = weighted, .has_base = false},
      {.method = "linear", .parameters = {{"weight", -3}, {"normalize", false}}, .has_base = false},
      {.method = "uniform_soup", .parameters = {}, .has_base = false},
      {.method = "passthrough", .parameters = {{"scale", 0.3}}, .most_models = 1, .has_base = false},
      {.method = "task_arithmetic", .parameters = {{"weight", 0.7}, {"lambda", 1.1}}},
      {.method = "task_arithmetic", .parameters = {{"weight", 0.7}, {"normalize", true}}},
      {.method = "nearswap", .parameters = {{"t", 0.01}}, .most_models = 1},
      {.method = "slerp", .parameters = {{"t", 0.3}}, .most_models = 1},
      {.method = "arcee_fusion", .parameters = {}, .most_models = 1},
      {.method = "nuslerp", .parameters = weighted, .least_models = 2, .most_models = 2},
      {.method = "nuslerp", .parameters = weighted, .least_models = 2, .most_models = 2, .has_base = false},
      {.method = "nuslerp",
       .parameters = {{"weight", 0.7}, {"nuslerp_flatten", false}},
       .least_models = 2,
       .most_models = 2},
      {.method = "nuslerp",
       .parameters = {{"weight", 0.7}, {"nuslerp_flatten", false}, {"nuslerp_row_wise", true}},
       .least_models = 2,
       .most_models = 2},
      {.method = "multislerp", .parameters = weighted},
      {.method = "multislerp", .parameters = weighted, .has_base = false},
      {.method = "karcher", .parameters = {}, .has_base = false},
      {.method = "geometric_median", .parameters = {}, .has_base = false},
      {.method = "median", .parameters = {}, .has_base = false},
      {.method = "model_stock", .parameters = {}, .least_models = 2},
      {.method = "model_stock", .parameters = {{"filter_wise", true}}, .least_models = 2},
      {.method = "metagpt", .parameters = {}},
      {.method = "magmax", .parameters = {}},
      {.method = "magmax", .parameters = {{"elect", "sum"}}},
      {.method = "ram", .parameters = {}},
      {.method = "ramplus", .parameters = {}},
      {.method = "ramplus_tl", .parameters = {}},
      {.method = "ram", .parameters = {{"epsilon", 1e39}}},
      {.method = "consensus", .parameters = weighted},
      {.method = "consensus", .parameters = {{"weight", 0.7}, {"inner", "ties"}}},
      {.method = "ties", .parameters = trimmed},
      {.method = "ties", .parameters = {{"weight", 0.7}, {"density", 0.4}, {"sign_consensus", "count"}}},
      {.method = "ties", .parameters = {{"weight", 0.7}, {"density", 0.4}, {"tie_break", "hash"}}},
      {.method = "ties", .parameters = {{"weight", 0.7}, {"density", 0.4}, {"rescale", true}}},
      {.method = "ties", .parameters = {{"weight", 0.7}, {"density", 0.4}, {"rescale", true}, {"pre_drop", 0.5}}},
      {.method = "sce", .parameters = {{"select_topk", 0.2}}},
      {.method = "sce", .parameters = {{"select_topk", 1}}},
      {.method = "sce", .parameters = {{"select_topk", 0.7}, {"tie_break", "hash"}}},
      {.method = "breadcrumbs", .parameters = trimmed},
      {.method = "breadcrumbs_ties", .parameters = trimmed},
      {.method = "breadcrumbs", .parameters = {{"weight", 0.7}, {"density", 0.4}, {"scope", "row"}}},
      {.method = "dare_linear", .parameters = trimmed},
      {.method = "dare_linear", .parameters = {{"weight", 0.7}, {"density", 0.4}, {"rescale_mode", "linf"}}},
      {.method = "dare_ties", .parameters = trimmed},
      {.method = "della", .parameters = trimmed},
      {.method = "della", .parameters = {{"weight", 0.7}, {"density", 0.4}, {"rescale_mode", "inv_prob"}}},
      {.method = "della_linear", .parameters = trimmed},
  };
  return all;
}

/// Odd in every dimension, so that loops have rests; values that cancel, tie and do not survive rounding.
/// @param hostile  with infinities, NaN and what overflows when it is added up
HandTensor<Bfloat16> stored_tensor(const Case& of, std::size_t models, bool hostile) {
  auto values = random_tensor<float>(211 * 333, models, models);
  const auto stored = [&](const std::vector<float>& from) {
    std::vector<Bfloat16> to;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const bool is_tiny = i % 97 == 0, is_huge = hostile && i % 101 == 0;
      to.emplace_back(is_tiny ? from[i] * 0x1p-130f : is_huge ? from[i] * 0x1p127f : from[i]);
      if (hostile && i % 1009 == models) to.back() = Bfloat16(std::numeric_limits<float>::quiet_NaN());
    }
    return to;
  };
  HandTensor<Bfloat16> tensor{.name = "t", .shape = {211, 333}, .base = {}, .models = {}};
  if (of.has_base) tensor.base = stored(values.base);
  for (const auto& model : values.models) tensor.models.push_back(stored(model));
  return tensor;
}

HandTensor<float> widened(const HandTensor<Bfloat16>& tensor) {
  const auto values = [](const std::vector<Bfloat16>& stored) {
    return std::vector<float>(stored.begin(), stored.end());
  };
  HandTensor<float> wide{.name = tensor.name, .shape = tensor.shape, .base = values(tensor.base), .models = {}};
  for (const auto& model : tensor.models) wide.models.push_back(values(model));
  return wide;
}

std::vector<std::uint16_t> bits_of(const std::vector<Bfloat16>& elements) {
  std::vector<std::uint16_t> bits;
  for (const Bfloat16 element : elements) bits.push_back(element.bits());
  return bits;
}

std::vector<std::uint16_t> narrowed(const std::vector<float>& values) {
  std::vector<std::uint16_t> bits(values.size());
  narrow(DType::bf16, std::span(values), reinterpret_cast<std::byte*>(bits.data()));
  return bits;
}

TEST(StoredElements, GiveTheBitsOfTheirValues) {
  for (const auto set : available_instruction_sets()) {
    const WithInstructionSet chosen(set);
    for (const Case& c : cases()) {
      for (std::size_t models = c.least_models; models <= c.most_models; ++models) {
        const auto tensor = stored_tensor(c, models, models % 3 == 0);
        const RunOptions options{.seed = 5, .piece = 2048, .notes = models % 2 == 0};
        ASSERT_EQ(bits_of(merged(c.method, c.parameters, tensor, options)),
                  narrowed(merged(c.method, c.parameters, widened(tensor), options)))
            << c.method << " of " << models << " models, " << name(set);
      }
    }
  }
}

std::unique_ptr<methods::Method> made(const methods::MethodSpec& spec, const Case& c, std::size_t models) {
  return spec.make(settings_of(spec, models, c.parameters), {.elements = 64, .models = models, .shape = {8, 8}});
}

TEST(StoredElements, AreTestedOfAllMethodsThatTakeThem) {
  std::set<std::string_view> tested;
  for (const Case& c : cases()) {
    EXPECT_TRUE(made(*methods::find_method(c.method), c, c.least_models)->takes_stored()) << c.method;
    tested.insert(c.method);
  }
  const Case plain{.method = "", .parameters = {}};
  for (const methods::MethodSpec* spec : methods::all_methods()) {
    if (tested.contains(spec->name)) continue;
    EXPECT_FALSE(made(*spec, plain, std::max<std::size_t>(1, spec->min_models))->takes_stored()) << spec->name;
  }
}

/// A small finite tensor; use(tensor, source, value) with one element, the fourth, of each source infinite or NaN.
template <class Use>
void with_one_not_finite(const Case& c, std::size_t models, const Use& use) {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  HandTensor<Bfloat16> tensor{.name = "t", .shape = {1, 8}, .base = {}, .models = {}};
  const std::vector<Bfloat16> finite{Bfloat16(1.0f), Bfloat16(-2.0f), Bfloat16(0.0f),  Bfloat16(0.5f),
                                     Bfloat16(3.0f), Bfloat16(1e-3f), Bfloat16(-0.0f), Bfloat16(7.0f)};
  tensor.models.assign(models, finite);
  if (c.has_base) tensor.base = finite;
  for (std::size_t source = 0; source < models + (c.has_base ? 1 : 0); ++source) {
    for (const float value : {inf, -inf, nan}) {
      auto damaged = tensor;
      (source < models ? damaged.models[source] : damaged.base)[3] = Bfloat16(value);
      use(damaged, source, value);
    }
  }
}

TEST(StoredElements, OfWhichOneIsNotFiniteShowInResultsOfMethodsThatSaySo) {
  for (const Case& c : cases()) {
    for (std::size_t models = c.least_models; models <= c.most_models; ++models) {
      if (!made(*methods::find_method(c.method), c, models)->shows_nonfinite()) continue;
      with_one_not_finite(c, models, [&](HandTensor<Bfloat16>& damaged, std::size_t source, float value) {
        EXPECT_FALSE(std::isfinite(merged(c.method, c.parameters, damaged)[3]))
            << c.method << " of " << models << ", source " << source << ", " << value;
        auto& all = source < models ? damaged.models[source] : damaged.base;  // more than any trim keeps
        std::ranges::fill(all, Bfloat16(value));
        const auto results = merged(c.method, c.parameters, damaged);
        EXPECT_FALSE(std::ranges::all_of(results, [](float result) { return std::isfinite(result); }))
            << c.method << " of " << models << ", all of source " << source << ", " << value;
      });
    }
  }
}

TEST(StoredElements, OfWhichOneIsNotFiniteShowInSumsOfPassesThatSaySo) {
  std::set<std::string_view> that_say_so;
  for (const Case& c : cases()) {
    for (std::size_t models = c.least_models; models <= c.most_models; ++models) {
      with_one_not_finite(c, models, [&](const HandTensor<Bfloat16>& damaged, std::size_t source, float value) {
        for (const PassRecord& pass : run_method(c.method, c.parameters, std::vector{damaged}).passes) {
          if (pass.nonfinite_input != methods::NonfiniteInput::in_sums) continue;
          that_say_so.insert(c.method);
          EXPECT_FALSE(pass.finite_sums) << c.method << " of " << models << ", source " << source << ", " << value;
        }
      });
    }
  }
  for (const char* method : {"slerp", "model_stock", "karcher", "dare_ties", "della", "ties", "metagpt"}) {
    EXPECT_TRUE(that_say_so.contains(method)) << method;
  }
}

TEST(StoredElements, AreRoundedAsEverywhere) {
  std::vector<float> values;
  for (std::uint32_t upper = 0; upper < 0x10000; ++upper) {
    for (const std::uint32_t lower : {0x0000u, 0x0001u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) {
      values.push_back(std::bit_cast<float>(upper << 16 | lower));
    }
  }
  std::vector<Bfloat16> rounded;
  for (const float value : values) rounded.emplace_back(value);
  EXPECT_EQ(bits_of(rounded), narrowed(values));
}

}  // namespace
}  // namespace stockpot::test
