# Fails when an #include in src/ goes against the layers, or when a library is used outside its home.
#   cmake -D SOURCE_DIR=<dir with the folders> -P CheckLayers.cmake
#
#   app -> engine -> plan -> recipe, methods, partition -> core     and     engine -> tokenizer -> recipe, io
#                                                                           engine -> io -> comm -> core
cmake_minimum_required(VERSION 3.20...3.31)

# What each folder may include, itself included. A new folder needs a line here.
set(layer_core core)
set(layer_comm comm core)
set(layer_partition partition core)
set(layer_methods methods core)
set(layer_recipe recipe core)
set(layer_io io comm core)
set(layer_tokenizer tokenizer recipe io comm core)
set(layer_plan plan recipe methods partition core)
set(layer_engine engine tokenizer plan recipe methods partition io comm core)
set(layer_app app engine tokenizer plan recipe methods partition io comm core)
set(layer_main app core)  # src/main.cpp

# Homes: an include that matches the first is allowed in files that match the second, and nowhere else.
set(homes
  "^mpi\\.h$"                   "^(comm/|io/(mpi|hdf5)_)"
  "^(hdf5|H5).*\\.h$"           "^io/hdf5_"
  "^yaml-cpp/"                  "^recipe/"
  "^boost/"                     "^app/"
  "^Eigen/"                     "^methods/"
  "^nlohmann/"                  "^(io|tokenizer|app)/"
  "^(xxhash\\.h|openssl/)"      "^io/"
  "^unicode/"                   "^tokenizer/"
  "^Random123/"                 "^core/random"
  "^spdlog/"                    "^app/"
  "^fmt/ranges\\.h$"            "^$"  # GCC 12 warns falsely in it at -O3
  # No disk below io.
  "^(fstream|filesystem|fcntl\\.h|sys/stat\\.h|sys/mman\\.h)$"  "^(io|engine|app)/")

set(mistakes)
file(GLOB_RECURSE files RELATIVE ${SOURCE_DIR} ${SOURCE_DIR}/*.cpp ${SOURCE_DIR}/*.hpp)
foreach(file IN LISTS files)
  string(REGEX REPLACE "(/.*|\\.cpp)$" "" folder ${file})
  if(NOT DEFINED layer_${folder})
    list(APPEND mistakes "${file}: the folder '${folder}' has no line in CheckLayers.cmake")
    continue()
  endif()
  file(STRINGS ${SOURCE_DIR}/${file} lines REGEX "^[ \t]*#[ \t]*include")
  foreach(line IN LISTS lines)
    if(NOT line MATCHES "include[ \t]*([<\"])([^>\"]+)[>\"]")
      list(APPEND mistakes "${file}: cannot read '${line}'")
      continue()
    endif()
    set(quote ${CMAKE_MATCH_1})
    set(header ${CMAKE_MATCH_2})
    if(quote STREQUAL "\"")
      string(REGEX REPLACE "/.*$" "" target ${header})
      if(NOT target IN_LIST layer_${folder})
        list(APPEND mistakes "${file}: '${folder}' may not include ${header}")
      endif()
      continue()
    endif()
    set(rules ${homes})
    while(rules)
      list(POP_FRONT rules what where)
      if(header MATCHES "${what}" AND NOT file MATCHES "${where}")
        list(APPEND mistakes "${file}: <${header}> has its home elsewhere")
      endif()
    endwhile()
  endforeach()
endforeach()

if(NOT files)
  list(APPEND mistakes "${SOURCE_DIR}: no sources")
endif()
if(mistakes)
  list(JOIN mistakes "\n  " text)
  message(FATAL_ERROR "layers:\n  ${text}")
endif()
list(LENGTH files count)
message(STATUS "layers: ${count} files are in order")
