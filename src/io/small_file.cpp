#include "io/small_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <span>

#include "core/error.hpp"
#include "io/file_calls.hpp"
#include "io/posix_file.hpp"

namespace stockpot::io {

std::string read_file(const std::string& path, std::uint64_t limit_bytes) {
  const PosixSource source(path);
  if (source.size() > limit_bytes) {
    throw Error(ErrorKind::corrupt_input,
                fmt::format("{} bytes are more than the {} that such a file may have", source.size(), limit_bytes))
        .code("FMT005")
        .in_file(path);
  }
  std::string bytes(source.size(), '\0');
  source.read_at(0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

void write_file(const std::string& path, std::string_view bytes) {
  PosixSink sink = PosixSink::create(path, bytes.size());
  sink.write_at(0, std::as_bytes(std::span(bytes)));
  sink.sync();
  sink.close();
}

void replace_file(const std::string& path, std::string_view bytes) {
  const std::string made = path + ".new";
  file_calls().unlink(made.c_str());  // of an attempt that died here
  write_file(made, bytes);
  if (file_calls().rename(made.c_str(), path.c_str()) != 0) throw system_error(errno, "rename", path);
}

}  // namespace stockpot::io
