#include "partition/shard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.hpp"

namespace stockpot::partition {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes the number at the head of `text`, as its digits without leading zeros.
std::string_view take_number(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

/// Three-way comparison of two decimal numbers of any length.
int compare_numbers(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

std::uint64_t sum_of(std::uint64_t a, std::uint64_t b, const TensorInfo& tensor) {
  const auto sum = checked_add(a, b);
  if (!sum) throw Error(ErrorKind::limits, "the output exceeds 2^64 bytes").in_tensor(tensor.name);
  return *sum;
}

/// Puts a shard's tensors into file order and gives them their offsets.
void lay_out(Shard& shard, std::span<const TensorInfo> tensors) {
  std::sort(shard.entries.begin(), shard.entries.end(), [&](const Shard::Entry& x, const Shard::Entry& y) {
    const TensorInfo &a = tensors[x.tensor], &b = tensors[y.tensor];
    return a.dtype != b.dtype ? a.dtype > b.dtype : a.name < b.name;
  });
  std::uint64_t offset = 0;
  for (auto& entry : shard.entries) {
    entry.offset = offset;
    offset += tensors[entry.tensor].bytes();
  }
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  const std::string_view whole_a = a, whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const int order = compare_numbers(take_number(a), take_number(b));
      if (order != 0) return order < 0;
      continue;
    }
    if (a.front() != b.front()) return static_cast<unsigned char>(a.front()) < static_cast<unsigned char>(b.front());
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;  // 01 and 1
}

std::vector<Shard> make_shards(std::span<const TensorInfo> tensors, std::uint64_t shard_bytes) {
  std::vector<std::uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return natural_less(tensors[a].name, tensors[b].name); });

  std::vector<Shard> shards(1);
  for (const std::uint32_t tensor : order) {
    const std::uint64_t bytes = tensors[tensor].bytes();
    const bool full = !shards.back().entries.empty() && shard_bytes > 0 &&
                      sum_of(shards.back().data_bytes, bytes, tensors[tensor]) > shard_bytes;
    if (full) shards.emplace_back();
    shards.back().entries.push_back({tensor, 0});
    shards.back().data_bytes = sum_of(shards.back().data_bytes, bytes, tensors[tensor]);
  }
  for (std::size_t k = 0; k < shards.size(); ++k) {
    lay_out(shards[k], tensors);
    shards[k].file_name = shards.size() == 1 ? "model.safetensors"
                                             : fmt::format("model-{:05}-of-{:05}.safetensors", k + 1, shards.size());
  }
  return shards;
}

}  // namespace stockpot::partition
