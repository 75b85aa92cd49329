// Elements of a stored tensor, in row-major order, however they lie in the file.
#pragma once

#include <cstddef>
#include <span>

#include "core/adapter.hpp"
#include "core/range.hpp"
#include "io/byte_source.hpp"

namespace stockpot::io {

/// Local, thread safe. Reads a run of a tensor's elements. One read of the file as a rule; views are read in pieces of
/// up to 1 MiB that hold what is wanted densely enough, and put in order in memory.
/// @param into  bytes_of(range.count) bytes.   @throws Error as ByteSource::read_at.
void read_elements(const ByteSource& file, const StoredTensor& tensor, ElementRange range, std::span<std::byte> into);

}  // namespace stockpot::io
