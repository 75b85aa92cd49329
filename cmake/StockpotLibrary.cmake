# stockpot_library(<folder> PUBLIC <folders below it> PRIVATE <dependencies that have their home here>)
# builds every source in src/<folder>, so that a new method, format or command is a file and no line here.
function(stockpot_library folder)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.cpp ${CMAKE_SOURCE_DIR}/src/${folder}/*/*.cpp)
  if(NOT STOCKPOT_FAULTS)
    list(FILTER sources EXCLUDE REGEX "/faults/")  # what fails on purpose is in no release
  endif()
  add_library(stockpot_${folder} STATIC ${sources})
  target_include_directories(stockpot_${folder} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  list(TRANSFORM ARG_PUBLIC PREPEND stockpot_)
  target_link_libraries(stockpot_${folder} PUBLIC ${ARG_PUBLIC} fmt::fmt Threads::Threads
    PRIVATE ${ARG_PRIVATE} stockpot_warnings stockpot_hardening)
  if(stockpot_coverage)
    target_compile_options(stockpot_${folder} PRIVATE ${stockpot_coverage})
    target_link_libraries(stockpot_${folder} PUBLIC stockpot_coverage_map)
  endif()
  add_library(Stockpot::${folder} ALIAS stockpot_${folder})
endfunction()
