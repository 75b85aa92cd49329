#include "io/hdf5_checkpoint.hpp"

#include <mpi.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/version.hpp"
#include "io/file_system.hpp"
#include "io/hdf5_types.hpp"
#include "io/json.hpp"
#include "io/posix_file.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

constexpr std::array reserved_attributes{"format", "format_version", "producer", "tensor_count"};

/// Makes the parts of one file. Serial: no other rank knows of it yet.
class Hdf5Builder {
 public:
  explicit Hdf5Builder(const std::string& path) : path_(path) {
    const H5Properties access = file_access(path);
    const H5Properties creation = properties(H5P_FILE_CREATE);
    without_times(creation);
    file_ = H5File(check(H5Fcreate(path.c_str(), H5F_ACC_EXCL, creation.id(), access.id()), "H5Fcreate"));
    utf8_links_ = properties(H5P_LINK_CREATE);
    check(H5Pset_char_encoding(utf8_links_.id(), H5T_CSET_UTF8), "H5Pset_char_encoding");
    utf8_attributes_ = properties(H5P_ATTRIBUTE_CREATE);
    check(H5Pset_char_encoding(utf8_attributes_.id(), H5T_CSET_UTF8), "H5Pset_char_encoding");
    datasets_ = properties(H5P_DATASET_CREATE);
    check(H5Pset_layout(datasets_.id(), H5D_CONTIGUOUS), "H5Pset_layout");
    check(H5Pset_alloc_time(datasets_.id(), H5D_ALLOC_TIME_EARLY), "H5Pset_alloc_time");
    check(H5Pset_fill_time(datasets_.id(), H5D_FILL_TIME_NEVER), "H5Pset_fill_time");
    without_times(datasets_);
    groups_ = properties(H5P_GROUP_CREATE);
    without_times(groups_);
  }

  hid_t root() const { return file_.id(); }

  void add_group(const char* name) const {
    const H5Group made(check(H5Gcreate2(root(), name, utf8_links_.id(), groups_.id(), H5P_DEFAULT), "H5Gcreate2"));
  }

  H5Dataset add_dataset(const std::string& name, const H5Type& type, const Shape& shape) const {
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    const int ndim = static_cast<int>(extents.size());
    const H5Space space(
        check(ndim == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(ndim, extents.data(), nullptr), "H5Screate_simple"));
    return H5Dataset(
        check(H5Dcreate2(root(), name.c_str(), type.id(), space.id(), utf8_links_.id(), datasets_.id(), H5P_DEFAULT),
              "H5Dcreate2"));
  }

  void add_text(hid_t object, const std::string& name, std::string_view text) const {
    const H5Type type(check(H5Tcopy(H5T_C_S1), "H5Tcopy"));
    const std::string stored = text.empty() ? std::string(1, '\0') : std::string(text);  // a size of 0 is refused
    check(H5Tset_size(type.id(), stored.size()), "H5Tset_size");
    check(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), "H5Tset_strpad");
    check(H5Tset_cset(type.id(), H5T_CSET_UTF8), "H5Tset_cset");
    add_attribute(object, name, type.id(), stored.data());
  }

  void add_attribute(hid_t object, const std::string& name, hid_t type, const void* value) const {
    const H5Space space(check(H5Screate(H5S_SCALAR), "H5Screate"));
    const H5Attribute attribute(
        check(H5Acreate2(object, name.c_str(), type, space.id(), utf8_attributes_.id(), H5P_DEFAULT), "H5Acreate2"));
    check(H5Awrite(attribute.id(), type, value), "H5Awrite");
  }

  void close() { check(H5Fclose(file_.release()), "H5Fclose"); }

  static H5Properties file_access(const std::string& path) {
    H5Properties list(h5_check(H5Pcreate(H5P_FILE_ACCESS), "H5Pcreate", path));
    // Old formats take minutes to make a group of many links, and are not the same bytes twice.
    h5_check(H5Pset_libver_bounds(list.id(), H5F_LIBVER_V110, H5F_LIBVER_V110), "H5Pset_libver_bounds", path);
    h5_check(H5Pset_alignment(list.id(), 64 << 10, 4096), "H5Pset_alignment", path);
    h5_check(H5Pset_meta_block_size(list.id(), 1 << 20), "H5Pset_meta_block_size", path);
    // The staging directory's lock protects the file. Locks of the library fail on cluster file systems without flock.
    h5_check(H5Pset_file_locking(list.id(), false, true), "H5Pset_file_locking", path);
    return list;
  }

 private:
  template <class Result>
  Result check(Result result, const char* call) const {
    return h5_check(result, call, path_);
  }
  H5Properties properties(hid_t kind) const { return H5Properties(check(H5Pcreate(kind), "H5Pcreate")); }
  void without_times(const H5Properties& list) const {
    check(H5Pset_obj_track_times(list.id(), false), "H5Pset_obj_track_times");
  }

  std::string path_;
  H5File file_;
  H5Properties utf8_links_, utf8_attributes_, datasets_, groups_;
};

