// An owned file descriptor: closed once, moved but never copied.
#pragma once

#include <string>
#include <utility>

namespace stockpot::io {

class Descriptor {
 public:
  explicit Descriptor(int raw = -1) : raw_(raw) {}
  Descriptor(Descriptor&& other) noexcept : raw_(std::exchange(other.raw_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Descriptor();

  int raw() const { return raw_; }
  /// Reports what a destructor cannot: network file systems and quotas speak up here. @throws Error(storage or
  /// no_space).
  void close(const std::string& path);

 private:
  int raw_;
};

}  // namespace stockpot::io
