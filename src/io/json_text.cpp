#include "io/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "core/error.hpp"
#include "io/json.hpp"
#include "io/json_events.hpp"
#include "io/json_words.hpp"

namespace stockpot::io {
namespace {

/// With quotes and escapes.
std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

/// Of equal keys the last value counts, in the place of the first. Once for each object, when all of it is there: to
/// look at all keys for each new one would take quadratic time.
void drop_equal_keys(JsonText::Object& members) {
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return members[a].key < members[b].key; });
  std::vector<bool> superfluous(members.size());
  for (std::size_t i = 1, first = 0; i < order.size(); ++i) {
    if (members[order[i]].key != members[order[first]].key) {
      first = i;
      continue;
    }
    members[order[first]].value = std::move(members[order[i]].value);
    superfluous[order[i]] = true;
  }
  std::size_t at = 0;
  std::erase_if(members, [&](const auto&) { return superfluous[at++]; });
}

/// Builds a document. The size of the text has been checked before.
class Builder final : public JsonEvents {
 public:
  Builder(std::string_view path, std::string_view code, bool has_stand_ins)
      : JsonEvents(path, code, max_json_depth), has_stand_ins_(has_stand_ins) {}

  JsonText take() { return std::move(root_); }

 private:
  void begin(bool is_object) override {
    open_.push_back(&add(is_object ? JsonText::object() : JsonText::array({})));
    keys_.emplace_back();
  }
  void end() override {
    if (auto* members = open_.back()->as_object()) drop_equal_keys(*members);
    open_.pop_back();
    keys_.pop_back();
  }
  void on_key(std::string& name) override { keys_.back() = std::move(name); }
  void on_text(std::string& text) override {
    const auto word = has_stand_ins_ ? word_of_stand_in(text) : std::nullopt;
    add(word ? JsonText::number_spelled(std::string(*word)) : JsonText::text(text));
  }
  void on_unsigned(std::uint64_t value) override { add(JsonText::number(value)); }
  void on_number(const std::string& spelling) override { add(JsonText::number_spelled(spelling)); }
  void on_boolean(bool value) override { add(JsonText::boolean(value)); }
  void on_null() override { add(JsonText()); }

  /// A container that is still open is the last value of the one around it: nothing is added there until it ends, and
  /// so its address stays.
  JsonText& add(JsonText value) {
    if (open_.empty()) return root_ = std::move(value);
    if (auto* array = open_.back()->as_array()) return array->emplace_back(std::move(value));
    return open_.back()->as_object()->emplace_back(JsonText::Member{std::move(keys_.back()), std::move(value)}).value;
  }

  bool has_stand_ins_;
  JsonText root_;
  std::vector<JsonText*> open_;    // containers, outermost first
  std::vector<std::string> keys_;  // of each, the one whose value comes next
};

template <typename Items, typename DumpItem>
void dump_list(std::string& out, std::size_t indent, std::string_view brackets, const Items& items,
               const DumpItem& dump_item) {
  out += brackets.front();
  for (const auto& item : items) {
    if (&item != &items.front()) out += ',';
    out += '\n' + std::string(indent + 2, ' ');
    dump_item(item);
  }
  if (!items.empty()) out += '\n' + std::string(indent, ' ');
  out += brackets.back();
}

template <typename Members>
auto find_member(Members& members, std::string_view key) {
  return std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.key == key; });
}

}  // namespace

JsonText JsonText::array(Array items) { return JsonText(std::move(items)); }

JsonText JsonText::object() { return JsonText(Object()); }

std::optional<std::uint64_t> JsonText::as_unsigned() const {
  const auto* number = std::get_if<Number>(&value_);
  if (number == nullptr) return std::nullopt;
  const char* end = number->spelling.data() + number->spelling.size();
  std::uint64_t value = 0;
  const auto [stop, failure] = std::from_chars(number->spelling.data(), end, value);
  return failure == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

const JsonText* JsonText::find(std::string_view key) const {
  const Object* members = as_object();
  if (members == nullptr) return nullptr;
  const auto member = find_member(*members, key);
  return member == members->end() ? nullptr : &member->value;
}

JsonText* JsonText::find(std::string_view key) { return const_cast<JsonText*>(std::as_const(*this).find(key)); }

JsonText* JsonText::at_path(std::string_view dotted) {
  JsonText* at = this;
  while (at != nullptr && !dotted.empty()) {
    const auto dot = std::min(dotted.find('.'), dotted.size());
    at = at->find(dotted.substr(0, dot));
    dotted.remove_prefix(std::min(dot + 1, dotted.size()));
  }
  return at;
}

void JsonText::set(std::string_view key, JsonText value) {
  if (JsonText* old = find(key)) {
    *old = std::move(value);
  } else {
    std::get<Object>(value_).push_back({std::string(key), std::move(value)});
  }
}

void JsonText::erase(std::string_view key) {
  Object& members = std::get<Object>(value_);
  if (const auto member = find_member(members, key); member != members.end()) members.erase(member);
}

bool JsonText::operator==(const JsonText&) const = default;

std::string JsonText::dump() const {
  std::string out;
  dump_to(out, 0);
  return out;
}

void JsonText::dump_to(std::string& out, std::size_t indent) const {
  if (const auto* number = std::get_if<Number>(&value_)) {
    out += number->spelling;
  } else if (const auto* text = as_text()) {
    out += quoted(*text);
  } else if (const auto* truth = std::get_if<bool>(&value_)) {
    out += *truth ? "true" : "false";
  } else if (const auto* items = as_array()) {
    dump_list(out, indent, "[]", *items, [&](const JsonText& item) { item.dump_to(out, indent + 2); });
  } else if (const auto* members = as_object()) {
    dump_list(out, indent, "{}", *members, [&](const Member& member) {
      out += quoted(member.key) + ": ";
      member.value.dump_to(out, indent + 2);
    });
  } else {
    out += "null";
  }
}

JsonText parse_json_text(std::string_view text, std::string_view path, std::string_view code) {
  const std::optional<std::string> stand_ins = with_stand_ins(text);
  if (stand_ins) text = *stand_ins;
  check_json_size(text, path, code, {.keys = std::numeric_limits<std::size_t>::max()});
  Builder builder(path, code, stand_ins.has_value());
  builder.read(text);
  return builder.take();
}

JsonText parse_json_object(std::string_view text, std::string_view path, std::string_view code) {
  JsonText document = parse_json_text(text, path, code);
  if (document.as_object() != nullptr) return document;
  throw Error(ErrorKind::corrupt_input, "the file is not a JSON object").code(code).in_file(path);
}

}  // namespace stockpot::io