void add_root_attributes(const Hdf5Builder& builder, const OutputLayout& layout) {
  const std::uint32_t format_version = 1;
  const std::uint64_t tensors = layout.tensors.size();
  builder.add_text(builder.root(), "format", "stockpot-checkpoint");
  builder.add_attribute(builder.root(), "format_version", H5T_STD_U32LE, &format_version);
  builder.add_text(builder.root(), "producer", "stockpot " + std::string(version));
  builder.add_attribute(builder.root(), "tensor_count", H5T_STD_U64LE, &tensors);
  for (const auto& [name, text] : layout.metadata) {
    // "format": "pt", which safetensors files carry, would say something untrue here.
    const bool is_reserved =
        std::find(reserved_attributes.begin(), reserved_attributes.end(), name) != reserved_attributes.end();
    if (!is_reserved) builder.add_text(builder.root(), name, text);
  }
}

std::vector<std::uint64_t> add_tensors(const Hdf5Builder& builder, const OutputLayout& layout,
                                       const std::string& path) {
  std::vector<std::uint64_t> offsets;
  for (const TensorInfo& info : layout.tensors) {
    const H5Dataset dataset =
        builder.add_dataset(hdf5_dataset_path(info.name), hdf5_type(info.dtype, path), hdf5_shape(info));
    builder.add_text(dataset.id(), "dtype", name(info.dtype));
    offsets.push_back(info.bytes() == 0 ? 0 : H5Dget_offset(dataset.id()));
    if (offsets.back() == HADDR_UNDEF) throw hdf5_error("H5Dget_offset", path).in_tensor(info.name);
  }
  return offsets;
}

std::string catalogue_text(const OutputLayout& layout, const std::vector<std::uint64_t>& offsets) {
  nlohmann::json tensors = nlohmann::json::object();
  for (std::size_t t = 0; t < layout.tensors.size(); ++t) {
    const TensorInfo& info = layout.tensors[t];
    tensors[info.name] = {
        {"dtype", name(info.dtype)}, {"shape", info.shape}, {"offset", offsets[t]}, {"nbytes", info.bytes()}};
  }
  return nlohmann::json{{"tensors", std::move(tensors)}}.dump();
}

/// A text as a dataset of bytes.
void add_file(const Hdf5Builder& builder, const std::string& name, const std::string& text, const std::string& path) {
  const H5Type bytes = hdf5_type(DType::u8, path);
  const H5Dataset dataset = builder.add_dataset(name, bytes, {text.size()});
  h5_check(H5Dwrite(dataset.id(), bytes.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()), "H5Dwrite", path);
}

/// Names of the regular files of a directory, ascending.
std::vector<std::string> files_in(const std::string& directory) {
  std::vector<std::string> names;
  with_file_system_errors([&] {
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
    }
  });
  std::sort(names.begin(), names.end());
  return names;
}

/// MPI-IO and HDF5 can both hide that a disk is full: better to know before the first byte.
void reserve_space(const std::string& path, std::uint64_t bytes) {
  PosixSink file = PosixSink::open(path);
  file.reserve(bytes);
  file.close();
}

}  // namespace

