// Room for what methods note between passes: who gets it, and whether it holds what was noted.
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>

#include "io/manifest.hpp"
#include "io/small_file.hpp"
#include "support/error_of.hpp"
#include "support/failing_source.hpp"
#include "support/family.hpp"
#include "support/one_stage.hpp"

namespace stockpot::engine {
namespace {

/// Elements of all models that were merged with notes that were right, with others, and without any.
struct Seen {
  std::atomic<std::uint64_t> right = 0, wrong = 0, without = 0;
};
Seen seen;

/// Notes three bits for each element and model which say whose they are.
class Spy final : public methods::TileMethod<Spy> {
 public:
  Spy(const methods::Settings&, const methods::GroupInfo&) {}
  std::optional<methods::TallyShape> next_pass() const override {
    if (passes_ == 2) return std::nullopt;
    return methods::TallyShape{.sums = 1};
  }
  void conclude(const methods::Totals&) override { ++passes_; }
  template <class T>
  void observe_tile(const methods::Tile<T>& in, methods::TallyPart) const {
    if (!in.notes) return;
    if (passes_ == 1) return check(in);
    for_each_byte(in, [](std::uint8_t& note, std::uint8_t expected) { note = expected; });
  }
  template <class T>
  void merge_tile(const methods::Tile<T>& in, std::span<T> out) const {
    std::ranges::copy(in.base(), out.begin());
    in.notes ? check(in) : void(seen.without += in.size());
  }

 private:
  template <class T>
  static void check(const methods::Tile<T>& in) {
    bool right = true;
    for_each_byte(in, [&](const std::uint8_t& note, std::uint8_t expected) { right = right && note == expected; });
    (right ? seen.right : seen.wrong) += in.size();
  }
  template <class T, class Body>
  static void for_each_byte(const methods::Tile<T>& in, const Body& body) {
    ASSERT_EQ(in.range.first % 8, 0u);
    for (std::size_t m = 0; m < in.models(); ++m) {
      for (std::size_t byte = 0; byte < (in.size() + 7) / 8 * 3; ++byte) {
        const std::uint64_t place = in.range.first / 8 * 3 + byte;
        const std::string owner = in.tensor.name + std::to_string(m) + ":" + std::to_string(place);
        body(in.notes.of(m)[byte], static_cast<std::uint8_t>(std::hash<std::string>()(owner)));
      }
    }
  }

  int passes_ = 0;
};

const methods::MethodSpec spy{
    .name = "spy", .summary = "", .formula = "", .source = "", .parameters = {}, .make = methods::make_method<Spy>};

class NotesTest : public testing::Test {
 protected:
  void SetUp() override {
    scratch_ = test::make_scratch("stockpot-notes");
    test::write_family(scratch_, test::awkward_tensors(DType::f16), 3);
    seen.right = seen.wrong = seen.without = 0;
  }
  void TearDown() override { std::filesystem::remove_all(scratch_); }

  test::OneStage stage(const std::string& method) {
    const std::string recipe = scratch_ + "/" + method + ".yaml";
    std::string text = "base_model: base\nparameters: {weight: 0.5, density: 0.4}\nmodels:\n";
    for (const char* model : {"tune-1", "tune-2", "tune-3"}) text += "  - {model: " + std::string(model) + "}\n";
    if (!std::filesystem::exists(recipe)) io::write_file(recipe, "merge_method: " + method + "\n" + text);
    return test::planned_stage(alone_, recipe);
  }

  /// @param method  whose granularity the tensors are given
  test::OneStage spied(const std::string& method = "della") {
    test::OneStage one = stage(method);
    for (plan::Group& group : one.stage.plan.groups) {
      group.method = &spy;
      group.needs = {.passes = 2, .tally = {.sums = 1}, .note_bits = 3};
    }
    return one;
  }

  plan::ScheduleOptions options(std::uint64_t memory = std::uint64_t{1} << 30) const {
    return {.threads = threads_, .memory_per_rank = memory, .chunk_bytes = 1 << 17, .unit_bytes = 1 << 18};
  }

  /// The least memory of which `fits` says of every local wave that it is enough.
  template <class Fits>
  std::uint64_t memory_where(const plan::MergePlan& plan, const Fits& fits) const {
    return test::least_memory_where(
        plan, [&](std::uint64_t memory) { return options(memory); },
        [&](const auto& waves) { return std::ranges::all_of(waves, fits); });
  }
  std::uint64_t least_memory(const plan::MergePlan& plan) const {
    return memory_where(plan, [](const plan::Wave&) { return true; });
  }
  std::uint64_t memory_for_notes(const plan::MergePlan& plan) const {
    return memory_where(plan, [](const plan::Wave& wave) { return wave.note_units == wave.units.size(); });
  }

  JobSummary merge(const test::OneStage& one, std::uint64_t memory, const std::string& out,
                   const JobOptions& options_of_job = {}) {
    return test::merge_stage(alone_, one, options(memory), scratch_ + "/" + out, options_of_job);
  }

