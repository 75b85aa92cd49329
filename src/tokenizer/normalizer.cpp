#include "tokenizer/normalizer.hpp"

#include <fmt/format.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <utility>

#include "tokenizer/json_members.hpp"
#include "tokenizer/not_encodable.hpp"

namespace stockpot::tokenizer {
namespace {

constexpr std::size_t max_steps = 64;
constexpr std::size_t max_text = std::size_t{16} << 20;

void check_size(std::size_t bytes) {
  if (bytes > max_text) throw NotEncodable("its normalizer makes the text too long");
}

const icu::Normalizer2* form_of(const std::string& type, UErrorCode& status) {
  if (type == "NFC") return icu::Normalizer2::getNFCInstance(status);
  if (type == "NFD") return icu::Normalizer2::getNFDInstance(status);
  if (type == "NFKC") return icu::Normalizer2::getNFKCInstance(status);
  if (type == "NFKD") return icu::Normalizer2::getNFKDInstance(status);
  throw NotEncodable(fmt::format("its normalizer is {}", shown_type(type)));
}

std::string replaced_all(const std::string& text, const std::string& what, const std::string& by) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, done)) {
    out.append(text, done, at - done).append(by);
    check_size(out.size());
    done = at + what.size();
  }
  return out.append(text, done);
}

}  // namespace

Normalizer::Normalizer(std::optional<JsonValue> normalizer) {
  if (normalizer && *normalizer != "null") add(*normalizer);
}

std::string Normalizer::apply(std::string text) const {
  for (const Step& step : steps_) {
    text = step(std::move(text));
    check_size(text.size());
  }
  return text;
}

void Normalizer::add(JsonValue normalizer) {
  if (steps_.size() == max_steps) throw NotEncodable("its normalizer has too many steps");
  const std::string type = member_text(normalizer, "type");
  if (type == "Sequence") {
    for (const JsonValue step : member_list(normalizer, "normalizers")) add(step);
  } else if (type == "Prepend") {
    const std::string what = member_text(normalizer, "prepend");
    check_size(what.size());
    steps_.push_back([what](std::string text) { return text.empty() ? text : what + text; });
  } else if (type == "Replace") {
    add_replacement(normalizer);
  } else {
    add_form(type);
  }
}

void Normalizer::add_form(const std::string& type) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const form = form_of(type, status);
  if (U_FAILURE(status)) throw NotEncodable(fmt::format("ICU has no {} ({})", type, u_errorName(status)));
  steps_.push_back([form](const std::string& text) {
    UErrorCode failure = U_ZERO_ERROR;
    std::string out;
    form->normalize(icu::UnicodeString::fromUTF8(text), failure).toUTF8String(out);
    if (U_FAILURE(failure)) throw NotEncodable(fmt::format("its normalizer failed ({})", u_errorName(failure)));
    return out;
  });
}

void Normalizer::add_replacement(JsonValue normalizer) {
  const std::string what = member_text(member(normalizer, "pattern"), "String");
  const std::string by = member_text(normalizer, "content");
  if (what.empty()) throw NotEncodable("its normalizer replaces nothing");
  steps_.push_back([what, by](const std::string& text) { return replaced_all(text, what, by); });
}

}  // namespace stockpot::tokenizer
