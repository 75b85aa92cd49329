#include "engine/copied_tensors.hpp"

#include <gmock/gmock.h>

#include <map>

#include "support/memory_source.hpp"

namespace stockpot::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Two models with one I64 tensor each, copied from the first.
std::vector<std::string> warnings_for(const std::vector<std::byte>& first, const std::vector<std::byte>& second) {
  const std::map<std::string, std::vector<std::byte>> files{{"a", first}, {"b", second}};
  InputFiles inputs(
      [&](const std::string& path) { return std::make_unique<test::MemorySource>(path, files.at(path)); });
  plan::MergePlan plan;
  for (const auto& [path, bytes] : files) {
    const Shape shape{bytes.size() / 8};
    Catalogue model;
    model.model = path;
    model.files = {{path, bytes.size(), 0, 0}};
    model.tensors = {{{"ids", DType::i64, shape}, 0, 0}};
    plan.models.push_back(std::move(model));
  }
  plan::PlannedTensor planned;
  planned.output = plan.models[0].tensors[0].info;
  planned.action = plan::Action::copy;
  planned.sources = {{0, 0}};
  planned.others = {{1, 0}};
  plan.tensors.push_back(planned);
  return compare_copied_integers(plan, inputs);
}

constexpr std::size_t beyond_one_piece = (std::size_t{1} << 20) + 8;

TEST(CopiedIntegers, EqualCopiesAreNoNews) {
  const std::vector<std::byte> zeros(beyond_one_piece);
  EXPECT_THAT(warnings_for(zeros, zeros), IsEmpty());
}

TEST(CopiedIntegers, ADifferenceInTheLastByteIsFound) {
  const std::vector<std::byte> zeros(beyond_one_piece);
  auto other = zeros;
  other.back() = std::byte{1};
  EXPECT_THAT(warnings_for(zeros, other), ElementsAre(testing::AllOf(HasSubstr("TEN020"), HasSubstr("ids"))));
}

TEST(CopiedIntegers, AnotherShapeIsAnotherTensor) {
  EXPECT_THAT(warnings_for(std::vector<std::byte>(16), std::vector<std::byte>(8)), ElementsAre(HasSubstr("TEN020")));
}

}  // namespace
}  // namespace stockpot::engine
