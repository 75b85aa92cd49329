#include "io/hdf5_handle.hpp"

namespace stockpot::io {
namespace {

herr_t take_innermost(unsigned depth, const H5E_error2_t* entry, void* into) {
  if (depth == 0 && entry->desc != nullptr) *static_cast<std::string*>(into) = entry->desc;
  return 0;
}

}  // namespace

void silence_hdf5() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

Error hdf5_error(std::string_view call, std::string_view path) {
  std::string reason = "no reason given";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, &reason);
  return Error(ErrorKind::storage, std::string(call) + " failed").code("FMT060").in_file(path).with("reason", reason);
}

}  // namespace stockpot::io
