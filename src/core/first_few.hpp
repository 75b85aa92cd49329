// Lists of names in messages, which nobody wants whole if they are long.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace stockpot {

/// "a, b and 3 more": at most `most` of the names.
std::string first_few(const std::vector<std::string>& names, std::size_t most);

}  // namespace stockpot
