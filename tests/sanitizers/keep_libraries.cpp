// Open MPI unloads its components at exit, before a sanitizer names what it found in them: suppressions by name would
// not apply. In programs that this is linked into, nothing is unloaded.
extern "C" int dlclose(void*) { return 0; }
