// A mistake that was put there, to see that the driver finds one: from "boo" it is a single change away.
#include "fuzz.hpp"

void stockpot::fuzz::target(std::string_view input) { require(input.find("boom") == input.npos, "nobody says boom"); }
