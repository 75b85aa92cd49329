#include "methods/kernels/rescale.hpp"

namespace stockpot::methods {
namespace {

constexpr double negligible_norm = 1e-7;

bool needs_norms(RescaleMode mode) { return mode != RescaleMode::none && mode != RescaleMode::inv_density; }

}  // namespace

RescaleMode rescale_mode_of(const Settings& settings) {
  if (!settings.flag("rescale")) return RescaleMode::none;
  const std::string_view mode = settings.choice("rescale_mode");
  if (mode == "l1") return RescaleMode::l1;
  if (mode == "l2") return RescaleMode::l2;
  if (mode == "linf") return RescaleMode::linf;
  return mode == "inv_density" ? RescaleMode::inv_density : RescaleMode::none;
}

Rescale::Rescale(const Settings& settings, const GroupInfo& group, bool trims)
    : mode_(trims ? rescale_mode_of(settings) : RescaleMode::none), factors_(settings.models(), 1.0) {
  bool any = false;
  for (const double density : settings.per_model("density")) {
    concerns_.push_back(mode_ != RescaleMode::none && density > 0.0 && density < 1.0);
    any = any || concerns_.back();
    if (mode_ == RescaleMode::inv_density && concerns_.back()) factors_[concerns_.size() - 1] = 1.0 / density;
  }
  ready_ = !any || !needs_norms(mode_) || group.elements == 0;
  if (ready_ || mode_ != RescaleMode::linf) return;
  std::vector<SelectTarget> largest;
  for (const bool concerned : concerns_) {
    largest.insert(largest.end(), 2, SelectTarget{.rank = concerned ? 1u : 0u, .all_equal = true});
  }
  maxima_.emplace(largest, group.elements, group.float64);
}

int Rescale::passes(const Settings& settings) {
  const RescaleMode mode = rescale_mode_of(settings);
  if (!needs_norms(mode)) return 0;
  return mode == RescaleMode::linf ? 2 : 1;
}

TallyShape Rescale::tally(const Settings& settings) {
  const RescaleMode mode = rescale_mode_of(settings);
  if (!needs_norms(mode)) return {};
  if (mode == RescaleMode::linf) return {.counts = MagnitudeSelect::largest_tally(2 * settings.models())};
  return {.sums = 2 * settings.models()};
}

std::optional<TallyShape> Rescale::next_pass() const {
  if (ready_) return std::nullopt;
  return maxima_ ? maxima_->next_pass() : TallyShape{.sums = 2 * factors_.size()};
}

void Rescale::conclude(const Totals& totals) {
  if (maxima_) {
    maxima_->conclude(totals.counts);
    if (maxima_->next_pass()) return;
  }
  for (std::size_t m = 0; m < factors_.size(); ++m) {
    if (!concerns(m)) continue;
    const auto norm = [&](std::size_t i) {
      if (maxima_) return maxima_->threshold(i);
      return mode_ == RescaleMode::l2 ? std::sqrt(totals.sums[i]) : totals.sums[i];
    };
    take_norms(m, norm(2 * m), norm(2 * m + 1));
  }
  ready_ = true;
}

void Rescale::take_norms(std::size_t model, double before, double after) {
  const bool negligible = before < negligible_norm || after < negligible_norm;
  factors_[model] = negligible ? 1.0 : before / after;
}

}  // namespace stockpot::methods