std::string hdf5_dataset_path(std::string_view tensor_name) {
  std::string path = "/tensors/";
  if (tensor_name == ".") return path + "%2E";
  for (const char c : tensor_name) {
    if (c == '%') {
      path += "%25";
    } else if (c == '/') {
      path += "%2F";
    } else if (c == '\0') {
      path += "%00";
    } else {
      path += c;
    }
  }
  return path;
}

Hdf5Summary create_hdf5_checkpoint(const std::string& path, const OutputLayout& layout) {
  const std::vector<std::string> side_files = files_in(layout.directory);
  Hdf5Summary summary;
  Hdf5Builder builder(path);
  add_root_attributes(builder, layout);
  builder.add_group("/tensors");
  builder.add_group("/meta");
  builder.add_group("/meta/files");
  summary.offsets = add_tensors(builder, layout, path);
  summary.catalogue = catalogue_text(layout, summary.offsets);
  add_file(builder, "/meta/catalogue", summary.catalogue, path);
  for (const std::string& name : side_files) {
    add_file(builder, "/meta/files/" + name, read_file(layout.directory + "/" + name, max_json_bytes), path);
  }
  builder.close();
  summary.file_bytes = PosixSource(path).size();
  reserve_space(path, summary.file_bytes);
  return summary;
}

H5File open_hdf5_checkpoint(const std::string& path, const void* communicator) {
  const H5Properties access = Hdf5Builder::file_access(path);
  if (communicator != nullptr) {
    const MPI_Comm comm = *static_cast<const MPI_Comm*>(communicator);
    h5_check(H5Pset_fapl_mpio(access.id(), comm, MPI_INFO_NULL), "H5Pset_fapl_mpio", path);
    // Reading stays independent: else every rank would have to open every dataset, together with all others.
    h5_check(H5Pset_coll_metadata_write(access.id(), true), "H5Pset_coll_metadata_write", path);
  }
  return H5File(h5_check(H5Fopen(path.c_str(), H5F_ACC_RDWR, access.id()), "H5Fopen", path));
}

void check_hdf5_checkpoint(const std::string& path, std::uint64_t file_bytes, std::size_t tensors) {
  if (const std::uint64_t found = PosixSource(path).size(); found != file_bytes) {
    throw Error(ErrorKind::storage, "an output file does not have the size that was written")
        .in_file(path)
        .at_byte(found, file_bytes);
  }
  const H5Properties access = Hdf5Builder::file_access(path);
  const H5File file(h5_check(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), "H5Fopen", path));
  H5G_info_t info{};
  h5_check(H5Gget_info_by_name(file.id(), "/tensors", &info, H5P_DEFAULT), "H5Gget_info_by_name", path);
  if (info.nlinks != tensors) throw Error(ErrorKind::storage, "an output file has lost tensors").in_file(path);
}

std::string read_hdf5_catalogue(const std::string& path) {
  silence_hdf5();
  try {
    const H5Properties access = Hdf5Builder::file_access(path);
    const H5File file(h5_check(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), "H5Fopen", path));
    const H5Dataset dataset(h5_check(H5Dopen2(file.id(), "/meta/catalogue", H5P_DEFAULT), "H5Dopen2", path));
    const H5Space space(h5_check(H5Dget_space(dataset.id()), "H5Dget_space", path));
    const auto bytes = static_cast<std::uint64_t>(
        h5_check(H5Sget_simple_extent_npoints(space.id()), "H5Sget_simple_extent_npoints", path));
    if (bytes > PosixSource(path).size())
      throw Error(ErrorKind::corrupt_input, "its catalogue is larger than the file");
    std::string text(bytes, ' ');
    const H5Type type = hdf5_type(DType::u8, path);
    h5_check(H5Dread(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()), "H5Dread", path);
    return text;
  } catch (const Error& error) {
    throw Error(ErrorKind::corrupt_input,
                "no checkpoint of Stockpot can be read in this HDF5 file: " + error.sentence())
        .code("FMT060")
        .in_file(path);
  }
}

}  // namespace stockpot::io
