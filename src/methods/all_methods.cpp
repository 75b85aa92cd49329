// The methods that users can name. A new one is its file, its name in the declaration and its line in the list.
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec linear, uniform_soup, passthrough, slerp, task_arithmetic, ties, dare_linear, dare_ties, della,
    della_linear, breadcrumbs, breadcrumbs_ties, model_stock, arcee_fusion, pcb, nuslerp, multislerp, karcher,
    geometric_median, metagpt, tsvm, iso_c, iso_cts, magmax, consensus, median, nearswap, ram, ramplus_tl, ramplus, sce;

namespace {

constexpr const MethodSpec* listed[] = {
    &linear,            //
    &uniform_soup,      //
    &slerp,             //
    &nuslerp,           //
    &multislerp,        //
    &karcher,           //
    &task_arithmetic,   //
    &ties,              //
    &dare_linear,       //
    &dare_ties,         //
    &della,             //
    &della_linear,      //
    &breadcrumbs,       //
    &breadcrumbs_ties,  //
    &sce,               //
    &ram,               //
    &ramplus_tl,        //
    &ramplus,           //
    &model_stock,       //
    &nearswap,          //
    &geometric_median,  //
    &median,            //
    &metagpt,           //
    &magmax,            //
    &consensus,         //
    &arcee_fusion,      //
    &pcb,               //
    &tsvm,              //
    &iso_c,             //
    &iso_cts,           //
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
