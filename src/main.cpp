// The program. The only place that prints an error and picks the exit code.
#include <string>
#include <vector>

#include "app/log.hpp"
#include "app/program.hpp"
#include "app/standard_streams.hpp"
#include "core/error.hpp"

int main(int argc, char** argv) {
  stockpot::app::open_missing_streams();
  try {
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    return stockpot::app::run_program(arguments);
  } catch (...) {
    const stockpot::Error error = stockpot::Error::current();
    stockpot::app::print_error(error);
    return error.exit_code();
  }
}
