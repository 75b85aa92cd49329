// Base of our SAX readers of JSON: everything is refused unless a reader says otherwise; nesting is counted and
// limited.
//
// Why not the DOM of nlohmann-json: it keeps the last of two equal keys in silence, accepts a byte-order mark and what
// follows a NUL, and needs ten times the memory of the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace stockpot::io {

class JsonEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  /// @param path, code  for messages: the file, and the error class of text that is no JSON.
  JsonEvents(std::string_view path, std::string_view code, std::size_t depth_limit);

  /// Reads `text`, calling the functions below. @throws Error(corrupt_input)
  /// @param first_byte  where the text begins in its file, for messages.
  void read(std::string_view text, std::uint64_t first_byte = 0);

 protected:
  /// A container begins inside `depth()` others, of a kind that this place allows, or refuse().
  virtual void begin(bool is_object) = 0;
  virtual void end() = 0;
  virtual void on_key(std::string& name) = 0;
  virtual void on_text(std::string&) { refuse_value(); }
  virtual void on_unsigned(std::uint64_t) { refuse_value(); }
  virtual void on_null() { refuse_value(); }
  /// A number that is no plain unsigned integer (1.0, -0, 2^64), as the text spells it.
  virtual void on_number(const std::string&) { on_other(); }
  virtual void on_boolean(bool) { on_other(); }
  /// The last two, for readers to whom they are alike.
  virtual void on_other() { refuse_value(); }

  std::size_t depth() const { return depth_; }
  [[noreturn]] virtual void refuse(std::string_view code, const std::string& sentence) const;
  [[noreturn]] virtual void refuse_value() const;
  const std::string& path() const { return path_; }

 private:
  bool null() final { return on_null(), true; }
  bool boolean(bool value) final { return on_boolean(value), true; }
  /// Negative, or "-0", whose sign the value has lost.
  bool number_integer(std::int64_t value) final { return on_number(value == 0 ? "-0" : std::to_string(value)), true; }
  bool number_unsigned(std::uint64_t value) final { return on_unsigned(value), true; }
  bool number_float(double, const std::string& spelling) final { return on_number(spelling), true; }
  bool string(std::string& value) final { return on_text(value), true; }
  bool binary(nlohmann::json::binary_t&) final { return false; }
  bool key(std::string& name) final { return on_key(name), true; }
  bool start_object(std::size_t) final { return enter(true); }
  bool end_object() final { return leave(); }
  bool start_array(std::size_t) final { return enter(false); }
  bool end_array() final { return leave(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) final;
  bool enter(bool is_object);
  bool leave();

  std::string path_, code_;
  std::size_t depth_limit_, depth_ = 0;
  std::uint64_t first_byte_ = 0, end_byte_ = 0;
};

}  // namespace stockpot::io
