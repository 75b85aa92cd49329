# Builds that look for mistakes: addresses and undefined behaviour, with what fuzz targets need to see where an input leads;
# or data races.
set(stockpot_sanitizers)
set(stockpot_coverage)  # of src/ alone
if(STOCKPOT_SANITIZE STREQUAL "thread")
  set(stockpot_sanitizers -fsanitize=thread)
elseif(STOCKPOT_SANITIZE)
  # Without the check for null pointers, which end in an error of AddressSanitizer anyway: an eighth of the compiler's time.
  set(stockpot_sanitizers -fsanitize=address,undefined -fno-sanitize=null -fno-sanitize-recover=all)
  set(stockpot_coverage -fsanitize-coverage=trace-pc)
endif()
if(stockpot_sanitizers)
  add_compile_options(${stockpot_sanitizers} -fno-omit-frame-pointer
    -Wno-maybe-uninitialized -Wno-restrict)  # GCC 12 sees both in its own library, with these sanitizers only
  add_link_options(${stockpot_sanitizers})
  add_library(stockpot_keep_libraries OBJECT ${CMAKE_SOURCE_DIR}/tests/sanitizers/keep_libraries.cpp)
endif()
add_library(stockpot_coverage_map STATIC EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/fuzz/coverage.cpp)
