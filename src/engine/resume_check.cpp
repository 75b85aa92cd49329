#include "engine/resume_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "comm/agree.hpp"
#include "core/bytes.hpp"
#include "engine/input_files.hpp"
#include "engine/workers.hpp"
#include "io/tensor_sink.hpp"

namespace stockpot::engine {
namespace {

constexpr std::uint64_t one_of = 100;
constexpr std::uint64_t piece_elements = 16 * block_elements;

/// One in a hundred, others in each attempt, at least one.
std::vector<std::uint32_t> sample(const std::vector<std::uint32_t>& units, std::uint32_t attempt) {
  std::vector<std::uint32_t> some;
  for (std::size_t i = attempt % std::min<std::uint64_t>(one_of, units.size()); i < units.size(); i += one_of) {
    some.push_back(units[i]);
  }
  return some;
}

std::vector<std::uint32_t> done_units(const Continuation& continuation) {
  std::vector<std::uint32_t> units;
  for (std::uint32_t u = 0; u < continuation.done.size(); ++u) {
    if (continuation.done[u] != 0) units.push_back(u);
  }
  return units;
}

class Check {
 public:
  Check(const comm::Communicator& comm, const Stage& stage, const io::OutputPlaces& places, std::uint32_t threads,
        Lookout& lookout, const Continuation& continuation)
      : comm_(comm),
        stage_(stage),
        units_(plan::cut_units(stage.plan, continuation.unit_bytes)),
        places_(places),
        threads_(threads),
        lookout_(lookout),
        continuation_(continuation) {}

  /// Collective. Those of `units` that differ, ascending, on every rank.
  std::vector<std::uint32_t> differing(const std::vector<std::uint32_t>& units) const {
    std::string mine;
    comm::agree_on_work(comm_, [&] { mine = digest_share(units); });
    const std::vector<std::string> parts = comm_.gather(mine);
    const std::string packed = comm::on_root(comm_, [&] { return compare(parts); });
    std::vector<std::uint32_t> bad;
    for (ByteReader in(packed); !in.done();) bad.push_back(static_cast<std::uint32_t>(in.number()));
    std::ranges::sort(bad);
    return bad;
  }

  std::string place_of(std::uint32_t unit) const {
    const plan::Unit& at = units_[unit];
    const TensorInfo& info = stage_.plan.tensors[at.tensor].output;
    const auto& place = places_.places[at.tensor];
    return fmt::format("{} in {}, {} bytes at {}", printable(info.name), path_of(place),
                       bytes_of(info.dtype, at.range.count), place.offset + bytes_of(info.dtype, at.range.first));
  }

 private:
  std::string path_of(const io::OutputPlaces::Place& place) const {
    return continuation_.data_directory + "/" + places_.files[place.file].name;
  }

  std::string digest_share(const std::vector<std::uint32_t>& units) const {
    std::vector<std::uint32_t> share;
    for (std::size_t i = static_cast<std::size_t>(comm_.rank()); i < units.size();
         i += static_cast<std::size_t>(comm_.size())) {
      share.push_back(units[i]);
    }
    InputFiles files(posix_source());
    Workers workers(threads_, [&] { return lookout_.look_around_or_stop(); });
    std::vector<std::string> results(share.size());
    workers.run(share.size(), [&](std::size_t, std::size_t i) {
      ByteWriter out;
      out.number(share[i]);
      for (const io::Digest& digest : digests_of(share[i], files)) {
        out.text({reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()});
      }
      results[i] = out.take();
    });
    ByteWriter all;
    for (const std::string& result : results) all.text(result);
    return all.take();
  }

  std::vector<io::Digest> digests_of(std::uint32_t unit, InputFiles& files) const {
    const plan::Unit& at = units_[unit];
    const DType dtype = stage_.plan.tensors[at.tensor].output.dtype;
    const auto& place = places_.places[at.tensor];
    const auto file = files.get(path_of(place));
    io::DigestTree tree;
    std::vector<std::byte> bytes;
    for (std::uint64_t first = at.range.first; first < at.range.end(); first += piece_elements) {
      const ElementRange piece{first, std::min(piece_elements, at.range.end() - first)};
      bytes.resize(bytes_of(dtype, piece.count));
      file->read_at(place.offset + bytes_of(dtype, first), bytes);
      io::digest_blocks(dtype, piece, bytes, tree);
    }
    return io::digests_left_to_right(tree);
  }

  /// Rank 0.
  std::string compare(const std::vector<std::string>& parts) const {
    ByteWriter bad;
    for (const std::string& part : parts) {
      for (ByteReader results(part); !results.done();) {
        const std::string result = results.text();
        ByteReader in(result);
        const auto unit = static_cast<std::uint32_t>(in.number());
        std::string found, expected;
        while (!in.done()) found += in.text();
        for (const io::Digest& digest : continuation_.digests.at(unit)) {
          expected.append(reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size());
        }
        if (found != expected) bad.number(unit);
      }
    }
    return bad.take();
  }

  const comm::Communicator& comm_;
  const Stage& stage_;
  std::vector<plan::Unit> units_;
  const io::OutputPlaces& places_;
  std::uint32_t threads_;
  Lookout& lookout_;
  const Continuation& continuation_;
};

}  // namespace

void check_done_units(const comm::Communicator& comm, const Stage& stage, const io::OutputPlaces& places,
                      ResumeCheck how, std::uint32_t threads, Lookout& lookout, Continuation& continuation) {
  const std::vector<std::uint32_t> units = done_units(continuation);
  if (units.empty() || how == ResumeCheck::none) return;
  const Check check(comm, stage, places, threads, lookout, continuation);
  std::vector<std::uint32_t> bad =
      check.differing(how == ResumeCheck::all ? units : sample(units, continuation.attempt));
  if (!bad.empty() && how == ResumeCheck::sample) bad = check.differing(units);
  if (bad.empty()) return;
  comm::agree(comm, [&] {
    if (comm.is_root()) revoke(bad, Revoked::damaged, stage.fingerprint, continuation);
  });
  for (const std::uint32_t unit : bad) {
    if (comm.is_root()) {
      continuation.remarks.push_back("made again, its staged bytes are not what was written: " + check.place_of(unit));
    }
    continuation.forget(unit);
  }
}

}  // namespace stockpot::engine
