#include "recipe/yaml.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "recipe/slips.hpp"
#include "recipe/text.hpp"

namespace stockpot::recipe {
namespace {

constexpr std::uint64_t max_documents = 64;
constexpr std::uint64_t max_levels = 64;
constexpr std::uint64_t max_visits = 200'000;
constexpr std::size_t max_scalar_bytes = std::size_t{1} << 20;
constexpr std::uint64_t max_text_bytes = std::uint64_t{8} << 20;
constexpr std::size_t max_key_bytes = 1024;  // as YAML has it for keys without '?'

constexpr std::string_view core_prefix = "tag:yaml.org,2002:";
constexpr std::array core_tags{"str", "int", "float", "bool", "null", "seq", "map", "merge"};

bool is_core_tag(std::string_view tag) {
  if (tag.empty() || tag == "?" || tag == "!") return true;  // none, none on a plain scalar, none on a quoted one
  if (!tag.starts_with(core_prefix)) return false;
  tag.remove_prefix(core_prefix.size());
  return std::find(core_tags.begin(), core_tags.end(), tag) != core_tags.end();
}

bool has_core_tag(std::string_view tag, std::string_view name) {
  return tag.starts_with(core_prefix) && tag.substr(core_prefix.size()) == name;
}

/// Builds nodes out of the parser's events. Going by events, not by yaml-cpp's nodes, shows where an alias stands,
/// meets a cycle before it exists, and lets limits stop the parser early.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view text, Diagnostics& diagnostics) : positions_(text), diagnostics_(diagnostics) {}

  std::vector<Node> take() { return std::move(documents_); }
  Position position(const YAML::Mark& mark) {
    return mark.pos < 0 ? Position{} : positions_.at(static_cast<std::size_t>(mark.pos));
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    anchors_.clear();
    if (++document_count_ > max_documents) {
      diagnostics_.stop("CFG001", position(mark), fmt::format("more than {} documents", max_documents));
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, Node::Kind::sequence, style);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, Node::Kind::mapping, style);
  }
  void OnSequenceEnd() override;
  void OnMapEnd() override;

 private:
  /// A collection that is still being read.
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    bool flow;  // in brackets or braces
    std::vector<Node::Member> members;
    std::optional<Node> key;           // of a mapping, waiting for its value
    std::vector<Node::Member> merges;  // the mapping's `<<`: YAML 1.1 loaders take all of several, the first first
  };

  Node node(const YAML::Mark& mark, Node::Kind kind);
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind,
            YAML::EmitterStyle::value style);
  void close(std::vector<Node::Member> members);
  void emit(Node node, YAML::anchor_t anchor);
  void add_pair(Open& mapping, Node value);
  void check_tag(const std::string& tag, Position at);
  void charge(const Node::Weight& weight, Position at);
  void warn_of_duplicate(const std::string& key, Position first, Position again);
  std::vector<Node::Member> without_duplicates(std::vector<Node::Member> pairs);
  void expand_merges(const std::vector<Node::Member>& merges, std::vector<Node::Member>& pairs);

  PositionFinder positions_;
  Diagnostics& diagnostics_;
  std::vector<Node> documents_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;  // of this document, complete
  std::uint64_t document_count_ = 0, visits_ = 0, text_bytes_ = 0;
};

Node Builder::node(const YAML::Mark& mark, Node::Kind kind) {
  Node made;
  made.kind = kind;
  made.at = position(mark);
  return made;
}

void Builder::check_tag(const std::string& tag, Position at) {
  if (is_core_tag(tag)) return;
  diagnostics_.error("CFG004", at, fmt::format("unsupported tag {}", in_quotes(tag)),
                     "only YAML's own tags (!!str, !!int, !!float, !!bool, !!null, !!seq, !!map) have a meaning here");
}

void Builder::charge(const Node::Weight& weight, Position at) {
  visits_ += weight.visits;
  text_bytes_ += weight.text_bytes;
  if (visits_ > max_visits) {
    diagnostics_.stop("CFG001", at,
                      fmt::format("the recipe is too large: more than {} nodes, aliases unfolded", max_visits));
  }
  if (text_bytes_ > max_text_bytes) {
    diagnostics_.stop("CFG001", at, "the recipe is too large: more than 8 MiB of text, aliases unfolded");
  }
  if (open_.size() + weight.levels > max_levels) {
    diagnostics_.stop("CFG002", at, fmt::format("nested too deeply: more than {} levels", max_levels));
  }
}

void Builder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  Node nothing = node(mark, Node::Kind::null);
  charge(nothing.weight(), nothing.at);
  emit(std::move(nothing), anchor);
}

void Builder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       const std::string& value) {
  Node scalar = node(mark, Node::Kind::scalar);
  check_tag(tag, scalar.at);
  if (value.size() > max_scalar_bytes) {
    diagnostics_.stop("CFG001", scalar.at,
                      fmt::format("a single value of {} bytes; at most 1 MiB is read", value.size()));
  }
  if (has_core_tag(tag, "null")) {
    scalar.kind = Node::Kind::null;
  } else {
    scalar.text = value;
    scalar.quoted = tag == "!" || has_core_tag(tag, "str");
    scalar.weigh_text();
  }
  charge(scalar.weight(), scalar.at);
  emit(std::move(scalar), anchor);
}

