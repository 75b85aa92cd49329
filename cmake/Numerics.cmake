# Flags that the numeric contract rests on: no contraction into FMA, no fast-math, whoever sets the other flags.
add_compile_options(-ffp-contract=off)
foreach(flags CMAKE_CXX_FLAGS CMAKE_CXX_FLAGS_RELEASE CMAKE_CXX_FLAGS_RELWITHDEBINFO CMAKE_CXX_FLAGS_DEBUG)
  if("${${flags}}" MATCHES "-ffast-math|-Ofast|-funsafe-math|-fassociative-math|-freciprocal-math|-ffp-contract=fast|-march=native")
    message(FATAL_ERROR "${flags} has ${CMAKE_MATCH_0}, which changes the numbers that Stockpot promises; remove it")
  endif()
endforeach()
# -O3: the element kernels are plain loops that the compiler vectorises once per instruction set (core/simd.hpp).
set(CMAKE_CXX_FLAGS_RELEASE "-O3")
