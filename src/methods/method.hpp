// What a merge method is: a pure function of tiles. It has never heard of ranks or files.
//
// A method first observes tiles into tallies, zero or more passes over its group of tensors; between passes it
// concludes from the tally of the whole group; then it merges tiles, element by element. Who holds which tile, and in
// what order tiles come, is not its business: what it learns comes through Totals, which are the same for everyone, or
// belongs to the very tiles that it sees (Needs::gathers).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bfloat16.hpp"
#include "core/random.hpp"
#include "core/range.hpp"
#include "core/tensor.hpp"
#include "methods/lanes.hpp"
#include "methods/settings.hpp"

namespace stockpot::methods {

/// What varies by tensor: comes with every tile of it.
struct OutputTensor {
  std::string name;
  Shape shape;
  std::uint64_t elements = 0;
  std::uint64_t row_elements = 0;
  Settings settings;
  std::vector<RandomStream> masks;   ///< dropout stream of each participating model
  std::vector<RandomStream> ties;    ///< what orders equal magnitudes of each participating model (tie_break: hash)
  RandomStream joint_ties;           ///< the same for a vector that belongs to no single model
  std::uint64_t first_in_group = 0;  ///< flat index of its first element when the group's tensors are laid end to end
  std::uint32_t place_in_group = 0;  ///< of this tensor among the group's, ascending by name
};

/// What observe() of some elements may leave for later passes over them and for merge(): Needs::note_bits for each
/// element and model. One plane for each model, in which the bits of eight elements are whole bytes. Null where nothing is
/// kept: a method then works out again what it would have noted.
struct Notes {
  std::uint8_t* planes = nullptr;
  std::size_t stride = 0;  ///< bytes from one model's plane to the next one's
  unsigned bits = 0;       ///< of an element in a plane

  explicit operator bool() const { return planes != nullptr; }
  std::uint8_t* of(std::size_t model) const { return planes + model * stride; }
  /// Those of the elements from `element` on, a multiple of 8.
  Notes from(std::uint64_t element) const { return {planes ? planes + element / 8 * bits : nullptr, stride, bits}; }
};

/// A run of one output tensor's elements, for every model that takes part in it, as values of type T: float or double, or
/// Bfloat16 where that is how all of them are stored and the result will be.
/// Where a tensor's tiles begin and end follows from its shape and the method's granularity alone: see tile_elements().
template <class T>
struct Tile {
  const OutputTensor& tensor;
  ElementRange range;
  const T* base_values;                    ///< range.count values, or nullptr for a method without base
  std::span<const T* const> model_values;  ///< one pointer to range.count values per model, in configuration order
  /// Of these elements: there for all of a Method's passes and merge(), or for none, and then written by nobody else. What
  /// they hold before the first pass is anything.
  Notes notes = {};

