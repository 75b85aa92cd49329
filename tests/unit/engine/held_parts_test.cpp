// What is in memory already is not read again, and nothing else is taken for it.
#include "engine/held_parts.hpp"

#include <gmock/gmock.h>

#include "engine/source.hpp"
#include "unit/plan/planned.hpp"

namespace stockpot::engine {
namespace {

using testing::Each;

constexpr std::uint64_t elements = 1000;

/// Three models of one tensor, each file of another byte throughout; the tensor of each tells from its number alone.
class HeldPartsTest : public testing::Test {
 protected:
  class Filled final : public io::ByteSource {
   public:
    explicit Filled(std::string path) : path_(std::move(path)) {}
    void read_at(std::uint64_t, std::span<std::byte> into) const override {
      std::ranges::fill(into, static_cast<std::byte>(path_.front()));
    }
    std::uint64_t size() const override { return 1 << 20; }
    const std::string& path() const override { return path_; }

   private:
    std::string path_;
  };

  /// Sources of a linear merge of these models, all read through `files`.
  struct Merge {
    explicit Merge(const std::string& models, DType dtype = DType::bf16) {
      std::string text = "merge_method: linear\nparameters: {weight: 1}\nmodels:\n";
      std::vector<Catalogue> catalogues;
      for (const char model : models) {
        text += std::string("  - model: ") + model + "\n";
        catalogues.push_back(stockpot::test::catalogue(std::string(1, model), {{"t", dtype, {elements}}}));
        catalogues.back().files.front().path = std::string(1, model) + "-file";
      }
      plan = std::make_unique<plan::MergePlan>(plan::test::planned(text, std::move(catalogues)));
      factory = std::make_unique<SourceFactory>(*plan, *files());
    }
    /// Its elements, to be read into `memory`.
    OpenStrip open(ElementRange range, std::span<std::byte> memory) const {
      OpenStrip opened(*plan, {.range = range}, *factory);
      cut_parts({&opened, 1}, memory);
      return opened;
    }
    static InputFiles* files() {
      static InputFiles all([](const std::string& path) { return std::make_unique<Filled>(path); });
      return &all;
    }
    std::unique_ptr<plan::MergePlan> plan;
    std::unique_ptr<SourceFactory> factory;
  };

  /// Reads elements of a merge and checks what memory holds then. @return bytes read.
  std::uint64_t read(const Merge& merge, const std::string& models, ElementRange range = {0, elements}) {
    const OpenStrip open = merge.open(range, memory_);
    const std::uint64_t bytes = held_.read(parts_of(all_of({&open, 1})));
    for (std::size_t s = 0; s < models.size(); ++s) {
      EXPECT_THAT(open.parts[s], Each(static_cast<std::byte>(models[s]))) << "source " << s;
    }
    return bytes;
  }

  HeldParts held_;
  std::vector<std::byte> memory_ = std::vector<std::byte>(1 << 16);
};

TEST_F(HeldPartsTest, TheSameIsReadOnce) {
  EXPECT_EQ(read(Merge("ab"), "ab"), 4 * elements);
  EXPECT_EQ(read(Merge("ab"), "ab"), 0u);
  EXPECT_EQ(read(Merge("ac"), "ac"), 2 * elements) << "what they begin with is the same";
  EXPECT_EQ(read(Merge("a"), "a"), 0u);
  EXPECT_EQ(read(Merge("ac"), "ac"), 0u);
  EXPECT_EQ(read(Merge("ca"), "ca"), 4 * elements) << "it lies elsewhere";
}

TEST_F(HeldPartsTest, OtherElementsAreOthers) {
  const Merge merge("ab");
  EXPECT_EQ(read(merge, "ab", {0, 500}), 2000u);
  EXPECT_EQ(read(merge, "ab", {500, 500}), 2000u);
  EXPECT_EQ(read(merge, "ab", {500, 499}), 1996u);
}

TEST_F(HeldPartsTest, APartThatWasWrittenOverIsNotHeld) {
  const Merge narrow("abc"), wide("ab", DType::f32);
  read(narrow, "abc");
  EXPECT_EQ(read(wide, "ab"), 8 * elements) << "of twice the size: reaches into the third part";
  EXPECT_EQ(read(narrow, "abc"), 6 * elements);
}

TEST_F(HeldPartsTest, OfAWaveAreThereForTheNextOneOfTheSameLayoutOnly) {
  const Merge merge("abc");
  const OpenStrip open = merge.open({0, elements}, memory_);
  const std::vector<StoredPart> parts = parts_of(all_of({&open, 1}));
  KeptStrips kept(memory_);
  const auto read = [&](KeptStrips::Wave& wave) {
    const bool is_held = wave.held[0].holds(parts);
    wave.held[0].read(parts);
    return is_held;
  };
  const auto run = [&](std::vector<std::uint64_t> layout) {
    KeptStrips::Wave wave = kept.begin(std::move(layout));
    const bool is_held = read(wave);
    kept.end(std::move(wave));
    return is_held;
  };
  EXPECT_FALSE(run({0, 4096}));
  EXPECT_TRUE(run({0, 4096}));
  EXPECT_FALSE(run({0, 1024}));
  for (const bool in_order : {true, false}) {  // what ran side by side tells nothing of memory, whichever ends first
    EXPECT_TRUE(run({0, 1024}));
    KeptStrips::Wave first = kept.begin({0, 1024}), second = kept.begin({0, 1024});
    EXPECT_TRUE(read(first));
    EXPECT_FALSE(read(second));
    kept.end(std::move(in_order ? first : second));
    kept.end(std::move(in_order ? second : first));
    EXPECT_FALSE(run({0, 1024}));
  }
}

}  // namespace
}  // namespace stockpot::engine
