// Output as one HDF5 file, model.h5, that all ranks write together through parallel HDF5.
//
// HDF5 and MPI belong to a rank's main thread, so workers hand their writes to it: this is the format for people who
// want HDF5, not the fast one.
#pragma once

#include <memory>
#include <vector>

#include "io/tensor_sink.hpp"

namespace stockpot::io {

inline constexpr const char* hdf5_file_name = "model.h5";

class Hdf5Sink final : public TensorSink {
 public:
  /// @param on_main  see OnMainThread; the other members are called by the main thread anyway.
  Hdf5Sink(OutputLayout layout, OnMainThread on_main);
  ~Hdf5Sink() override;

  std::vector<std::string> left_out() const override;

  /// Collective. Without MPI (Communicator::alone) the library's serial driver is used.
  void prepare(const comm::Communicator& comm) override;
  void write(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) override;
  void finish(const comm::Communicator& comm) override;
  /// Tensors in the order of their data in the file.
  std::vector<TensorFile> files() const override;

 private:
  struct OpenFile;

  OutputLayout layout_;
  OnMainThread on_main_;
  std::string path_;
  TensorFile description_;
  std::unique_ptr<OpenFile> open_;
};

}  // namespace stockpot::io
