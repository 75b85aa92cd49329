if(STOCKPOT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
    -Wno-maybe-uninitialized -Wno-restrict)  # GCC 12 sees both in its own library, with these sanitizers only
  add_link_options(-fsanitize=address,undefined)
endif()
