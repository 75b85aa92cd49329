#include "io/shard_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/error.hpp"
#include "io/json.hpp"
#include "io/json_events.hpp"

namespace stockpot::io {
namespace {

constexpr std::size_t max_tensors = 4'000'000;
constexpr std::size_t max_shards = 100'000;
constexpr std::size_t max_name_bytes = 4096;

/// {"metadata": {"total_size": 123, ...}, "weight_map": {"<tensor>": "<file>"}, ...}
class IndexReader final : public JsonEvents {
 public:
  explicit IndexReader(std::string_view path) : JsonEvents(path, "FMT022", max_json_depth) {}

  std::map<std::string, std::vector<std::string>> tensors_of_shard;
  std::optional<double> total_bytes;
  bool has_map = false;

 private:
  enum class In { nothing, index, map, metadata, ignored };

  void begin(bool is_object) override {
    switch (in_) {
      case In::nothing:
        return is_object ? descend(In::index) : refuse_value();
      case In::index:
        return begin_member(is_object);
      case In::map:
        refuse_value();
      default:
        return descend(In::ignored);
    }
  }

  void begin_member(bool is_object) {
    if (key_ == "weight_map") {
      if (!is_object) refuse_value();
      if (std::exchange(has_map, true)) refuse("FMT011", "the index has two weight_maps");
      return descend(In::map);
    }
    descend(key_ == "metadata" && is_object ? In::metadata : In::ignored);
  }

  void descend(In into) {
    outer_.push_back(in_);
    in_ = into;
  }

  void end() override {
    in_ = outer_.back();
    outer_.pop_back();
  }

  void on_key(std::string& name) override { key_ = std::move(name); }

  void on_text(std::string& text) override {
    if (in_ != In::map) return on_other();
    if (key_.empty() || key_.size() > max_name_bytes) {
      refuse("FMT005", fmt::format("a tensor name is empty or longer than {} bytes", max_name_bytes));
    }
    if (const auto mistake = check_plain_file_name(text)) {
      throw Error(ErrorKind::corrupt_input, fmt::format("shard name '{}' {}", text.substr(0, 300), *mistake))
          .code("FMT002")
          .in_file(path())
          .in_tensor(key_);
    }
    if (++tensors_ > max_tensors) refuse("FMT005", fmt::format("the index names more than {} tensors", max_tensors));
    tensors_of_shard[std::move(text)].push_back(std::move(key_));
    if (tensors_of_shard.size() > max_shards) {
      refuse("FMT005", fmt::format("the index names more than {} shards", max_shards));
    }
  }

  void on_unsigned(std::uint64_t value) override {
    if (in_ == In::metadata && key_ == "total_size") total_bytes = static_cast<double>(value);
    on_other();
  }

  void on_null() override { on_other(); }

  void on_other() override {
    const bool is_map = in_ == In::map || (in_ == In::index && key_ == "weight_map");
    if (is_map || in_ == In::nothing) refuse_value();
  }

  [[noreturn]] void refuse_value() const override {
    if (in_ == In::nothing) refuse("FMT022", "the index is not a JSON object");
    if (in_ == In::map) refuse("FMT022", fmt::format("weight_map has a value that is not a text, at '{}'", key_));
    refuse("FMT022", "weight_map is not a JSON object");
  }

  In in_ = In::nothing;
  std::vector<In> outer_;
  std::string key_;
  std::size_t tensors_ = 0;
};

void check_names_differ(const std::vector<ShardIndex::Shard>& shards, std::string_view path) {
  std::vector<std::string_view> names;
  for (const auto& shard : shards) names.insert(names.end(), shard.tensors.begin(), shard.tensors.end());
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return;
  throw Error(ErrorKind::corrupt_input, "weight_map names a tensor twice")
      .code("FMT011")
      .in_file(path)
      .in_tensor(*twice);
}

}  // namespace

std::optional<std::string> check_plain_file_name(std::string_view name) {
  constexpr std::size_t max_bytes = 255;
  if (name.empty()) return "is empty";
  if (name == "." || name == "..") return "is a folder";
  if (name.size() > max_bytes) return fmt::format("is longer than {} bytes", max_bytes);
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '/' || c == '\\') return "leads to another folder";
    if (byte < 0x20 || byte == 0x7F) return "has a control character";
  }
  return std::nullopt;
}

ShardIndex parse_shard_index(std::string_view text, std::string_view path) {
  IndexReader reader(path);
  reader.read(text);
  if (!reader.has_map) {
    throw Error(ErrorKind::corrupt_input, "the index has no weight_map").code("FMT022").in_file(path);
  }
  ShardIndex index{.shards = {}, .total_bytes = reader.total_bytes};
  for (auto& [file, tensors] : reader.tensors_of_shard) {
    std::sort(tensors.begin(), tensors.end());
    index.shards.push_back({file, std::move(tensors)});
  }
  check_names_differ(index.shards, path);
  return index;
}

}  // namespace stockpot::io
