// What a pass notes for merging: it is used, and it changes nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "methods/kernels/kept_flags.hpp"
#include "support/random_tensor.hpp"
#include "support/same_bits.hpp"

namespace stockpot::test {
namespace {

constexpr const char* dropouts[] = {"dare_linear", "dare_ties", "della", "della_linear"};

TEST(Notes, OfDropoutAreWhatMergingGoesBy) {
  auto tensor = random_tensor<float>(40 * 1000, 3, 1);
  tensor.shape = {40, 1000};
  const Parameters parameters{{"weight", {1, 0.5, -2}}, {"density", 0.5}, {"zero_sign", "majority"}};
  for (const char* method : dropouts) {
    Parameters own = parameters;
    if (!std::string(method).ends_with("ties") && std::string(method) != "della") own.pop_back();
    EXPECT_EQ(merged(method, own, tensor, {.notes = true, .spoil_notes = 0}), tensor.base) << method;
    EXPECT_NE(merged(method, own, tensor, {.notes = true, .spoil_notes = 0xFF}), merged(method, own, tensor)) << method;
    EXPECT_EQ(merged(method, own, tensor, {.spoil_notes = 0}), merged(method, own, tensor)) << method;
  }
}

TEST(Notes, AreNotWantedWithoutAPassThatCouldMakeThem) {
  const auto tensor = random_tensor<float>(3000, 2, 1);
  for (const char* method : dropouts) {
    const std::vector group{tensor};
    for (const char* mode : {"none", "inv_density"}) {
      const Parameters parameters{{"weight", 1}, {"density", 0.5}, {"rescale_mode", mode}};
      EXPECT_FALSE(HandRun<float>(method, parameters, group, {.notes = true}).has_notes()) << method << mode;
    }
    const Parameters all{{"weight", 1}, {"density", 1}}, some{{"weight", 1}, {"density", 0.5}};
    EXPECT_FALSE(HandRun<float>(method, all, group, {.notes = true}).has_notes()) << method;
    EXPECT_TRUE(HandRun<float>(method, some, group, {.notes = true}).has_notes()) << method;
  }
}

template <class T>
void compare_with_and_without(const Shape& shape, std::size_t models, const Parameters& more, bool elects) {
  std::uint64_t elements = 1;
  for (const std::uint64_t length : shape) elements *= length;
  auto tensor = random_tensor<T>(elements, models, models);
  tensor.shape = shape;
  Value densities(0.5);
  densities.numbers = {0.4, 0.7, 0.0, 1.0, 0.3, 0.5, 0.8};
  densities.numbers.resize(models);
  Parameters parameters{{"weight", 0.4}, {"density", densities}};
  parameters.insert(parameters.end(), more.begin(), more.end());
  for (const char* method : elects ? std::vector{"dare_ties", "della"} : std::vector{"dare_linear", "della_linear"}) {
    for (const std::uint64_t piece : {0u, 4096u}) {
      expect_same_bits(merged(method, parameters, tensor, {.seed = 3, .piece = piece, .notes = true}),
                       merged(method, parameters, tensor, {.seed = 3, .piece = piece}),
                       std::string(method) + " of " + std::to_string(models));
    }
  }
}

TEST(Notes, OfDropoutChangeNothing) {
  const Shape shapes[] = {{70'001}, {300, 24}, {14, 5000}, {99, 77}, {1, 8}, {5}};
  for (std::size_t models = 1; models <= 7; ++models) {
    for (const Shape& shape : shapes) {
      compare_with_and_without<float>(shape, models, {}, false);
      compare_with_and_without<float>(shape, models, {{"rescale_mode", "l2"}, {"zero_sign", "majority"}}, true);
      compare_with_and_without<double>(shape, models, {{"rescale_mode", "linf"}, {"sign_consensus", "count"}}, true);
      compare_with_and_without<double>(shape, models, {{"normalize", true}}, false);
    }
  }
}

TEST(Notes, FlagsBecomeBitsAndFlagsAgain) {
  for (const auto set : available_instruction_sets()) {
    const WithInstructionSet chosen(set);
    for (const std::size_t count : {1u, 8u, 9u, 63u, 64u, 2048u, 2051u}) {
      std::mt19937_64 random(count);
      std::vector<std::uint8_t> flags(methods::flag_room(count)), bits(flags.size() / 8), back(flags.size());
      for (std::size_t i = 0; i < flags.size(); ++i) flags[i] = i < count ? random() % 2 : 0xE7;
      dispatch(methods::pack_flags, static_cast<const std::uint8_t*>(flags.data()), count, bits.data());
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(bits[i / 8] >> i % 8 & 1, flags[i]) << i << " of " << count;
      dispatch(methods::unpack_flags, static_cast<const std::uint8_t*>(bits.data()), count, back.data());
      for (std::size_t i = 0; i < back.size(); ++i)
        ASSERT_EQ(back[i], i < count ? flags[i] : 0) << i << " of " << count;
    }
  }
}

}  // namespace
}  // namespace stockpot::test