  std::size_t size() const { return range.count; }
  std::size_t models() const { return model_values.size(); }
  std::span<const T> base() const { return {base_values, size()}; }
  std::span<const T> model(std::size_t m) const { return {model_values[m], size()}; }
};

/// How much a pass counts and sums.
struct TallyShape {
  /// 64-bit counters of the group: histograms; added in any order.
  std::size_t counts = 0;
  /// float64 sums per tile, added over the tiles of a tensor in a fixed tree.
  std::size_t sums = 0;
  /// Largest values per tensor, at least 0; NaN counts as the largest.
  std::size_t maxima = 0;
};

/// Where observe() adds up. `counts` may already hold other tiles' counts; `sums` and `maxima` belong to one tile, and hold
/// what earlier pieces of it left there.
struct TallyPart {
  std::span<std::uint64_t> counts;
  std::span<Lanes> sums;
  std::span<double> maxima;
};

/// The larger of two magnitudes, of which NaN is the largest.
inline double larger_magnitude(double a, double b) { return b > a || b != b ? b : a; }

/// The tally of the whole group.
struct Totals {
  std::span<const std::uint64_t> counts;
  std::span<const double> sums;           ///< of all tensors: their totals added in ascending order of name
  std::span<const double> tensor_sums;    ///< TallyShape::sums values for each tensor, by OutputTensor::place_in_group
  std::span<const double> tensor_maxima;  ///< TallyShape::maxima values for each tensor
};

/// What a pass does with elements that are not finite, and so who has to search for them where they are an error.
enum class NonfiniteInput {
  refused,  ///< it cannot bear them: they are searched for before
  in_sums,  ///< some sum of a tile that has any is not finite: such tiles are searched
  counted,  ///< it takes them as it takes others: they are searched for while they are merged
};

/// One merge of one group of tensors. observe() and merge() are called from several threads at once, on different
/// tiles; next_pass() and conclude() from one thread while no tile is in flight.
class Method {
 public:
  virtual ~Method() = default;
  /// What the next pass adds up, or nothing when the method is ready to merge. Depends on the Totals seen so far only.
  virtual std::optional<TallyShape> next_pass() const { return std::nullopt; }
  /// Whether the coming pass needs these elements: a pass that does not can leave them unread. A pass with sums or maxima
  /// needs all.
  virtual bool wants(const OutputTensor&, ElementRange) const { return true; }
  /// A tile, or the pieces of it in order, each but the last a multiple of 8 elements. Methods of rows are given whole
  /// tiles.
  virtual void observe(const Tile<float>&, TallyPart) const {}
  virtual void observe(const Tile<double>&, TallyPart) const {}
  virtual void conclude(const Totals&) {}
  /// A tile or a piece of one, of whole rows for methods of rows.
  /// @param out  in.size() values; overlaps no input.
  virtual void merge(const Tile<float>& in, std::span<float> out) const = 0;
  virtual void merge(const Tile<double>& in, std::span<double> out) const = 0;
  /// Whether the coming pass, or merge() when there is none, can be given stored elements as well. It then does with them
  /// what it does with them widened, and narrows what it merges: the same bits, without values that go through memory.
  virtual bool takes_stored() const { return false; }
  /// Whether merge() makes something that is not finite of every element of which any source is not, or at least of one of
  /// the group's if there are such. The engine then looks at results alone.
  virtual bool shows_nonfinite() const { return false; }
  /// What the coming pass does with stored elements that are not finite; of decoded ones everybody knows.
  virtual NonfiniteInput nonfinite_input() const { return NonfiniteInput::refused; }
  virtual void observe(const Tile<Bfloat16>&, TallyPart) const {}
  virtual void merge(const Tile<Bfloat16>&, std::span<Bfloat16>) const {}
  /// Remarks for the report once the method is ready: "t was negative in 3 rows, least -0.2". Empty as a rule.
  virtual std::vector<std::string> remarks() const { return {}; }
};

/// Lets a method be written once for float and double tiles: Derived has templates observe_tile and merge_tile. If these
/// take Tile<Bfloat16>, too, it says `static constexpr bool stored = true`; if shows_nonfinite(), `absorbing`; and `in_passes`
/// where that is one NonfiniteInput for all of them.
template <class Derived>
class TileMethod : public Method {
 public:
  void observe(const Tile<float>& in, TallyPart part) const override { self().observe_tile(in, part); }
  void observe(const Tile<double>& in, TallyPart part) const override { self().observe_tile(in, part); }
  void merge(const Tile<float>& in, std::span<float> out) const override { self().merge_tile(in, out); }
  void merge(const Tile<double>& in, std::span<double> out) const override { self().merge_tile(in, out); }
  bool takes_stored() const override { return Derived::stored; }
  bool shows_nonfinite() const override { return Derived::absorbing; }
  NonfiniteInput nonfinite_input() const override { return Derived::in_passes; }
  void observe(const Tile<Bfloat16>& in, TallyPart part) const override {
    if constexpr (Derived::stored) self().observe_tile(in, part);
  }
  void merge(const Tile<Bfloat16>& in, std::span<Bfloat16> out) const override {
    if constexpr (Derived::stored) self().merge_tile(in, out);
  }

  static constexpr bool stored = false;
  static constexpr bool absorbing = false;
  static constexpr NonfiniteInput in_passes = NonfiniteInput::refused;

 protected:
  template <class T>
  void observe_tile(const Tile<T>&, TallyPart) const {}  // methods with passes hide this one

