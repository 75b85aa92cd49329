// What of a model reference may be published: names, but no directories of the machine that made the merge.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stockpot::io {

/// The reference with every absolute path (or one below a home directory) in it shown by its last component:
/// "/data/team/base@main+/home/me/lora" becomes "base@main+lora".
std::string shown_reference(std::string_view reference);

/// The paths in a reference that shown_reference() shortens: "/data/team/base", "/home/me/lora".
std::vector<std::string> private_paths(std::string_view reference);

/// A text with every absolute path in it shown by its last component, as far as it can be told to be one: "# see
/// /data/team/base" becomes "# see base". Parts of a URL, and a name after a single slash, stay.
std::string without_directories(std::string_view text);

/// The parts of a reference, adapters included, that read like "namespace/name" on the Hugging Face hub.
std::vector<std::string> hub_ids(std::string_view reference);

}  // namespace stockpot::io
