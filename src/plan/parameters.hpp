// The parameters of every output tensor, out of what the recipe says at its four places.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plan/participants.hpp"
#include "recipe/filter.hpp"

namespace stockpot::plan {

/// What parameters may depend on.
struct TensorPlace {
  std::string_view name;                        ///< of the output: what filters of the merge's parameters see
  std::span<const std::string_view> own_names;  ///< by input that is present: what filters of per-model parameters see
  double depth = 0.0;                           ///< t, at which gradients are read
  double layer_position = 0.0;                  ///< l / (L - 1), where `lines` has its beta
};

/// The settings of one tensor, and what its method makes of them.
struct Resolved {
  methods::Settings settings;
  /// `lines` with alpha: auto: what is to be added to alpha. The settings then have a factor of 1.
  std::optional<double> lines_offset = {};
  bool valid = true;  ///< false: a diagnostic says why, and what follows is not filled
  bool copies = false;
  methods::Granularity granularity = methods::Granularity::block;
  methods::GroupScope scope = methods::GroupScope::tensor;
};

/// What a method makes of settings that its check() accepts.
Resolved with_facts(methods::Settings settings);

/// A value and where it comes from, for those who ask.
struct Explained {
  std::string parameter;
  std::optional<std::uint32_t> input;  ///< index into Participants::inputs; nothing: of the merge
  std::string value;                   ///< as a recipe has it; empty: not set
  std::string origin;                  ///< "parameters of the slice", "default of the method"
  recipe::Position at;
};

/// A filter of the recipe, for finding out which ones match nothing anywhere.
struct FilterPlace {
  recipe::Position at;
  std::string filter;
  auto operator<=>(const FilterPlace&) const = default;
};

/// Looks parameters up: those of an override, the source, the slice, the module, the document, the method's fallback; the
/// first place that yields a value for the tensor wins. Parameters of the whole merge skip the source.
///
/// Tensors that the same filters match, at the same depth, with the same models share one Resolved: a model of 70,000
/// tensors has a few hundred.
class ParameterTable {
 public:
  /// Reports parameters that the method does not know or that stand where they are never read, and values of a wrong
  /// type.
  /// @param reported  what was reported already, by any table of the document.
  ParameterTable(const Participants& participants, recipe::Diagnostics& diagnostics, std::set<std::string>& reported);

  /// @param present  the inputs that take part, ascending indices into Participants::inputs.
  /// @return valid as long as the table. Mistakes are reported once each, with the first tensor that shows them.
  const Resolved& resolve(const TensorPlace& tensor, std::span<const std::uint32_t> present);

  /// All parameters of one tensor. @pre resolve() found nothing wrong with it.
  std::vector<Explained> explain(const TensorPlace& tensor, std::span<const std::uint32_t> present);

  /// Sorts the filters by whether they match any of the names.
  void judge_filters(std::span<const std::string_view> names, std::set<FilterPlace>& live,
                     std::set<FilterPlace>& idle) const;

 private:
  /// One parameter at one place, with its values as numbers.
  struct Entry {
    std::vector<recipe::Setting> cases;   // each without filter: a value or a gradient
    std::vector<recipe::Filter> filters;  // parallel to cases
    std::vector<recipe::Position> at;
    std::vector<std::vector<std::string>> texts;  // parallel to cases; ValueType::names only
    double alpha = 0.0, beta = 0.0;               // ValueType::layer_scale only
    bool automatic_alpha = false;
    bool filtered = false;
    std::string_view origin;    // of what its place is
    recipe::Position named_at;  // where the parameter's name stands
    bool valid = true;          // false: a value has the wrong type, which was reported
  };
  static constexpr std::uint32_t no_case = 0xffffffff;
  using Chain = std::vector<std::uint32_t>;  // indices into entries_, highest precedence first

  struct Place {
    const recipe::Parameters* parameters;
    std::string_view origin;
    bool of_source;
  };
  /// The name that an input's parameters are looked up by, as an index into matched_.
  using NameIndex = std::uint32_t;
  void read_place(const Place& place, std::vector<Chain>& chains);
  const methods::ParameterSpec* readable(const std::string& name, recipe::Position at, bool of_source);
  void advise_on(const recipe::Parameters::Name& key, bool of_source);
  void judge_base();
  void judge_list(const recipe::Parameters::Entry& written, const methods::ParameterSpec& parameter);
  void add_entry(const recipe::Parameters::Entry& written, const methods::ParameterSpec& parameter,
                 std::string_view origin, Chain& chain);
  void read_names(const recipe::Parameters::Entry& written, Entry& entry);
  void read_layer_scale(const recipe::Parameters::Entry& written, Entry& entry);
  void read_numbers(const recipe::Parameters::Entry& written, const methods::ParameterSpec& parameter, Entry& entry);
  void match_filters(const TensorPlace& tensor);
  std::vector<std::uint32_t> cases_matching(std::string_view name) const;
  void append_matches(NameIndex name, std::string& key) const;
  bool names_tensor(const Entry& entry, std::uint32_t matched, std::string_view tensor) const;
  Resolved evaluate(const TensorPlace& tensor, std::span<const std::uint32_t> present);
  /// The first entry of a chain that yields a value for the name, or nothing.
  std::optional<std::uint32_t> hit(const Chain& chain, NameIndex name) const;
  bool set(Resolved& resolved, std::size_t parameter, std::size_t place, std::uint32_t input,
           const TensorPlace& tensor);
  double value_of(const methods::ParameterSpec& parameter, std::uint32_t entry, NameIndex name,
                  const TensorPlace& tensor) const;
  bool report_missing(const methods::ParameterSpec& parameter, const Chain& chain, std::uint32_t input,
                      std::string_view tensor);
  bool check_range(const methods::ParameterSpec& parameter, double value, recipe::Position at, std::uint32_t input,
                   std::string_view tensor);
  bool check(const methods::Settings& settings, std::string_view tensor, std::span<const std::uint32_t> present);
  /// Where the value of a parameter stands for the tensor at hand: nowhere of its own, then where the method does.
  /// @param model  index into `present`; not read for parameters of the merge.
  recipe::Position place_of(std::string_view parameter, std::size_t model,
                            std::span<const std::uint32_t> present) const;
  void report_once(recipe::Severity severity, std::string_view code, recipe::Position at, const std::string& identity,
                   std::string message, std::string help = "");

  const Participants& participants_;
  recipe::Diagnostics& diagnostics_;
  std::vector<Entry> entries_;
  std::vector<std::vector<Chain>> chains_;  // [input][parameter]; parameters of the merge: those of the last row
  // Of the tensor at hand: its names, the output's first, each once; by name and entry the case that matches; and by
  // present input which of the names is its own.
  std::vector<std::string_view> names_;
  std::vector<std::vector<std::uint32_t>> matched_;
  std::vector<NameIndex> name_of_input_;
  std::unordered_map<std::string, Resolved> resolved_;
  std::set<std::string>& reported_;
};

}  // namespace stockpot::plan
