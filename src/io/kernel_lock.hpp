// A lock that the kernel holds on a file for as long as a process has it open, and takes away when the process dies, whatever it
// dies of: seen by all processes of the machine, also of other containers, where numbers of processes mean nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/descriptor.hpp"

namespace stockpot::io {

/// Local. Locks a file of one's own. @return what holds the lock until it is closed; nothing open where the file system knows no locks.
Descriptor held_by_kernel(const std::string& path);

/// Local. Whether a process holds such a lock. Nothing where that cannot be told.
std::optional<bool> is_held_by_kernel(const std::string& path);

/// Local. The kernel's number of the file system that a file is on, 0 if there is no such file. Containers may have mounted one
/// file system each for themselves, and need not see each other's locks then: the numbers differ.
std::uint64_t mounted_file_system(const std::string& path);

}  // namespace stockpot::io
