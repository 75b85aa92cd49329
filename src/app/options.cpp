// Boost.Program_options takes the line apart; the table says what may stand in it.
#include "app/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdio>
#include <utility>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace stockpot::app {
namespace {

namespace po = boost::program_options;

bool takes_value(Takes takes) {
  return takes == Takes::value || takes == Takes::values || takes == Takes::value_of_no_note;
}
bool has_no_form(Takes takes) {
  return takes == Takes::toggle || takes == Takes::nothing_of_note || takes == Takes::choice;
}
bool is_letter(const std::string& spelling) { return spelling.size() == 1; }
std::string dashed(const std::string& spelling) {
  return fmt::format("{}{}", is_letter(spelling) ? "-" : "--", spelling);
}

std::vector<std::string> spellings(const Option& option) {
  std::vector<std::string> all{option.name};
  all.insert(all.end(), option.also.begin(), option.also.end());
  return all;
}

/// One spelling of an option and what it stands for.
struct Spelling {
  const Option* option = nullptr;
  bool on = true;
};

/// A line with what every command takes.
CommandLine with_common_options(CommandLine line) {
  line.groups.push_back({"messages",
                         {{.name = "diagnostics",
                           .value_name = "text|json",
                           .help = "json: warnings and errors as one JSON object on each line of stderr"}}});
  return line;
}

/// By the key under which Boost reports it: without dashes for long names, "-j" for letters.
std::map<std::string, Spelling> spelling_table(const CommandLine& line) {
  std::map<std::string, Spelling> table;
  for (const OptionGroup& group : line.groups) {
    for (const Option& option : group.options) {
      for (const std::string& spelling : spellings(option)) {
        table[is_letter(spelling) ? dashed(spelling) : spelling] = {&option, true};
        if (has_no_form(option.takes) && !is_letter(spelling)) table[fmt::format("no-{}", spelling)] = {&option, false};
      }
    }
  }
  return table;
}

po::options_description grammar_of(const std::map<std::string, Spelling>& table) {
  po::options_description grammar;
  for (const auto& [key, spelling] : table) {
    const std::string names = key.front() == '-' ? fmt::format(",{}", key.substr(1)) : key;
    const bool may_have_value = spelling.option->takes == Takes::choice && spelling.on;
    if (takes_value(spelling.option->takes) || may_have_value) {
      grammar.add_options()(names.c_str(), po::value<std::string>());
    } else {
      grammar.add_options()(names.c_str(), "");
    }
  }
  grammar.add_options()("help,h", "");
  return grammar;
}

std::string label(const Option& option) {
  std::string text;
  for (const std::string& spelling : option.also) {
    if (is_letter(spelling)) text += fmt::format("{}, ", dashed(spelling));
  }
  text += fmt::format("--{}{}", has_no_form(option.takes) ? "[no-]" : "", option.name);
  for (const std::string& spelling : option.also) {
    if (!is_letter(spelling)) text += fmt::format(", --{}", spelling);
  }
  if (takes_value(option.takes)) text += fmt::format(" {}", option.value_name);
  if (option.takes == Takes::choice) text += fmt::format("[={}]", option.value_name);
  return text;
}

/// Wrapped at spaces to lines of about 100 characters; line ends stay.
std::string paragraph(const std::string& text, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string lines = margin;
  std::size_t column = indent;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t next_space = std::min(text.find_first_of(" \n", at + 1), text.size());
    const bool is_full = text[at] == ' ' && column + (next_space - at) > 100;
    if (text[at] == '\n' || is_full) {
      lines += fmt::format("\n{}", margin);
      column = indent;
    } else {
      lines += text[at];
      ++column;
    }
  }
  lines += '\n';
  return lines;
}

}  // namespace

/// Fills a Values from a line. Apart from the free functions because only it may.
class LineReader {
 public:
  LineReader(const CommandLine& line, const Variables& variables) : line_(line), table_(spelling_table(line)) {
    read_defaults(variables);
  }

  /// @return false if help was asked for.
  bool read(Arguments arguments) {
    for (const po::option& found : take_apart(arguments)) {
      if (found.position_key != -1) {
        values_.arguments_.insert(values_.arguments_.end(), found.value.begin(), found.value.end());
      } else if (found.string_key == "help" || found.string_key == "-h") {
        return false;
      } else {
        note(table_.at(found.string_key), found);
      }
    }
    check_arguments();
    add_notice();
    return true;
  }

  Values take() { return std::move(values_); }

 private:
  void read_defaults(const Variables& variables) {
    for (const OptionGroup& group : line_.groups) {
      for (const Option& option : group.options) {
        if (option.takes == Takes::toggle) values_.toggles_[option.name] = option.on;
        if (option.variable.empty()) continue;
        if (auto value = variables(option.variable))
          values_.values_[option.name] = {{*std::move(value)}, option.variable};
      }
    }
  }

