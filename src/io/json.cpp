#include "io/json.hpp"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "core/error.hpp"
#include "io/json_events.hpp"
#include "io/json_words.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

/// Reads a text for its size alone. (The library's own callback while it builds a document takes quadratic time.)
class SizeCheck final : public JsonEvents {
 public:
  SizeCheck(std::string_view path, std::string_view code, const JsonLimits& limits)
      : JsonEvents(path, code, max_json_depth), limits_(limits) {}

 private:
  void begin(bool) override {
    count_value();
    keys_.push_back(0);
  }
  void end() override { keys_.pop_back(); }
  void on_key(std::string&) override {
    if (++keys_.back() > limits_.keys)
      refuse("FMT005", fmt::format("a JSON object has more than {} keys", limits_.keys));
  }
  void on_text(std::string&) override { count_value(); }
  void on_unsigned(std::uint64_t) override { count_value(); }
  void on_null() override { count_value(); }
  void on_other() override { count_value(); }

  void count_value() {
    if (++values_ > limits_.values) {
      refuse("FMT005", fmt::format("the JSON text has more than {} values", limits_.values));
    }
  }

  JsonLimits limits_;
  std::vector<std::size_t> keys_;  // of the open containers, outermost first
  std::size_t values_ = 0;
};

}  // namespace

void check_json_size(std::string_view text, std::string_view path, std::string_view code, const JsonLimits& limits) {
  SizeCheck(path, code, limits).read(text);
}

nlohmann::ordered_json parse_json(std::string_view text, std::string_view path, std::string_view code,
                                  const JsonLimits& limits) {
  const std::optional<std::string> stand_ins = with_stand_ins(text);
  if (stand_ins) text = *stand_ins;
  check_json_size(text, path, code, limits);
  return nlohmann::ordered_json::parse(text.begin(), text.end());
}

nlohmann::ordered_json read_json(const std::string& path, std::string_view code) {
  return parse_json(read_file(path, max_json_bytes), path, code);
}

}  // namespace stockpot::io
