// The promise: one digest per (method, element type), whatever the ranks, threads, units, memory and instruction set.
//
// Combinations run here in one process per rank; ctest runs the program with several rank counts, and all of them
// compare with the same file of digests, which is part of the repository. STOCKPOT_WRITE_DIGESTS=1 writes it anew.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "comm/agree.hpp"
#include "core/simd.hpp"
#include "io/manifest.hpp"
#include "io/small_file.hpp"
#include "support/family.hpp"
#include "support/one_stage.hpp"
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

const std::string plain_models = R"(
base_model: base
models: [{model: tune-1}, {model: tune-2}, {model: tune-3}]
)";

const std::string two_models = R"(
base_model: base
models: [{model: tune-1, parameters: {weight: 0.7}}, {model: tune-2, parameters: {weight: 0.4}}]
)";

/// With task vectors: by the models' weights, trims and votes.
std::vector<MethodCase> task_vector_cases() {
  const auto with = [](const std::string& method, const std::string& models, const std::string& parameters) {
    return "merge_method: " + method + models + "parameters: {" + parameters + "}\n";
  };
  return {
      {"ties_model_rescaled", with("ties", equal_densities, "scope: model, rescale: true, rescale_mode: linf")},
      {"ties_hash", with("ties", three_models, "tie_break: hash, sign_consensus: count, normalize: false")},
      {"ties_pre_drop", with("ties", three_models, "pre_drop: 0.6, trim_rule: at_least")},
      {"della", with("della", three_models, "epsilon: 0.1")},
      {"della_linear", with("della_linear", three_models, "epsilon: 0.15, rescale_mode: inv_prob, tie_break: hash")},
      {"breadcrumbs", with("breadcrumbs", three_models, "gamma: 0.02, rescale: true, rescale_mode: l2")},
      {"breadcrumbs_rows", with("breadcrumbs", three_models, "gamma: 0.05, scope: row")},
      {"breadcrumbs_ties", with("breadcrumbs_ties", three_models, "gamma: 0.02, tie_break: hash")},
      {"sce", with("sce", plain_models, "select_topk: 0.3")},
      {"sce_all", with("sce", plain_models, "weight_floor: 1e-6")},
      {"ram", with("ram", plain_models, "epsilon: 0.05")},
      {"ramplus_tl", with("ramplus_tl", plain_models, "epsilon: 0.05, r: 0.5, alpha: 2")},
      {"ramplus", with("ramplus", plain_models, "epsilon: 0.05, r: 0.5, alpha: 2")},
      {"magmax", with("magmax", plain_models, "lambda: 0.5")},
      {"magmax_sum", with("magmax", plain_models, "elect: sum")},
      {"consensus", with("consensus", plain_models, "mask_lambda: 0.4")},
      {"consensus_ties", with("consensus", plain_models, "inner: ties, min_models: 1")},
      {"metagpt", with("metagpt", plain_models, "lambda: 1.5")},
      {"metagpt_tensor", with("metagpt", plain_models, "scope: tensor")},
      {"pcb", with("pcb", plain_models, "ratio: 0.2")},
      {"pcb_tensor", with("pcb", plain_models, "scope: tensor")},
      {"tsvm", with("tsvm", plain_models, "exclude: [mlp, embed]")},
      {"iso_c", with("iso_c", plain_models, "exclude: [mlp, embed]")},
      {"iso_cts", with("iso_cts", plain_models, "exclude: [mlp, embed], common_fraction: 0.6")},
      {"lines", with("task_arithmetic", three_models, "lines: {alpha: 0.3, beta: 0.6}")},
      {"lines_auto", with("ties", three_models, "lines: {alpha: auto, beta: 0.6}")},
  };
}

/// Averages, on spheres and elsewhere.
std::vector<MethodCase> averaging_cases() {
  return {
      {"nuslerp", "merge_method: nuslerp" + two_models},
      {"nuslerp_rows", "merge_method: nuslerp" + two_models + "parameters: {nuslerp_flatten: false}\n"},
      {"nuslerp_columns",
       "merge_method: nuslerp" + two_models + "parameters: {nuslerp_flatten: false, nuslerp_row_wise: true}\n"},
      {"multislerp", "merge_method: multislerp" + three_models},
      {"karcher", "merge_method: karcher" + plain_models},
      {"nearswap", "merge_method: nearswap\nbase_model: base\nmodels: [{model: tune-1}]\nparameters: {t: 0.1}\n"},
      {"arcee_fusion", "merge_method: arcee_fusion\nbase_model: base\nmodels: [{model: tune-1}]\n"},
      {"median", "merge_method: median" + plain_models},
      {"geometric_median", "merge_method: geometric_median" + plain_models},
  };
}

std::vector<MethodCase> first_cases() {
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

std::vector<MethodCase> method_cases() {
  std::vector<MethodCase> all = first_cases();
  for (const auto& more : {task_vector_cases(), averaging_cases()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

struct Variant {
  std::uint32_t threads;
  std::uint64_t unit_bytes;
  bool little_memory;
  InstructionSet isa;
};

/// Threads, units and memory: with any number of ranks every pair of their values, with the next number the other half of
/// all combinations. Instruction sets in turn.
std::vector<Variant> variants(int ranks) {
  std::vector<Variant> all;
  for (unsigned combination = 0; combination < 8; ++combination) {
    if ((std::popcount(combination) + ranks) % 2 != 0) continue;
    const auto isa = static_cast<InstructionSet>((all.size() + static_cast<unsigned>(ranks)) % 3);
    all.push_back({.threads = (combination & 1) != 0 ? 2u : 1u,
                   .unit_bytes = (combination & 2) != 0 ? std::uint64_t{1} << 20 : 1,
                   .little_memory = (combination & 4) != 0,
                   .isa = std::min(isa, best_instruction_set())});
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
    const test::OneStage one = test::planned_stage(world, recipe);
    const plan::MergePlan& plan = one.stage.plan;
    const plan::ScheduleOptions options{.ranks = static_cast<std::uint32_t>(world.size()),
                                        .threads = run.threads,
                                        .memory_per_rank = std::uint64_t{256} << 20,
                                        .chunk_bytes = run.unit_bytes == 1 ? 1 : std::uint64_t{1} << 19,
                                        .unit_bytes = run.unit_bytes};
    const plan::Schedule schedule =
        run.little_memory ? schedule_in_little_memory(plan, options) : plan::make_schedule(plan, options);
    read_more_ |= run.little_memory && schedule.reads_total > plan::make_schedule(plan, options).reads_total;
    use(run.isa);
    test::merge_stage(world, one, schedule.options, out);
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
    for (const Variant& run : variants(test::world().size())) {
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
