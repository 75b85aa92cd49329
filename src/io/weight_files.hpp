// The files that hold a model's weights, added to its list of tensors: those that an index names, one alone, or all of a folder.
#pragma once

#include <string>

#include "core/catalogue.hpp"
#include "io/model_directory.hpp"

namespace stockpot::io {

/// All local, and read headers only. Tensors come in the order of files. @throws Error(corrupt_input)

/// Every tensor that the index puts into a file must be there; others are left out, with a warning.
void add_indexed_files(const ModelDirectory& directory, const std::string& index_name, Catalogue& catalogue);

void add_file(const ModelDirectory& directory, const std::string& name, Catalogue& catalogue);
void add_file(const std::string& path, Catalogue& catalogue);

/// Of a folder without index. @return false if there is none.
bool add_all_files(const ModelDirectory& directory, Catalogue& catalogue);

}  // namespace stockpot::io
