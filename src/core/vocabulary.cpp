#include "core/vocabulary.hpp"

#include "core/bytes.hpp"

namespace stockpot {

std::string OutputVocabulary::pack() const {
  ByteWriter out;
  out.number(tokens);
  out.number(rows);
  out.number(own_ids.size());
  for (const auto& ids : own_ids) {
    out.text({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(std::int32_t)});
  }
  out.text({reinterpret_cast<const char*>(used.data()), used.size()});
  for (const Override& o : overrides) {
    out.number(o.id);
    out.number(static_cast<std::uint64_t>(o.kind));
    out.number(o.model);
    out.number(o.row);
    out.number(o.force ? 1 : 0);
  }
  return out.take();
}

OutputVocabulary OutputVocabulary::unpack(std::string_view packed) {
  ByteReader in(packed);
  OutputVocabulary v;
  v.tokens = in.number();
  v.rows = in.number();
  v.own_ids.resize(in.number());
  for (auto& ids : v.own_ids) {
    const std::string bytes = in.text();
    ids.resize(bytes.size() / sizeof(std::int32_t));
    std::memcpy(ids.data(), bytes.data(), bytes.size());
  }
  const std::string used = in.text();
  v.used.assign(used.begin(), used.end());
  while (!in.done()) {
    Override o;
    o.id = static_cast<std::uint32_t>(in.number());
    o.kind = static_cast<Override::Kind>(in.number());
    o.model = static_cast<std::uint32_t>(in.number());
    o.row = in.number();
    o.force = in.number() != 0;
    v.overrides.push_back(o);
  }
  return v;
}

}  // namespace stockpot