  /// Merges to "whole". @return how many reads that took
  int merge_counting_reads(const test::OneStage& one, std::uint64_t memory) {
    constexpr int many = 1'000'000;
    const auto left = std::make_shared<std::atomic<int>>(many);
    JobOptions counting;
    counting.open = test::failing_after(left);
    merge(one, memory, "whole", counting);
    return many - *left;
  }
  /// The first one fails after so many reads.
  void merge_in_two_attempts(const test::OneStage& one, std::uint64_t memory, int reads, const std::string& out) {
    JobOptions failing;
    failing.open = test::failing_after(std::make_shared<std::atomic<int>>(reads));
    EXPECT_EQ(test::error_of([&] { merge(one, memory, out, failing); }).kind(), ErrorKind::storage);
    merge(one, memory, out);
  }

  std::string manifest(const std::string& out) const {
    return io::read_file(scratch_ + "/" + out + "/" + std::string(io::manifest_file_name), 1 << 20);
  }

  /// Of tensors whose rows begin at multiples of 8 elements, and of the others.
  static std::pair<std::uint64_t, std::uint64_t> elements(const plan::MergePlan& plan) {
    std::uint64_t even = 0, odd = 0;
    for (const plan::PlannedTensor& tensor : plan.tensors) {
      if (tensor.action == plan::Action::copy) continue;
      (tensor.output.row_elements() % 8 == 0 ? even : odd) += tensor.output.elements();
    }
    return {even, odd};
  }

  comm::Communicator alone_ = comm::Communicator::alone();
  std::string scratch_;
  /// One where reads are counted: of two, one may or may not find in its buffer what it has read in the pass before.
  std::uint32_t threads_ = 2;
};

TEST_F(NotesTest, LastFromTheFirstPassToMerging) {
  const auto one = spied();
  merge(one, std::uint64_t{1} << 30, "out");
  const auto [even, odd] = elements(one.stage.plan);
  ASSERT_GT(even, 0u);
  ASSERT_GT(odd, 0u);
  EXPECT_EQ(seen.right, 2 * even);  // in the second pass and when merged
  EXPECT_EQ(seen.without, odd);
  EXPECT_EQ(seen.wrong, 0u);
}

TEST_F(NotesTest, AreKeptOfInputsThatAreReadAgain) {
  const auto one = spied();
  const JobSummary whole = merge(one, std::uint64_t{1} << 30, "whole");
  const std::uint64_t right = seen.right, memory = memory_for_notes(one.stage.plan);
  const JobSummary tight = merge(one, memory, "out");
  EXPECT_GT(tight.bytes_read, whole.bytes_read);
  EXPECT_EQ(seen.right, 2 * right);
  EXPECT_EQ(seen.wrong, 0u);
}

TEST_F(NotesTest, ThatDoNotFitAreNotGranted) {
  const auto one = spied();
  const std::uint64_t least = least_memory(one.stage.plan);
  ASSERT_LT(least, memory_for_notes(one.stage.plan));
  merge(one, least, "out");
  const auto [even, odd] = elements(one.stage.plan);
  EXPECT_LT(seen.right, 2 * even);
  EXPECT_EQ(seen.right / 2 + seen.without, even + odd);
  EXPECT_EQ(seen.wrong, 0u);
}

TEST_F(NotesTest, OfPassesThatAnEarlierAttemptMadeDoNotExist) {
  threads_ = 1;
  const auto one = spied("dare_linear");  // of blocks: every tensor has notes
  const std::uint64_t memory = memory_for_notes(one.stage.plan);
  const int reads = merge_counting_reads(one, memory);
  ASSERT_EQ(seen.without, 0u);
  for (const int tenths : {3, 5, 7, 8, 9}) {
    merge_in_two_attempts(one, memory, reads * tenths / 10, "out" + std::to_string(tenths));
  }
  EXPECT_GT(seen.without, 0u);
  EXPECT_EQ(seen.wrong, 0u);
}

TEST_F(NotesTest, OfDropoutChangeNoByteInTwoAttempts) {
  threads_ = 1;
  for (const char* method : {"dare_ties", "della_linear"}) {
    const auto one = stage(method);
    std::filesystem::remove_all(scratch_ + "/whole");
    const std::uint64_t memory = memory_for_notes(one.stage.plan);
    const int reads = merge_counting_reads(one, memory);
    for (const int tenths : {4, 6, 9}) {
      const std::string out = method + std::to_string(tenths);
      merge_in_two_attempts(one, memory, reads * tenths / 10, out);
      EXPECT_EQ(manifest(out), manifest("whole")) << out;
    }
  }
}

TEST_F(NotesTest, OfDropoutChangeNoByteWhateverTheMemory) {
  for (const char* method : {"dare_linear", "dare_ties", "della", "della_linear"}) {
    const auto one = stage(method);
    const plan::MergePlan& plan = one.stage.plan;
    const std::string name = method;
    merge(one, std::uint64_t{1} << 30, name + "-whole");
    merge(one, memory_for_notes(plan), name + "-notes");
    merge(one, least_memory(plan), name + "-least");
    EXPECT_EQ(manifest(name + "-notes"), manifest(name + "-whole")) << method;
    EXPECT_EQ(manifest(name + "-least"), manifest(name + "-whole")) << method;
  }
}

}  // namespace
}  // namespace stockpot::engine
