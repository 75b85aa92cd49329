# How tests are declared: one line per unit-test folder, MPI test or script.
include(GoogleTest)

set(STOCKPOT_VENV ${CMAKE_SOURCE_DIR}/build/venv CACHE PATH "Python environment of the script tests, made by scripts/venv")

# More ranks than cores, as root in a container, several runs at a time: all of it is normal in tests. Binding and busy
# waiting would make them crawl.
set(STOCKPOT_MPI_ENVIRONMENT
  OMPI_ALLOW_RUN_AS_ROOT=1
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  OMPI_MCA_rmaps_base_oversubscribe=1
  OMPI_MCA_hwloc_base_binding_policy=none
  OMPI_MCA_mpi_yield_when_idle=1
  PYTHONDONTWRITEBYTECODE=1
  ASAN_OPTIONS=fast_unwind_on_malloc=0:verify_asan_link_order=0  # Open MPI has no frame pointers; shims come before ASan
  LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/sanitizers/leaks.supp:print_suppressions=0
  TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/sanitizers/races.supp:ignore_noninstrumented_modules=1)

if(stockpot_sanitizers)
  list(APPEND STOCKPOT_MPI_ENVIRONMENT SANITIZED_TESTS=1)
endif()

# stockpot_add_unit_tests(<folder>): tests/unit/<folder>/*.cpp against the library of that folder, one ctest entry per case.
function(stockpot_add_unit_tests folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${folder}/*.cpp)
  if(stockpot_sanitizers)
    list(FILTER sources EXCLUDE REGEX "matrix_memory_test")
  endif()
  if(NOT sources)
    return()
  endif()
  add_executable(unit_${folder} ${sources})
  target_include_directories(unit_${folder} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_options(unit_${folder} PRIVATE -O1)  # gmock's templates take long to optimise, and gain nothing
  target_link_libraries(unit_${folder} PRIVATE stockpot_${folder} GTest::gmock GTest::gtest_main stockpot_warnings)
  gtest_discover_tests(unit_${folder} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# stockpot_add_mpi_test(<name> RANKS 1 2 3 [SOURCES a.cpp ...] [LIBRARIES stockpot_engine ...] [TIMEOUT 120])
# builds tests/mpi/<name>.cpp (tests/<name>.cpp if the name has a folder) and SOURCES into one program that MPI starts,
# and adds one ctest entry per count of ranks.
function(stockpot_add_mpi_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "RANKS;SOURCES;LIBRARIES" ${ARGN})
  if(NOT ARG_RANKS)
    message(FATAL_ERROR "stockpot_add_mpi_test(${name}): RANKS is missing")
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_LIBRARIES)
    set(ARG_LIBRARIES stockpot_engine)
  endif()
  set(path mpi/${name})
  if(name MATCHES "/")
    set(path ${name})
  endif()
  string(REPLACE "/" "_" target mpi_${name})
  add_executable(${target} ${CMAKE_SOURCE_DIR}/tests/${path}.cpp ${ARG_SOURCES} ${CMAKE_SOURCE_DIR}/tests/support/mpi_main.cpp)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE ${ARG_LIBRARIES} stockpot_comm GTest::gmock stockpot_warnings)
  foreach(ranks IN LISTS ARG_RANKS)
    set(test mpi.${name}.${ranks})
    add_test(NAME ${test}
      COMMAND bash ${CMAKE_SOURCE_DIR}/tests/support/with_mpi_session.sh
              ${MPIEXEC_EXECUTABLE} --oversubscribe ${MPIEXEC_NUMPROC_FLAG} ${ranks} $<TARGET_FILE:${target}>)
    set_tests_properties(${test} PROPERTIES LABELS mpi TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "${STOCKPOT_MPI_ENVIRONMENT}")
  endforeach()
endfunction()

# stockpot_add_script_test(<name> script.py ARGS ...): a Python test, run with the environment that scripts/venv makes.
# Without it these tests do not exist. ARGS may hold generator expressions: $<TARGET_FILE:stockpot>.
function(stockpot_add_script_test name script)
  set(python ${STOCKPOT_VENV}/bin/python)
  if(NOT EXISTS ${python})
    message(STATUS "test ${name} is left out: scripts/venv makes the Python environment that it needs")
    return()
  endif()
  get_filename_component(script ${script} ABSOLUTE)
  add_test(NAME ${name} COMMAND ${python} ${script} ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS script TIMEOUT 900 ENVIRONMENT "${STOCKPOT_MPI_ENVIRONMENT}")
endfunction()

# stockpot_add_shell_test(<name> script.sh ARGS ...): likewise with bash, which is always there.
function(stockpot_add_shell_test name script)
  get_filename_component(script ${script} ABSOLUTE)
  add_test(NAME ${name} COMMAND bash ${script} ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS cli TIMEOUT 120 ENVIRONMENT "${STOCKPOT_MPI_ENVIRONMENT}")
endfunction()
