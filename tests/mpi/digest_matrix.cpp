// The promise: one digest per (method, element type), whatever the ranks, threads, units, memory and instruction set.
//
// Every combination runs here in one process per rank; ctest runs the program with several rank counts, and all of them
// compare with the same file of digests, which is part of the repository. STOCKPOT_WRITE_DIGESTS=1 writes it anew.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "comm/agree.hpp"
#include "core/simd.hpp"
#include "engine/merge_job.hpp"
#include "io/manifest.hpp"
#include "io/small_file.hpp"
#include "support/family.hpp"
#include "support/world.hpp"

namespace stockpot {
namespace {

struct MethodCase {
  std::string name;
  std::string yaml;
};

const std::string three_models = R"(
base_model: base
models:
  - {model: tune-1, parameters: {weight: 1.0, density: 0.4}}
  - {model: tune-2, parameters: {weight: [0.3, 0.7], density: [0.2, 0.6]}}
  - {model: tune-3, parameters: {weight: [{filter: mlp, value: -0.4}, {value: 0.5}], density: 0.25}}
)";

const std::string equal_densities = R"(
base_model: base
models:
  - {model: tune-1, parameters: {weight: 1.0, density: 0.3}}
  - {model: tune-2, parameters: {weight: 1.0, density: 0.2}}
  - {model: tune-3, parameters: {weight: 1.0, density: 0.1}}
)";

std::vector<MethodCase> method_cases() {
  return {
      {"linear", "merge_method: linear" + three_models},
      {"passthrough", "merge_method: passthrough\nmodels: [{model: tune-1, parameters: {scale: 0.7}}]\n"},
      {"passthrough_copy", "merge_method: passthrough\nmodels: [{model: tune-1}]\n"},
      {"task_arithmetic", "merge_method: task_arithmetic" + three_models + "parameters: {lambda: 0.9}\n"},
      {"ties", "merge_method: ties" + three_models},
      {"ties_model", "merge_method: ties" + equal_densities + "parameters: {scope: model, zero_sign: majority}\n"},
      {"ties_rescaled", "merge_method: ties" + three_models + "parameters: {rescale: true}\n"},
      {"dare_linear", "merge_method: dare_linear" + three_models},
      {"dare_ties", "merge_method: dare_ties" + three_models + "stockpot: {seed: 42}\n"},
      {"slerp",
       "merge_method: slerp\nbase_model: base\nmodels: [{model: base}, {model: tune-1}]\n"
       "parameters: {t: [0.2, 0.8]}\n"},
      {"model_stock", "merge_method: model_stock\nbase_model: base\nmodels: [{model: tune-1}, {model: tune-2}]\n"},
      {"model_stock_filter",
       "merge_method: model_stock\nbase_model: base\n"
       "models: [{model: tune-1}, {model: tune-2}]\nparameters: {filter_wise: true}\n"},
  };
}

struct Variant {
  std::uint32_t threads;
  std::uint64_t unit_bytes;
  bool little_memory;
  InstructionSet isa;
};

std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const std::uint32_t threads : {1u, 2u}) {
    for (const std::uint64_t unit_bytes : {std::uint64_t{1}, std::uint64_t{1} << 20}) {
      for (const bool little_memory : {false, true}) {
        for (const auto isa : {InstructionSet::baseline, InstructionSet::avx2, InstructionSet::avx512}) {
          if (isa <= best_instruction_set()) all.push_back({threads, unit_bytes, little_memory, isa});
        }
      }
    }
  }
  return all;
}

/// A schedule that fits the least memory that is possible at all, found by trying.
plan::Schedule schedule_in_little_memory(const plan::MergePlan& plan, plan::ScheduleOptions options) {
  for (options.memory_per_rank = std::uint64_t{1} << 20;; options.memory_per_rank += std::uint64_t{1} << 18) {
    try {
      return plan::make_schedule(plan, options);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::limits) throw;
    }
  }
}

