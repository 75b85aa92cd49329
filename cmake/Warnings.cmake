# Our warnings are errors; headers of others come in as SYSTEM.
add_library(stockpot_warnings INTERFACE)
target_compile_options(stockpot_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wformat=2 -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -Wno-stringop-overflow)  # GCC 12 sees overflows inside fmt 9 that are not there, at -O3 only
