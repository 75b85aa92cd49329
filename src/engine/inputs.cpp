#include "engine/inputs.hpp"

#include <filesystem>

#include "comm/agree.hpp"
#include "core/bytes.hpp"
#include "io/posix_file.hpp"
#include "io/small_file.hpp"

namespace stockpot::engine {
namespace {

std::string pack_models(const recipe::MergeDocument& document, const io::SearchPlaces& places) {
  ByteWriter out;
  for (const recipe::ModelReference& reference : document.models()) {
    io::FoundModel found = io::find_model(reference.path, reference.revision, places);
    Catalogue catalogue = io::read_catalogue(reference.text, found.path);
    catalogue.warnings.insert(catalogue.warnings.begin(), found.warnings.begin(), found.warnings.end());
    out.text(catalogue.pack());
  }
  return out.take();
}

}  // namespace

Inputs load_inputs(const comm::Communicator& comm, const std::string& recipe_path, io::SearchPlaces places) {
  constexpr std::uint64_t recipe_limit = std::uint64_t{8} << 20;
  std::string text = comm::on_root(comm, [&] {
    try {
      return io::read_file(recipe_path, recipe_limit);
    } catch (const Error& error) {  // whatever is wrong with this file: it is the recipe
      throw Error(ErrorKind::recipe, "the recipe cannot be read: " + error.sentence())
          .code(error.class_code())
          .in_file(recipe_path);
    }
  });
  Inputs inputs;
  inputs.recipe = comm::agree(comm, [&] { return recipe::parse_recipe(recipe_path, std::move(text)); });
  if (places.recipe_directory.empty()) {
    places.recipe_directory = std::filesystem::path(recipe_path).parent_path().string();
  }
  const std::string packed = comm::on_root(comm, [&] { return pack_models(inputs.document(), places); });
  ByteReader in(packed);
  while (!in.done()) {
    inputs.models.push_back(Catalogue::unpack(in.text()));
    const Catalogue& model = inputs.models.back();
    for (const std::string& warning : model.warnings) inputs.warnings.push_back(model.model + ": " + warning);
  }
  return inputs;
}

void check_unchanged(const Catalogue& model) {
  for (const StoredFile& file : model.files) {
    const StoredFile now = io::PosixSource(file.path).stored();
    if (now.bytes == file.bytes && now.modified_ns == file.modified_ns && now.inode == file.inode) continue;
    throw Error(ErrorKind::corrupt_input, "an input file changed while it was read")
        .code("FMT009")
        .in_file(file.path)
        .in_model(model.model)
        .hint("nothing was published; run the merge again when nobody writes to this file");
  }
}

}  // namespace stockpot::engine
