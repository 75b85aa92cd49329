#include "methods/kernels/rescale.hpp"

namespace stockpot::methods {
namespace {

constexpr double negligible_norm = 1e-7;

bool needs_norms(RescaleMode mode) {
  return mode == RescaleMode::l1 || mode == RescaleMode::l2 || mode == RescaleMode::linf;
}

TallyShape norms_of(RescaleMode mode, std::size_t models) {
  if (mode == RescaleMode::linf) return {.maxima = 2 * models};
  return {.sums = 2 * models};
}

bool partial(double density) { return density > 0.0 && density < 1.0; }

}  // namespace

RescaleMode rescale_mode_of(const Settings& settings) {
  if (!settings.flag("rescale")) return RescaleMode::none;
  const std::string_view mode = settings.choice("rescale_mode");
  if (mode == "l1") return RescaleMode::l1;
  if (mode == "l2") return RescaleMode::l2;
  if (mode == "linf") return RescaleMode::linf;
  if (mode == "inv_density") return RescaleMode::inv_density;
  return mode == "inv_prob" ? RescaleMode::inv_prob : RescaleMode::none;
}

Rescale::Rescale(const Settings& settings, const GroupInfo& group, bool trims)
    : mode_(trims ? rescale_mode_of(settings) : RescaleMode::none),
      models_(settings.models()),
      factors_(group.tensors * models_, 1.0) {
  bool any = false;
  for (const double density : settings.per_model("density")) {
    concerns_.push_back(mode_ != RescaleMode::none && partial(density));
    any = any || concerns_.back();
  }
  tallies_ = any && needs_norms(mode_) && group.elements > 0;
  ready_ = !tallies_;
  if (mode_ != RescaleMode::inv_density) return;
  for (std::size_t i = 0; i < factors_.size(); ++i) {
    const std::size_t m = i % models_;
    if (concerns_[m]) factors_[i] = 1.0 / settings.per_model("density")[m];
  }
}

Needs Rescale::needs(const Settings& settings) {
  const RescaleMode mode = rescale_mode_of(settings);
  if (!needs_norms(mode) || !std::ranges::any_of(settings.per_model("density"), partial)) return {};
  return {.passes = 1, .tally = norms_of(mode, settings.models())};
}

std::optional<TallyShape> Rescale::next_pass() const {
  if (ready_) return std::nullopt;
  return norms_of(mode_, models_);
}

void Rescale::conclude(const Totals& totals) {
  const auto& tallied = by_maxima() ? totals.tensor_maxima : totals.tensor_sums;
  for (std::size_t i = 0; i < factors_.size(); ++i) {
    if (!concerns_[i % models_]) continue;
    const double before = norm(tallied[2 * i]), after = norm(tallied[2 * i + 1]);
    const bool negligible = before < negligible_norm || after < negligible_norm;
    factors_[i] = negligible ? 1.0 : before / after;
  }
  ready_ = true;
}

}  // namespace stockpot::methods
