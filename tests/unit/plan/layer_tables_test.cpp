// Gemma 3n's tensors with a stretch for each layer, when layers are chosen.
#include <fmt/format.h>

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string embeddings = "model.embed_tokens_per_layer.weight";
const std::string projection = "model.per_layer_model_projection.weight";

/// `layers` layers, two tokens, stretches of three columns and of three rows of five.
Catalogue with_tables(const std::string& model, std::uint64_t layers, std::uint64_t width = 3) {
  std::vector<TensorInfo> all = tensors({"model.embed_tokens.weight", "model.norm.weight"});
  for (std::uint64_t l = 0; l < layers; ++l) {
    all.push_back({fmt::format("model.layers.{}.mlp.weight", l), DType::bf16, {4, 4}});
  }
  all.push_back({embeddings, DType::bf16, {2, layers * width}});
  all.push_back({projection, DType::bf16, {layers * width, 5}});
  Catalogue made = stockpot::test::catalogue(model, std::move(all));
  made.config.architectures = {"Gemma3nForCausalLM"};
  made.config.layer_counts = {{"num_hidden_layers", layers}};
  made.config.tied_embeddings = true;
  return made;
}

/// "model[first, end)" of each run of the i-th source of a tensor.
std::vector<std::string> runs_of(const MergePlan& plan, const std::string& tensor, std::size_t i = 0) {
  const SourceTensor source = tensor_of(plan, tensor).sources.at(i);
  std::vector<std::string> texts;
  if (source.gather == SourceTensor::as_stored) return texts;
  const Gather& gather = plan.gathers[source.gather];
  for (const Gather::Run& run : gather.runs) {
    const Gather::Part& part = gather.parts[run.part];
    EXPECT_EQ(plan.models[part.model].tensors[part.tensor].info.name, tensor);
    texts.push_back(fmt::format("{}[{}, {})", plan.models[part.model].model, run.row, run.row + run.count));
  }
  return texts;
}

std::string slices_of(const std::vector<std::string>& ranges) {
  std::string text = "merge_method: passthrough\nslices:\n";
  for (const std::string& range : ranges) text += "  - sources: [" + range + "]\n";
  return text;
}

const std::string of_two = slices_of(
    {"{model: a, layer_range: [1, 2]}", "{model: b, layer_range: [2, 4]}", "{model: a, layer_range: [0, 1]}"});

TEST(LayerTables, ColumnsComeFromWhereTheLayersDo) {
  const auto plan = planned(of_two, {with_tables("a", 4), with_tables("b", 4)});
  EXPECT_EQ(tensor_of(plan, embeddings).output.shape, (Shape{2, 12}));
  EXPECT_THAT(runs_of(plan, embeddings),
              ElementsAre("a[3, 6)", "b[6, 12)", "a[0, 3)", "a[15, 18)", "b[18, 24)", "a[12, 15)"));
}

TEST(LayerTables, SoDoRows) {
  const auto plan = planned(of_two, {with_tables("a", 4), with_tables("b", 4)});
  EXPECT_EQ(tensor_of(plan, projection).output.shape, (Shape{12, 5}));
  EXPECT_THAT(runs_of(plan, projection), ElementsAre("a[15, 30)", "b[30, 60)", "a[0, 15)"));
}

TEST(LayerTables, ModelsMayHaveDifferentNumbersOfLayers) {
  const auto plan = planned(slices_of({"{model: a, layer_range: [0, 2]}", "{model: b, layer_range: [5, 6]}"}),
                            {with_tables("a", 2), with_tables("b", 6)});
  EXPECT_THAT(runs_of(plan, embeddings), ElementsAre("a[0, 6)", "b[15, 18)", "a[6, 12)", "b[33, 36)"));
}

TEST(LayerTables, OfAllLayersOfAModelAreAsTheyAre) {
  const auto plan = planned(slices_of({"{model: a, layer_range: [0, 4]}"}), {with_tables("a", 4)});
  EXPECT_EQ(tensor_of(plan, embeddings).action, Action::copy);
  const auto whole = planned("merge_method: passthrough\nmodels: [{model: a}]\n", {with_tables("a", 4)});
  EXPECT_EQ(tensor_of(whole, projection).action, Action::copy);
}

TEST(LayerTables, EachSourceHasItsOwn) {
  const auto plan = planned(
      "merge_method: linear\nparameters: {weight: 1}\nslices:\n"
      "  - sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [1, 2]}]\n"
      "  - sources: [{model: a, layer_range: [3, 4]}, {model: b, layer_range: [0, 1]}]\n",
      {with_tables("a", 4), with_tables("b", 4)});
  EXPECT_THAT(runs_of(plan, projection, 0), ElementsAre("a[0, 15)", "a[45, 60)"));
  EXPECT_THAT(runs_of(plan, projection, 1), ElementsAre("b[15, 30)", "b[0, 15)"));
}

TEST(LayerTables, ThatCannotFollowAreMistakes) {
  EXPECT_THAT(report(of_two, {with_tables("a", 4), with_tables("b", 4, 2)}),
              AllOf(HasSubstr("ARC031"), HasSubstr(embeddings), HasSubstr("different size")));
  auto uneven = with_tables("a", 4);
  uneven.config.layer_counts = {{"num_hidden_layers", 4}};
  uneven.tensors[0].info.shape = {2, 13};  // ascending by name: the embeddings per layer are second
  uneven.tensors[1].info.shape = {2, 13};
  EXPECT_THAT(report(of_two, {uneven, with_tables("b", 4)}), AllOf(HasSubstr("ARC031"), HasSubstr("evenly")));
  auto none = with_tables("b", 4);
  std::erase_if(none.tensors, [](const StoredTensor& t) { return t.info.name == projection; });
  EXPECT_THAT(report(of_two, {with_tables("a", 4), none}), AllOf(HasSubstr("ARC031"), HasSubstr("not every model")));
  const std::string unequal =
      "merge_method: linear\nparameters: {weight: 1}\nslices:\n"
      "  - sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [1, 2]}]\n"
      "  - sources: [{model: a, layer_range: [3, 4]}]\n";
  EXPECT_THAT(report(unequal, {with_tables("a", 4), with_tables("b", 4)}),
              AllOf(HasSubstr("ARC031"), HasSubstr("numbers of sources")));
}

}  // namespace
}  // namespace stockpot::plan
