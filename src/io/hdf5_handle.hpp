// Owned HDF5 identifiers, and one check for every call of that library.
#pragma once

#include <hdf5.h>

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.hpp"

namespace stockpot::io {

/// @tparam Close  the function that releases this kind of identifier.
template <auto Close>
class H5Handle {
 public:
  H5Handle() = default;
  explicit H5Handle(hid_t id) : id_(id) {}
  H5Handle(H5Handle&& other) noexcept : id_(other.release()) {}
  H5Handle& operator=(H5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~H5Handle() {
    if (id_ >= 0) Close(id_);
  }

  hid_t id() const { return id_; }
  /// Gives the identifier away: it is not closed here any more.
  hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

using H5File = H5Handle<&H5Fclose>;
using H5Group = H5Handle<&H5Gclose>;
using H5Dataset = H5Handle<&H5Dclose>;
using H5Space = H5Handle<&H5Sclose>;
using H5Type = H5Handle<&H5Tclose>;
using H5Attribute = H5Handle<&H5Aclose>;
using H5Properties = H5Handle<&H5Pclose>;

/// Before any other call of the library. It prints every failure to stderr unless told otherwise; ours travel as Error.
void silence_hdf5();

/// What the library knows about the call that has just failed, told by its innermost function.
Error hdf5_error(std::string_view call, std::string_view path);

/// Passes on what an HDF5 call returned. @throws Error(storage) if that says failure.
template <std::signed_integral Result>
Result h5_check(Result result, std::string_view call, std::string_view path) {
  if (result < 0) throw hdf5_error(call, path);
  return result;
}

}  // namespace stockpot::io
