// The methods that users can name. A new one is its file, its name in the declaration and its line in the list.
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec linear, uniform_soup, passthrough, slerp, task_arithmetic, ties, dare_linear, dare_ties,
    model_stock;

namespace {

constexpr const MethodSpec* listed[] = {
    &linear,           //
    &uniform_soup,     //
    &slerp,            //
    &task_arithmetic,  //
    &ties,             //
    &dare_linear,      //
    &dare_ties,        //
    &model_stock,      //
    &passthrough,
};

}  // namespace

std::span<const MethodSpec* const> all_methods() { return listed; }

const MethodSpec* find_method(std::string_view name) {
  for (const MethodSpec* method : listed) {
    if (method->name == name) return method;
  }
  return nullptr;
}

}  // namespace stockpot::methods