  std::vector<po::option> take_apart(Arguments arguments) const {
    const po::options_description grammar = grammar_of(table_);
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    // Boost's implicit values would take the next word, which is an argument.
    const auto choice_alone = [this](const std::string& word) -> std::pair<std::string, std::string> {
      const auto found = word.starts_with("--") ? table_.find(word.substr(2)) : table_.end();
      if (found == table_.end() || found->second.option->takes != Takes::choice || !found->second.on) return {};
      return {found->first, found->second.option->implied};
    };
    try {
      return po::command_line_parser({arguments.begin(), arguments.end()})
          .options(grammar)
          .style(style)
          .extra_parser(choice_alone)
          .run()
          .options;
    } catch (const po::unknown_option& unknown) {
      throw unknown_option(unknown.get_option_name());
    } catch (const po::error& mistake) {
      throw Error(ErrorKind::usage, printable(mistake.what())).hint(help_hint());
    }
  }

  Error unknown_option(const std::string& word) const {
    std::vector<std::string> known{"--help"};
    for (const auto& [key, spelling] : table_) known.push_back(key.front() == '-' ? key : dashed(key));
    const std::string near = did_you_mean(word, known);
    return Error(ErrorKind::usage, fmt::format("unknown option '{}' of '{}'", printable(word), line_.name))
        .hint(near.empty() ? help_hint() : near);
  }

  void note(const Spelling& spelling, const po::option& found) {
    const Option& option = *spelling.option;
    const std::string place = found.original_tokens.empty() ? dashed(option.name) : found.original_tokens.front();
    switch (option.takes) {
      case Takes::toggle:
        values_.toggles_[option.name] = spelling.on;
        values_.values_[option.name] = {{}, place};
        break;
      case Takes::value:
        values_.values_[option.name] = {found.value, place};
        break;
      case Takes::choice:
        if (!spelling.on) {
          values_.values_[option.name] = {{"none"}, place};
        } else {
          values_.values_[option.name] = {found.value, place};
        }
        break;
      case Takes::values:
      case Takes::repeat: {
        auto& given = values_.values_[option.name];
        given.place = place;
        given.texts.insert(given.texts.end(), found.value.begin(), found.value.end());
        if (option.takes == Takes::repeat) given.texts.emplace_back();
        break;
      }
      case Takes::nothing_of_note:
      case Takes::value_of_no_note: {
        const bool is_what_happens =
            !spelling.on || (option.name == "device" && (found.value == Words{"cpu"} || found.value == Words{"auto"}));
        if (!is_what_happens) without_effect_.push_back(dashed(found.string_key));
        break;
      }
    }
  }

  void check_arguments() const {
    const auto& wanted = line_.arguments;
    const auto& got = values_.arguments_;
    if (got.size() > wanted.size()) {
      throw Error(ErrorKind::usage, fmt::format("one argument too many: '{}'", printable(got[wanted.size()])))
          .hint(help_hint());
    }
    if (got.size() < wanted.size() && wanted[got.size()].front() != '[') {
      throw Error(ErrorKind::usage, fmt::format("{} is missing", wanted[got.size()])).hint(help_hint());
    }
  }

  void add_notice() {
    if (without_effect_.empty()) return;
    values_.notices_.push_back(
        remark_of(fmt::format("OPT010: accepted, without effect in Stockpot: {}", fmt::join(without_effect_, ", ")),
                  Severity::info));
  }

  std::string help_hint() const { return fmt::format("'stockpot {} --help' shows what it takes", line_.name); }

  using Words = std::vector<std::string>;
  const CommandLine& line_;
  std::map<std::string, Spelling> table_;
  Words without_effect_;
  Values values_;
};

std::optional<Values> read_line(const CommandLine& line, Arguments arguments, const Variables& variables) {
  const CommandLine whole = with_common_options(line);
  LineReader reader(whole, variables);
  if (!reader.read(arguments)) {
    std::fputs(help_text(line).c_str(), stdout);
    return std::nullopt;
  }
  Values values = reader.take();
  values.choice("diagnostics", {"text", "json"});
  return values;
}

std::string help_text(const CommandLine& line) {
  std::string text = fmt::format("usage: stockpot {}", line.name);
  for (const std::string& argument : line.arguments) text += fmt::format(" {}", argument);
  text += fmt::format(" [options]\n\n{}", paragraph(line.purpose, 0));
  for (const OptionGroup& group : with_common_options(line).groups) {
    text += fmt::format("\n{}:\n", group.title);
    for (const Option& option : group.options) {
      text += fmt::format("  {}\n{}", label(option), paragraph(option.help, 6));
      if (!option.variable.empty()) text += fmt::format("      environment: {}\n", option.variable);
    }
  }
  return text + "\n  -h, --help\n      this text\n";
}

}  // namespace stockpot::app