void Builder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const Position here = position(mark);
  const auto target = anchors_.find(anchor);
  // The parser has refused unknown names, so an anchor that is not complete is that of a collection around this alias.
  if (target == anchors_.end()) diagnostics_.stop("CFG002", here, "an anchor contains itself");
  Node copy = target->second;
  charge(copy.weight(), here);
  const Position used = !open_.empty() && open_.back().key ? open_.back().key->at : here;
  copy.at.used_line = used.line;
  copy.at.used_column = used.column;
  emit(std::move(copy), 0);
}

void Builder::open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind,
                   YAML::EmitterStyle::value style) {
  Node collection = node(mark, kind);
  check_tag(tag, collection.at);
  charge({.visits = 1, .text_bytes = 0, .levels = 1}, collection.at);
  open_.push_back({.node = std::move(collection),
                   .anchor = anchor,
                   .flow = style == YAML::EmitterStyle::Flow,
                   .members = {},
                   .key = {},
                   .merges = {}});
}

void Builder::OnSequenceEnd() { close(std::move(open_.back().members)); }

void Builder::OnMapEnd() {
  std::vector<Node::Member> pairs = without_duplicates(std::move(open_.back().members));
  expand_merges(open_.back().merges, pairs);
  close(std::move(pairs));
}

void Builder::close(std::vector<Node::Member> members) {
  Node complete = std::move(open_.back().node);
  const YAML::anchor_t anchor = open_.back().anchor;
  open_.pop_back();
  complete.adopt(std::move(members));
  emit(std::move(complete), anchor);
}

void Builder::emit(Node complete, YAML::anchor_t anchor) {
  if (anchor != 0) anchors_.insert_or_assign(anchor, complete);
  if (open_.empty()) {
    if (!complete.is_null()) documents_.push_back(std::move(complete));
  } else if (Open& parent = open_.back(); parent.node.is_sequence()) {
    parent.members.push_back({.key = "", .key_at = {}, .value = std::move(complete)});
  } else if (!parent.key) {
    parent.key = std::move(complete);
  } else {
    add_pair(parent, std::move(complete));
  }
}

void Builder::add_pair(Open& mapping, Node value) {
  const Node key = *std::exchange(mapping.key, std::nullopt);
  if (!key.is_scalar() || key.text.size() > max_key_bytes) {
    diagnostics_.error("CFG020", key.at, fmt::format("a key must be a text of at most {} bytes", max_key_bytes));
    return;
  }
  if (mapping.flow && !mapping.members.empty() && is_decimal_comma(mapping.members.back(), key, value, diagnostics_))
    return;
  Node::Member pair{.key = key.text, .key_at = key.at, .value = std::move(value)};
  if (key.text != "<<" || key.quoted) {
    mapping.members.push_back(std::move(pair));
    return;
  }
  mapping.merges.push_back(std::move(pair));
}

void Builder::warn_of_duplicate(const std::string& key, Position first, Position again) {
  diagnostics_.warn(
      "CFG003", again,
      fmt::format("key {} again: its value at {}:{} is ignored", in_quotes(key), first.line, first.column));
}

std::vector<Node::Member> Builder::without_duplicates(std::vector<Node::Member> pairs) {
  std::vector<Node::Member> unique;
  std::unordered_map<std::string, std::size_t> known;
  for (Node::Member& pair : pairs) {
    const auto [found, is_new] = known.emplace(pair.key, unique.size());
    if (is_new) {
      unique.push_back(std::move(pair));
      continue;
    }
    Node::Member& earlier = unique[found->second];
    warn_of_duplicate(pair.key, earlier.key_at, pair.key_at);
    earlier = std::move(pair);
  }
  return unique;
}

void Builder::expand_merges(const std::vector<Node::Member>& merges, std::vector<Node::Member>& pairs) {
  if (merges.empty()) return;
  std::vector<std::pair<Node, Position>> sources;  // and where the key is
  for (const Node::Member& merge : merges) {
    if (!merge.value.is_sequence()) sources.emplace_back(merge.value, merge.key_at);
    if (!merge.value.is_sequence()) continue;
    for (Node::Member& item : merge.value.members()) sources.emplace_back(std::move(item.value), merge.key_at);
  }
  std::unordered_set<std::string> known;
  for (const Node::Member& pair : pairs) known.insert(pair.key);
  for (const auto& [source, key_at] : sources) {
    if (!source.is_mapping()) {
      diagnostics_.error("CFG020", source.at, fmt::format("'<<' expects a mapping, found {}", source.kind_name()));
      continue;
    }
    for (Node::Member& pair : source.members()) {
      if (!known.insert(pair.key).second) continue;
      charge(pair.value.weight(), key_at);
      pairs.push_back(std::move(pair));
    }
  }
}

}  // namespace

std::vector<Node> read_yaml(std::string_view text, Diagnostics& diagnostics) {
  Builder builder(text, diagnostics);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    const Position at = builder.position(error.mark);
    diagnostics.stop("CFG002", at, fmt::format("YAML: {}", error.msg), syntax_help(text, at));
  }
  return builder.take();
}

}  // namespace stockpot::recipe
