// What the storage is told before it is asked.
#include "engine/read_ahead.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>

#include "io/posix_file.hpp"
#include "io/small_file.hpp"
#include "support/family.hpp"
#include "support/one_stage.hpp"

namespace stockpot::engine {
namespace {

/// Bytes of weights that were told and read so far.
struct Seen {
  std::atomic<std::uint64_t> told = 0, read = 0;
  std::atomic<std::uint64_t> told_at_half = 0;  ///< when half of `expected` was read
  std::uint64_t expected = 0;

  /// Those that were told and not read yet, in whole granules.
  class Ahead {
   public:
    void tell(const std::string& path, ByteRange range) { mark(path, range, true); }
    void read(const std::string& path, ByteRange range) { mark(path, range, false); }
    std::uint64_t most() const { return most_ * granule; }

   private:
    static constexpr std::uint64_t granule = 4096;
    void mark(const std::string& path, ByteRange range, bool told) {
      const std::lock_guard lock(mutex_);
      for (std::uint64_t g = range.offset / granule; (g + 1) * granule <= range.end(); ++g) {
        if (told) {
          waiting_.emplace(path, g);
        } else {
          waiting_.erase({path, g});
        }
      }
      most_ = std::max(most_, waiting_.size());
    }
    std::mutex mutex_;
    std::set<std::pair<std::string, std::uint64_t>> waiting_;
    std::size_t most_ = 0;
  } ahead;
};

class Watched final : public io::ByteSource {
 public:
  Watched(const std::string& path, Seen& seen) : file_(path), seen_(seen) {}
  void read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    file_.read_at(offset, into);
    seen_.ahead.read(path(), {offset, into.size()});
    const std::uint64_t before = seen_.read.fetch_add(into.size());
    if (before < seen_.expected / 2 && before + into.size() >= seen_.expected / 2) {
      seen_.told_at_half = seen_.told.load();
    }
  }
  void will_need(ByteRange range) const override {
    seen_.ahead.tell(path(), range);
    seen_.told += range.count;
  }
  std::uint64_t size() const override { return file_.size(); }
  const std::string& path() const override { return file_.path(); }

 private:
  io::PosixSource file_;
  Seen& seen_;
};

class ReadAheadTest : public testing::Test {
 protected:
  void SetUp() override { scratch_ = test::make_scratch("stockpot-read-ahead"); }
  void TearDown() override { std::filesystem::remove_all(scratch_); }

  /// Of base and two models of 8 MiB each, in tensors of so many elements.
  void merge(std::uint64_t elements, Seen& seen, const std::string& recipe, plan::ScheduleOptions schedule) {
    std::vector<TensorInfo> tensors;
    constexpr std::uint64_t all = std::uint64_t{4} << 20;
    for (std::uint64_t t = 0; t < all / elements; ++t) {
      tensors.push_back({"model.t" + std::to_string(t), DType::bf16, {elements}});
    }
    test::write_family(scratch_, tensors, 2);
    io::write_file(scratch_ + "/r.yaml", recipe + "\nmodels: [{model: tune-1}, {model: tune-2}]\n");
    seen.expected = 4 * all;
    JobOptions options;
    options.open = [&](const std::string& path) { return std::make_unique<Watched>(path, seen); };
    const comm::Communicator alone = comm::Communicator::alone();
    test::merge_stage(alone, test::planned_stage(alone, scratch_ + "/r.yaml"), schedule, scratch_ + "/out", options);
  }

  void merge_linear(std::uint64_t elements, Seen& seen) {
    merge(elements, seen, "merge_method: linear\nparameters: {weight: 1}", {.chunk_bytes = chunk});
  }

  static void expect_transfers_ahead(const Seen& seen) {
    EXPECT_EQ(seen.read, seen.expected) << "each byte once";
    EXPECT_LE(seen.told, seen.expected);
    EXPECT_GE(seen.told, seen.expected - 2 * chunk) << "all but what is begun with";
    const std::uint64_t ahead = seen.told_at_half - seen.expected / 2;
    EXPECT_GE(ahead, 6 * chunk);
    EXPECT_LE(ahead, 10 * chunk);
  }

  static constexpr std::uint64_t chunk = std::uint64_t{256} << 10;
  std::string scratch_;
};

TEST_F(ReadAheadTest, IsOfSomeTransfersWhereTensorsAreLarge) {
  Seen seen;
  merge_linear(std::uint64_t{1} << 20, seen);
  expect_transfers_ahead(seen);
}

TEST_F(ReadAheadTest, IsOfAsManyBytesWhereTheyAreSmall) {
  Seen seen;
  merge_linear(2048, seen);
  expect_transfers_ahead(seen);
}

TEST_F(ReadAheadTest, IsOfTheNextWaveWhileAPassReadsNothing) {
  Seen seen;
  const std::string ties = "merge_method: ties\nbase_model: base\nparameters: {weight: 1, density: 0.5}";
  constexpr std::uint64_t memory = std::uint64_t{12} << 20, small_chunk = std::uint64_t{32} << 10;
  merge(std::uint64_t{1} << 18, seen, ties, {.threads = 1, .memory_per_rank = memory, .chunk_bytes = small_chunk});
  EXPECT_GE(seen.ahead.most(), memory / 4) << "most of a wave; transfers alone are less than an eighth of that";
}

}  // namespace
}  // namespace stockpot::engine
