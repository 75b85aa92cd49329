#include "io/pickle_calls.hpp"

#include <algorithm>
#include <array>

namespace stockpot::io {
namespace {

struct Row {
  std::string_view module, name;
  PickleCall call;
};
constexpr std::array rows{
    Row{"collections", "OrderedDict", PickleCall::dict},
    Row{"collections", "defaultdict", PickleCall::dict},
    Row{"collections", "Counter", PickleCall::dict},
    Row{"builtins", "dict", PickleCall::dict},
    Row{"__builtin__", "dict", PickleCall::dict},
    Row{"torch", "Size", PickleCall::copy},
    Row{"torch._utils", "_rebuild_parameter", PickleCall::parameter},
    Row{"torch._utils", "_rebuild_parameter_with_state", PickleCall::parameter},
    Row{"torch.nn.parameter", "Parameter", PickleCall::parameter},
    Row{"torch.nn.parameter", "Buffer", PickleCall::parameter},
    Row{"torch._tensor", "_rebuild_from_type_v2", PickleCall::from_type},
};

constexpr std::array<std::string_view, 12> code_modules{"os",        "posix", "nt",     "subprocess", "sys",  "runpy",
                                                        "importlib", "pty",   "socket", "ctypes",     "code", "shutil"};
constexpr std::array<std::string_view, 5> code_functions{"eval", "exec", "__import__", "open", "compile"};

template <class List>
bool contains(const List& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

}  // namespace

PickleCall pickle_call(std::string_view module, std::string_view name) {
  for (const Row& row : rows) {
    if (row.module == module && row.name == name) return row.call;
  }
  return module == "torch._utils" && name.starts_with("_rebuild_") ? PickleCall::tensor : PickleCall::opaque;
}

bool runs_code(std::string_view module, std::string_view name) {
  const std::string_view package = module.substr(0, module.find('.'));
  if (package == "builtins" || package == "__builtin__") return contains(code_functions, name);
  return contains(code_modules, package);
}

}  // namespace stockpot::io
