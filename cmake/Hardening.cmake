# Hardening that does not touch arithmetic. _FORTIFY_SOURCE needs optimisation and clashes with the sanitizers.
add_library(stockpot_hardening INTERFACE)
if(STOCKPOT_HARDEN AND NOT STOCKPOT_SANITIZE)
  target_compile_options(stockpot_hardening INTERFACE -fstack-protector-strong -fstack-clash-protection -fcf-protection)
  target_compile_definitions(stockpot_hardening INTERFACE _GLIBCXX_ASSERTIONS $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=3>)
  target_link_options(stockpot_hardening INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
