#include "engine/recipe_file.hpp"

#include <cstdint>

#include "comm/agree.hpp"
#include "core/error.hpp"
#include "io/small_file.hpp"
#include "plan/dry_check.hpp"

namespace stockpot::engine {

std::string read_recipe_text(const std::string& path) {
  constexpr std::uint64_t recipe_limit = std::uint64_t{8} << 20;
  try {
    return io::read_file(path, recipe_limit);
  } catch (const Error& error) {  // whatever is wrong with this file: it is the recipe
    throw Error(ErrorKind::recipe, "the recipe cannot be read: " + error.sentence())
        .code(error.class_code() == "FMT005" ? "CFG001" : error.class_code())  // too large
        .in_file(path);
  }
}

recipe::Recipe checked_recipe(const std::string& path, std::string text, recipe::Dialect dialect) {
  recipe::Recipe recipe = recipe::parse_recipe(path, std::move(text), dialect);
  for (const recipe::MergeDocument& document : recipe.documents) {
    plan::check_without_models(document, recipe.diagnostics);
  }
  recipe.diagnostics.throw_if_errors();
  return recipe;
}

recipe::Recipe load_recipe(const comm::Communicator& comm, const std::string& path, recipe::Dialect dialect) {
  std::string text = comm::on_root(comm, [&] { return read_recipe_text(path); });
  return comm::agree(comm, [&] { return checked_recipe(path, std::move(text), dialect); });
}

}  // namespace stockpot::engine
