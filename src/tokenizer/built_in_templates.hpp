// Chat templates that a recipe can ask for by name.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace stockpot::tokenizer {

/// Name and Jinja text, by name. They take no white space from how they are written, so that they render alike whether
/// or not a program sets Jinja's trim_blocks and lstrip_blocks.
const std::vector<std::pair<std::string_view, std::string_view>>& built_in_templates();

}  // namespace stockpot::tokenizer
