#include "io/hdf5_sink.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "comm/agree.hpp"
#include "core/bytes.hpp"
#include "io/hdf5_checkpoint.hpp"
#include "io/hdf5_types.hpp"
#include "io/posix_file.hpp"
#include "io/row_major_boxes.hpp"
#include "io/tree.hpp"

namespace stockpot::io {
namespace {

constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 30;  // HDF5 1.10 fails above 2 GiB

std::string pack(const Hdf5Summary& summary) {
  ByteWriter out;
  out.number(summary.file_bytes);
  for (const std::uint64_t offset : summary.offsets) out.number(offset);
  return out.take();
}

/// Indices of the tensors by the place of their data. Small datasets share blocks: it need not be the order of
/// creation.
std::vector<std::uint32_t> by_offset(const std::vector<std::uint64_t>& offsets) {
  std::vector<std::uint32_t> order(offsets.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return offsets[a] < offsets[b]; });
  return order;
}

/// Opens the dataset for this one piece: an open dataset takes some 10 KB, and there can be a hundred thousand of them.
void write_box(const H5File& file, const std::string& dataset_path, const Box& box, const std::byte* data,
               const std::string& path) {
  const H5Dataset dataset(h5_check(H5Dopen2(file.id(), dataset_path.c_str(), H5P_DEFAULT), "H5Dopen2", path));
  const H5Type type(h5_check(H5Dget_type(dataset.id()), "H5Dget_type", path));
  const H5Space in_file(h5_check(H5Dget_space(dataset.id()), "H5Dget_space", path));
  const hsize_t elements = box.elements;
  const H5Space in_memory(h5_check(H5Screate_simple(1, &elements, nullptr), "H5Screate_simple", path));
  if (!box.start.empty()) {  // a scalar is selected as a whole from the beginning
    const std::vector<hsize_t> start(box.start.begin(), box.start.end()), count(box.count.begin(), box.count.end());
    h5_check(H5Sselect_hyperslab(in_file.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
             "H5Sselect_hyperslab", path);
  }
  // The default transfer is independent. The type in memory is the type in the file: nothing is converted.
  h5_check(H5Dwrite(dataset.id(), type.id(), in_memory.id(), in_file.id(), H5P_DEFAULT, data), "H5Dwrite", path);
}

}  // namespace

struct Hdf5Sink::OpenFile {
  const comm::Communicator& comm;
  H5File file;

  OpenFile(const comm::Communicator& c, const std::string& path)
      : comm(c), file(open_hdf5_checkpoint(path, c.native())) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (comm.native() == nullptr || file.id() < 0) return;
    // Closing a parallel file waits for all ranks. After a failure they are elsewhere, or the library is, on the rank whose
    // write failed; MPI_Finalize would make it try again.
    file.release();
    comm.end_by_abort();
  }
};

Hdf5Sink::Hdf5Sink(OutputLayout layout, OnMainThread on_main)
    : layout_(std::move(layout)), on_main_(std::move(on_main)), path_(layout_.directory + "/" + hdf5_file_name) {}

Hdf5Sink::~Hdf5Sink() = default;

std::vector<std::string> Hdf5Sink::left_out() const {
  switch (layout_.writing) {
    case Writing::cached:
      break;
    case Writing::sparse:
      return {"an HDF5 file gets no holes: its zeros are written, and its space is reserved"};
    case Writing::direct:
      return {"an HDF5 file is written by its library, through the page cache"};
  }
  return {};
}

void Hdf5Sink::prepare(const comm::Communicator& comm) {
  silence_hdf5();
  const auto created = [&] {
    try {
      return create_hdf5_checkpoint(path_, layout_);
    } catch (...) {
      comm.end_by_abort();
      throw;
    }
  };
  const std::string packed = comm::on_root(comm, [&] {
    remove_tree(path_);  // of an attempt that died: it need not even open
    const Hdf5Summary summary = created();
    description_.header = digest_block(std::as_bytes(std::span(summary.catalogue)));
    return pack(summary);
  });
  ByteReader in(packed);
  description_.name = hdf5_file_name;
  description_.bytes = in.number();
  std::vector<std::uint64_t> offsets(layout_.tensors.size());
  for (std::uint64_t& offset : offsets) offset = in.number();
  description_.tensors = by_offset(offsets);
  // The collective open would wait for ever for a rank that cannot see the file.
  comm::agree(comm, [&] { PosixSink::open(path_).close(); });
  comm::agree(comm, [&] { open_ = std::make_unique<OpenFile>(comm, path_); });
}

void Hdf5Sink::write(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) {
  const TensorInfo& info = layout_.tensors[tensor];
  assert(bytes.size() == bytes_of(info.dtype, range.count));
  if (is_stored_as_bytes(info.dtype)) {
    range = {bytes_of(info.dtype, range.first), bytes_of(info.dtype, range.count)};
  }
  const std::string dataset = hdf5_dataset_path(info.name);
  const std::uint64_t element_bytes = std::max<std::uint64_t>(1, bits(info.dtype) / 8);
  for (const Box& box : row_major_boxes(hdf5_shape(info), range, piece_bytes / element_bytes)) {
    on_main_([&] { write_box(open_->file, dataset, box, bytes.data(), path_); });
    bytes = bytes.subspan(box.elements * element_bytes);
  }
}

void Hdf5Sink::finish(const comm::Communicator& comm) {
  comm::agree(comm, [&] { h5_check(H5Fflush(open_->file.id(), H5F_SCOPE_GLOBAL), "H5Fflush", path_); });
  const hid_t raw = open_->file.release();
  comm::agree(comm, [&] {
    if (H5Fclose(raw) >= 0) return;
    comm.end_by_abort();
    throw hdf5_error("H5Fclose", path_);
  });
  open_.reset();
  comm::agree(comm, [&] {
    if (!comm.is_root()) return;
    check_hdf5_checkpoint(path_, description_.bytes, layout_.tensors.size());
    PosixSink file = PosixSink::open(path_);  // the serial driver syncs nothing
    file.sync();
    file.close();
  });
}

std::vector<TensorFile> Hdf5Sink::files() const { return {description_}; }

}  // namespace stockpot::io
