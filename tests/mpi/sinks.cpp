// All output formats, written by all ranks together, give the bytes that one process alone gives.
#include <gmock/gmock.h>

#include <array>
#include <filesystem>

#include "comm/agree.hpp"
#include "core/error.hpp"
#include "io/dcp_sink.hpp"
#include "io/hdf5_sink.hpp"
#include "io/safetensors_sink.hpp"
#include "support/patterned_output.hpp"
#include "support/temporary_directory.hpp"
#include "support/world.hpp"

namespace stockpot::io {
namespace {

using test::bytes_of_file;
using test::patterned_layout;
using test::TemporaryDirectory;
using test::world;
using test::write_pieces;

void at_once(const std::function<void()>& closure) { closure(); }

using MakeSink = std::unique_ptr<TensorSink> (*)(OutputLayout);

std::unique_ptr<TensorSink> safetensors(OutputLayout layout) {
  return std::make_unique<SafetensorsSink>(std::move(layout));
}
std::unique_ptr<TensorSink> dcp(OutputLayout layout) { return std::make_unique<DcpSink>(std::move(layout)); }
std::unique_ptr<TensorSink> hdf5(OutputLayout layout) { return std::make_unique<Hdf5Sink>(std::move(layout), at_once); }

void write_share(const comm::Communicator& comm, MakeSink make, const OutputLayout& layout) {
  const auto sink = make(layout);
  sink->prepare(comm);
  write_pieces(*sink, layout, 1030, static_cast<std::uint64_t>(comm.rank()), static_cast<std::uint64_t>(comm.size()));
  sink->finish(comm);
}

class Sink : public testing::TestWithParam<MakeSink> {};

TEST_P(Sink, FilesOfAllRanksAreThoseOfOneProcess) {
  const TemporaryDirectory together, alone;  // rank 0's are used
  const OutputLayout layout = patterned_layout(world().broadcast(together.path()));
  write_share(world(), GetParam(), layout);
  if (world().is_root()) {
    write_share(comm::Communicator::alone(), GetParam(), patterned_layout(alone.path()));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(alone.path())) {
      if (!entry.is_regular_file()) continue;
      const std::string name = std::filesystem::relative(entry.path(), alone.path()).string();
      EXPECT_TRUE(bytes_of_file(together / name) == bytes_of_file(alone / name)) << name;
    }
  }
  world().barrier();
}

TEST_P(Sink, EveryRankKnowsTheFiles) {
  const TemporaryDirectory scratch;
  const auto sink = GetParam()(patterned_layout(world().broadcast(scratch.path())));
  sink->prepare(world());
  std::string mine;
  for (const TensorFile& file : sink->files()) {
    mine += file.name + ' ' + std::to_string(file.bytes);
    for (const std::uint32_t tensor : file.tensors) mine += ' ' + std::to_string(tensor);
  }
  EXPECT_EQ(mine, world().broadcast(mine));
  sink->finish(world());
}

TEST_P(Sink, AnUnusablePlaceIsTheSameErrorOnEveryRank) {
  const auto sink = GetParam()(patterned_layout("/proc/nowhere"));
  std::string message;
  try {
    sink->prepare(world());
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_THAT(message, testing::HasSubstr("/proc/nowhere"));
  EXPECT_EQ(message, world().broadcast(message));
}

TEST_P(Sink, AFailureOfOneRankWhileFilesAreOpenLeavesNobodyWaiting) {
  const auto comm = comm::Communicator::world();  // its own: a communicator never forgets a failure
  const TemporaryDirectory scratch;
  auto sink = GetParam()(patterned_layout(comm.broadcast(scratch.path())));
  sink->prepare(comm);
  const auto fail_on_the_last = [&] {
    if (comm.rank() == comm.size() - 1) throw Error(ErrorKind::numeric, "not a number");
  };
  EXPECT_THROW(comm::agree(comm, fail_on_the_last), Error);
  sink.reset();
  world().barrier();
}

std::string name_of(const testing::TestParamInfo<MakeSink>& format) {
  constexpr std::array names{"safetensors", "hdf5", "dcp"};
  return names[format.index];
}

INSTANTIATE_TEST_SUITE_P(Formats, Sink, testing::Values(safetensors, hdf5, dcp), name_of);

}  // namespace
}  // namespace stockpot::io
