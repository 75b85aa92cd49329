#include "io/trace_text.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "io/small_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

TEST(TraceText, OfNothingIsJson) { EXPECT_EQ(json::parse(TraceText().take())["traceEvents"], json::array()); }

TEST(TraceText, HasTimesInMicrosecondsAndRanksAsProcesses) {
  TraceText text;
  text.name_rank(3, "rank 3 on node7");
  text.name_thread(3, 1, "worker 0");
  text.add(3, 1, {"read", 1'234'567, 89'001, "", "lm_head.weight", {65'536, 10}});
  text.add(3, 0, {"publish", 2'000, 1'000, "first", "", {}});
  const json trace = json::parse(text.take());
  EXPECT_EQ(trace["otherData"]["program"], "stockpot");
  const json expected = json::parse(R"([
    {"ph": "M", "name": "process_name", "pid": 3, "tid": 0, "args": {"name": "rank 3 on node7"}},
    {"ph": "M", "name": "thread_name", "pid": 3, "tid": 1, "args": {"name": "worker 0"}},
    {"ph": "X", "name": "read", "pid": 3, "tid": 1, "ts": 1234.567, "dur": 89.001,
     "args": {"tensor": "lm_head.weight", "first": 65536, "count": 10}},
    {"ph": "X", "name": "publish", "pid": 3, "tid": 0, "ts": 2.0, "dur": 1.0, "args": {"stage": "first"}}])");
  EXPECT_EQ(trace["traceEvents"], expected);
}

TEST(TraceText, IsJsonWhateverTensorsAreCalled) {
  TraceText text;
  text.add(0, 1, {"read", 0, 0, "a \"stage\"", "back\\slash \xff \n end", {0, 1}});
  const json event = json::parse(text.take())["traceEvents"][0];
  EXPECT_EQ(event["args"]["stage"], "a \"stage\"");
  EXPECT_EQ(event["args"]["tensor"], "back\\slash \xef\xbf\xbd \n end");
}

class TracePath : public testing::Test {
 protected:
  std::string in(const std::string& name) const { return directory_ / name; }
  ErrorKind refused(const std::string& path) const {
    return test::error_of([&] { check_trace_path(path, in("out")); }).kind();
  }
  test::TemporaryDirectory directory_;
};

TEST_F(TracePath, IsAnyNewFileBesideTheOutput) {
  EXPECT_NO_THROW(check_trace_path(in("trace.json"), in("out")));
  EXPECT_NO_THROW(check_trace_path(in("output.json"), in("out"))) << "begins like the output, and lies beside it";
  EXPECT_NO_THROW(check_trace_path("trace-that-is-not-there.json", ""));
}

TEST_F(TracePath, IsNotInTheOutputNorWhereItGrows) {
  EXPECT_EQ(refused(in("out")), ErrorKind::usage);
  for (const char* folder : {"out", "out.stockpot"}) {
    fs::create_directories(in(folder) + "/data");
    EXPECT_EQ(refused(in(folder) + "/trace.json"), ErrorKind::usage);
    EXPECT_EQ(refused(in(folder) + "/data/trace.json"), ErrorKind::usage);
  }
  EXPECT_EQ(test::error_of([&] { check_trace_path(in("out/trace.json"), in("out/")); }).kind(), ErrorKind::usage);
  fs::create_directory_symlink(in("out"), in("link"));
  EXPECT_EQ(refused(in("link/trace.json")), ErrorKind::usage);
}

TEST_F(TracePath, HasADirectory) { EXPECT_EQ(refused(in("nowhere/trace.json")), ErrorKind::usage); }

TEST_F(TracePath, ReplacesATraceAndNothingElse) {
  write_file(in("old.json"), TraceText().take());
  EXPECT_NO_THROW(check_trace_path(in("old.json"), in("out")));
  write_file(in("recipe.yaml"), "merge_method: linear");
  EXPECT_EQ(refused(in("recipe.yaml")), ErrorKind::output_exists);
  fs::create_directory(in("folder"));
  EXPECT_EQ(refused(in("folder")), ErrorKind::output_exists);
}

}  // namespace
}  // namespace stockpot::io
