#include "engine/recorded_passes.hpp"

#include <algorithm>
#include <span>

#include "comm/agree.hpp"
#include "core/bytes.hpp"
#include "core/error.hpp"
#include "io/posix_file.hpp"
#include "plan/waves.hpp"

namespace stockpot::engine {
namespace {

void pack_reals(std::span<const double> values, ByteWriter& out) {
  for (const double value : values) out.real(value);
}

std::vector<double> unpack_reals(std::size_t count, ByteReader& in) {
  std::vector<double> values(count);
  for (double& value : values) value = in.real();
  return values;
}

std::uint64_t packed_bytes(methods::TallyShape shape, std::size_t tensors) {
  return sizeof(std::uint64_t) * (shape.counts + shape.sums + (shape.sums + shape.maxima) * tensors);
}

/// Empty if it cannot be read or is not what was recorded.
std::string read_place(const RecordedPasses::Place& place) {
  try {
    const io::PosixSource file(place.file);
    std::string packed(place.bytes, '\0');
    file.read_at(place.offset, std::as_writable_bytes(std::span(packed)));
    return io::digest_block(std::as_bytes(std::span(packed))) == place.digest ? packed : "";
  } catch (const Error&) {
    return "";
  }
}

}  // namespace

std::string pack_totals(const methods::Totals& totals) {
  ByteWriter out;
  for (const std::uint64_t count : totals.counts) out.number(count);
  pack_reals(totals.sums, out);
  pack_reals(totals.tensor_sums, out);
  pack_reals(totals.tensor_maxima, out);
  return out.take();
}

std::optional<OwnedTotals> unpack_totals(const std::string& packed, methods::TallyShape shape, std::size_t tensors) {
  if (packed.size() != packed_bytes(shape, tensors)) return std::nullopt;
  ByteReader in(packed);
  OwnedTotals totals;
  totals.counts.resize(shape.counts);
  for (std::uint64_t& count : totals.counts) count = in.number();
  totals.sums = unpack_reals(shape.sums, in);
  totals.tensor_sums = unpack_reals(shape.sums * tensors, in);
  totals.tensor_maxima = unpack_reals(shape.maxima * tensors, in);
  return totals;
}

bool is_worth_recording(const plan::MergePlan& plan, const plan::Schedule& schedule, std::uint32_t group,
                        const methods::Totals& totals) {
  constexpr std::uint64_t worth = 100;
  if (plan.groups[group].needs.gathers) return false;
  const std::vector<std::uint32_t>& tensors = plan.groups[group].tensors;
  if (tensors.size() > 1) return true;
  const auto of_tensor = std::ranges::equal_range(schedule.units, tensors.front(), {}, &plan::Unit::tensor);
  if (of_tensor.size() < 2) return false;
  std::uint64_t read = 0;
  for (const plan::Unit& unit : of_tensor) read += plan::read_bytes(plan, unit);
  const std::size_t values =
      totals.counts.size() + totals.sums.size() + totals.tensor_sums.size() + totals.tensor_maxima.size();
  return sizeof(std::uint64_t) * values < read / worth;
}

std::optional<OwnedTotals> RecordedPasses::read(const comm::Communicator& comm, bool shared, Key key,
                                                methods::TallyShape shape, const plan::Group& group) const {
  const auto place = places.find(key);  // alike on all ranks
  if (place == places.end() || place->second.bytes != packed_bytes(shape, group.tensors.size())) return std::nullopt;
  const std::string packed =
      shared ? comm::on_root(comm, [&] { return read_place(place->second); }) : read_place(place->second);
  return unpack_totals(packed, shape, group.tensors.size());
}

}  // namespace stockpot::engine