std::string digest_of_output(const std::string& out) {
  const std::string path = out + "/" + std::string(io::manifest_file_name);
  std::string all;
  for (const auto& tensor : io::parse_manifest(io::read_file(path, 1u << 24), path).tensors) {
    all += tensor.info.name + " " + tensor.digest.hex() + "\n";
  }
  return io::sha256_hex(all).substr(0, 32);
}

/// The digests that all runs must give, by "method dtype".
std::map<std::string, std::string> golden_digests() {
  std::map<std::string, std::string> digests;
  std::ifstream file(STOCKPOT_TEST_DATA "/digests.txt");
  for (std::string method, dtype, digest; file >> method >> dtype >> digest;) digests[method + " " + dtype] = digest;
  return digests;
}

class DigestMatrix : public testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    const auto& world = test::world();
    directory_ = comm::on_root(world, [&] {
      const std::string scratch = test::make_scratch("stockpot-matrix");
      test::write_family(scratch, test::awkward_tensors(GetParam()), 3, true);
      return scratch;
    });
  }
  void TearDown() override {
    test::world().barrier();
    if (test::world().is_root()) std::filesystem::remove_all(directory_);
  }

  /// Collective. The digest on rank 0, "" elsewhere.
  std::string merged_digest(const MethodCase& method, const Variant& run) {
    const auto& world = test::world();
    const std::string recipe = directory_ + "/" + method.name + ".yaml";
    const std::string out = directory_ + "/out";
    if (world.is_root()) {
      std::filesystem::remove_all(out);
      if (!std::filesystem::exists(recipe)) io::write_file(recipe, method.yaml);
    }
    world.barrier();
    const engine::Inputs inputs = engine::load_inputs(world, recipe, {});
    const plan::MergePlan plan = plan::make_plan(inputs.recipe, inputs.document(), inputs.models, {});
    const plan::ScheduleOptions options{.ranks = static_cast<std::uint32_t>(world.size()),
                                        .threads = run.threads,
                                        .memory_per_rank = std::uint64_t{256} << 20,
                                        .chunk_bytes = run.unit_bytes == 1 ? 1 : std::uint64_t{1} << 19,
                                        .unit_bytes = run.unit_bytes};
    const plan::Schedule schedule =
        run.little_memory ? schedule_in_little_memory(plan, options) : plan::make_schedule(plan, options);
    read_more_ |= run.little_memory && schedule.reads_total > plan::make_schedule(plan, options).reads_total;
    use(run.isa);
    engine::JobOptions job;
    job.out = out;
    engine::run_merge(world, inputs, plan, schedule, job);
    use(best_instruction_set());
    return world.is_root() ? digest_of_output(out) : "";
  }

  std::string directory_;
  bool read_more_ = false;  // some run with little memory did read something twice
};

TEST_P(DigestMatrix, EveryRunGivesTheSameBits) {
  const auto golden = golden_digests();
  for (const MethodCase& method : method_cases()) {
    const std::string key = fmt::format("{} {}", method.name, name(GetParam()));
    std::string first;
    for (const Variant& run : variants()) {
      const std::string digest = merged_digest(method, run);
      if (!test::world().is_root()) continue;
      if (first.empty()) first = digest;
      EXPECT_EQ(digest, first) << key << " threads " << run.threads << " unit " << run.unit_bytes << " little memory "
                               << run.little_memory << " " << name(run.isa);
    }
    if (!test::world().is_root()) continue;
    if (std::getenv("STOCKPOT_WRITE_DIGESTS") != nullptr) {
      std::ofstream(STOCKPOT_TEST_DATA "/digests.txt", std::ios::app) << key << " " << first << "\n";
    } else {
      EXPECT_EQ(first, golden.contains(key) ? golden.at(key) : "no digest in tests/data/digests.txt") << key;
    }
  }
  EXPECT_TRUE(read_more_) << "the runs with little memory were meant to stream";
}

INSTANTIATE_TEST_SUITE_P(, DigestMatrix, testing::Values(DType::f32, DType::f16, DType::bf16),
                         [](const auto& test) { return std::string(name(test.param)); });

}  // namespace
}  // namespace stockpot
