// PyTorch files made by hand, so that tests depend on nobody's writer: pickles as opcodes, zip files record by record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stockpot::test {

inline std::string little(std::uint64_t value, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

// ---- values, as opcodes
inline std::string pickled(std::string_view text) { return std::string("X") + little(text.size(), 4) + std::string(text); }
inline std::string pickled(std::int32_t number) { return std::string("J") + little(static_cast<std::uint32_t>(number), 4); }
inline std::string pickled_tuple(const std::vector<std::string>& items) {
  std::string all = "(";
  for (const auto& item : items) all += item;
  return all + "t";
}
inline std::string pickled_tuple(const std::vector<std::int32_t>& numbers) {
  std::string all = "(";
  for (const auto number : numbers) all += pickled(number);
  return all + "t";
}
/// A storage of floats under data/0.
inline std::string float_storage(std::int32_t elements) {
  return pickled_tuple(
             {pickled("storage"), "ctorch\nFloatStorage\n", pickled("0"), pickled("cpu"), pickled(elements)}) +
         "Q";
}
inline std::string view_of(const std::string& storage, std::int32_t offset, const std::vector<std::int32_t>& size,
                           const std::vector<std::int32_t>& stride) {
  return std::string("ctorch._utils\n_rebuild_tensor_v2\n") +
         pickled_tuple({storage, pickled(offset), pickled_tuple(size), pickled_tuple(stride), "\x89", "}"}) + "R";
}
inline std::string pickle_of(const std::string& value) { return std::string("\x80\x02") + value + "."; }
inline std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string all = "}(";
  for (const auto& [key, value] : entries) all += pickled(key) + value;
  return all + "u";
}

// ---- files
struct ZipRecord {
  std::string name, content;
};
/// Stored records, the list of them, the end; no 64-bit records.
inline std::string zip_of(const std::vector<ZipRecord>& records) {
  std::string file, list;
  for (const auto& [name, content] : records) {
    const std::string sizes = little(content.size(), 4) + little(content.size(), 4) + little(name.size(), 2);
    list += std::string("PK\x01\x02") + std::string(16, '\0') + sizes + std::string(12, '\0') + little(file.size(), 4) + name;
    file += std::string("PK\x03\x04") + std::string(22, '\0') + little(name.size(), 2) + little(0, 2) + name + content;
  }
  const std::string count = little(records.size(), 2);
  return file + list + "PK\x05\x06" + little(0, 4) + count + count + little(list.size(), 4) + little(file.size(), 4) +
         little(0, 2);
}
/// A file whose state dict is `value`, with floats 0, 1, 2 ... under data/0.
inline std::string pytorch_bytes(const std::string& value, int floats) {
  std::string data;
  for (int i = 0; i < floats; ++i) {
    const auto number = static_cast<float>(i);
    data.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return zip_of({{"archive/data.pkl", pickle_of(value)}, {"archive/data/0", data}});
}

}  // namespace stockpot::test