 private:
  const Derived& self() const { return static_cast<const Derived&>(*this); }
};

/// What a tile must hold whole.
enum class Granularity { block, row };

/// Elements of a tile (the last one of a tensor may be shorter): a block; or as many whole rows, a power of two, as fit a
/// block, at least one. A power of two, because then every run of rows that ends at a block's end too holds whole tiles.
inline std::uint64_t tile_elements(Granularity granularity, std::uint64_t row_elements) {
  if (granularity == Granularity::block || row_elements == 0) return block_elements;
  return std::bit_floor(std::max<std::uint64_t>(1, block_elements / row_elements)) * row_elements;
}

/// The tensors that share one Method object and its totals. A method without passes has no use for `model`.
enum class GroupScope { tensor, model };
enum class BaseUse { none, optional, required };

/// What an output tensor becomes when some of its sources lack it.
enum class AbsentRule {
  merge_present,  ///< merge over the models that have it
  task_vectors,   ///< base must have it; models that lack it take no part; none has it: copy base
  single_copied,  ///< exactly one holder: copy it; else all must hold it
  base_or_all,    ///< base only: copy base; else base and at least two others
  exactly_one,    ///< exactly one holder
};

/// What happens to a tensor of the embedding class whose shape is not the same in all models.
enum class CutRule {
  common,  ///< all are cut to the leading submatrix that they have in common
  base,    ///< models are cut to the base's shape, which none may fall short of
};

/// What a Method may know when it is made: about its group, the same on every rank.
struct GroupInfo {
  std::uint64_t elements = 0;  ///< of all tensors of the group
  std::size_t tensors = 1;
  std::size_t models = 0;  ///< that take part, base excluded
  bool float64 = false;    ///< some tile of the group is Tile<double>
  Shape shape = {};        ///< of its first tensor
};

/// What one group asks of the engine.
struct Needs {
  /// Statistics passes over the data: as a rule, for planning. next_pass() decides.
  int passes = 0;
  /// The most of each part in any pass.
  TallyShape tally;
  /// Bits that observe() would like to leave for each element and model: Tile::notes. Granted where memory has them.
  unsigned note_bits = 0;
  /// observe() leaves more in the Method than the tally says: totals of an earlier attempt do not stand for a pass.
  bool gathers = false;
  /// Every tile of the group must be observed and merged on the same rank.
  bool one_rank = false;
  /// Memory that the Method itself allocates and holds between passes, on each rank.
  std::uint64_t state_bytes = 0;
  /// Memory that conclude() allocates beyond that while it runs. Several groups may conclude at once.
  std::uint64_t workspace_bytes = 0;
};

/// The record that makes a method known: recipes, help, checks and plans all read it.
struct MethodSpec {
  std::string_view name;
  std::string_view summary;  ///< one line
  std::string_view formula;  ///< plain text, may have several lines
  std::string_view source;   ///< the paper
  BaseUse base = BaseUse::none;
  std::size_t min_models = 1;  ///< base excluded, also where the base is a listed model (slerp: 1)
  std::size_t max_models = std::numeric_limits<std::size_t>::max();
  AbsentRule absent = AbsentRule::merge_present;
  CutRule cut = CutRule::common;
  /// A model whose parameter "weight" is 0 adds zeros to sums that began at +0, to nothing else: as long as its values are
  /// finite it changes no bit, and the planner leaves it out.
  bool skips_weight_0 = false;
  std::vector<ParameterSpec> parameters;

  /// Called at plan time for every distinct Settings, after ranges were checked one by one: throws Error(recipe) for
  /// combinations that cannot work, with context "model" the place of the model if it is about one. Returns warnings.
  std::vector<std::string> (*check)(const Settings&) = nullptr;
  Granularity (*granularity)(const Settings&) = nullptr;        ///< null: block
  GroupScope (*scope)(const Settings&) = nullptr;               ///< null: tensor
  Needs (*needs)(const Settings&, const GroupInfo&) = nullptr;  ///< null: nothing
  /// True if the result is the only model's bytes unchanged: the engine then copies, whatever the type.
  bool (*copies)(const Settings&) = nullptr;  ///< null: false
  /// @param settings  of the group's first tensor; for GroupScope::model the planner has checked that the parameters do
  /// not vary.
  std::unique_ptr<Method> (*make)(const Settings& settings, const GroupInfo&) = nullptr;
};

template <class M>
std::unique_ptr<Method> make_method(const Settings& settings, const GroupInfo& group) {
  return std::make_unique<M>(settings, group);
}

/// Every method, in the order in which they are listed to users.
std::span<const MethodSpec* const> all_methods();
/// @return nullptr if there is none of that name. Aliases count.
const MethodSpec* find_method(std::string_view name);

}  // namespace stockpot::methods
