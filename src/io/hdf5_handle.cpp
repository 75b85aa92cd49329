#include "io/hdf5_handle.hpp"

#include <charconv>

namespace stockpot::io {
namespace {

/// The library puts the number of a failed system call into its sentence, and nowhere else.
int system_error_in(std::string_view reason) {
  constexpr std::string_view before_number = "errno = ";
  const auto at = reason.find(before_number);
  if (at == reason.npos) return 0;
  int number = 0;
  reason.remove_prefix(at + before_number.size());
  std::from_chars(reason.data(), reason.data() + reason.size(), number);
  return number;
}

herr_t take_innermost(unsigned depth, const H5E_error2_t* entry, void* into) {
  if (depth == 0 && entry->desc != nullptr) *static_cast<std::string*>(into) = entry->desc;
  return 0;
}

}  // namespace

void silence_hdf5() {
  H5dont_atexit();  // it would try again to close what could not be closed, and crash
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Error hdf5_error(std::string_view call, std::string_view path) {
  std::string reason = "no reason given";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, &reason);
  const int number = system_error_in(reason);
  if (number != 0 && system_error(number, call, path).kind() == ErrorKind::no_space) {
    return system_error(number, call, path).with("reason", reason);
  }
  return Error(ErrorKind::storage, std::string(call) + " failed").code("FMT060").in_file(path).with("reason", reason);
}

}  // namespace stockpot::io
