// Merge methods a second time: whole tensors, straight loops from the published formulas, sorting instead of counting,
// libm instead of our own trigonometry. Slow and plain on purpose; nothing of src/methods is used.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "support/run_method.hpp"

namespace stockpot::test::reference {

template <class T>
using Vector = std::vector<T>;

/// Looks up what a test wrote, with the documented defaults beside each use.
class Lookup {
 public:
  explicit Lookup(const Parameters& parameters) : parameters_(parameters) {}
  double number(const std::string& name, double fallback) const {
    const Value* value = find(name);
    return value ? value->numbers.at(0) : fallback;
  }
  bool flag(const std::string& name, bool fallback) const { return number(name, fallback ? 1 : 0) != 0; }
  std::string word(const std::string& name, const std::string& fallback) const {
    const Value* value = find(name);
    return value ? value->choice : fallback;
  }
  double of_model(const std::string& name, std::size_t m, double fallback) const {
    const Value* value = find(name);
    if (value == nullptr) return fallback;
    return value->numbers.size() == 1 ? value->numbers[0] : value->numbers.at(m);
  }

 private:
  const Value* find(const std::string& name) const {
    for (const auto& [key, value] : parameters_) {
      if (key == name) return &value;
    }
    return nullptr;
  }
  const Parameters& parameters_;
};

/// The fixed tree over block values: two halves where the count is a power of two, else the widest power of two first.
inline double tree_sum(const Vector<double>& blocks, std::size_t first, std::size_t count) {
  if (count == 0) return 0.0;
  if (count == 1) return blocks[first];
  std::size_t left = 1;
  while (left * 2 < count) left *= 2;
  return tree_sum(blocks, first, left) + tree_sum(blocks, first + left, count - left);
}

/// Sum of term(i) over [first, first + count): 8 lanes in blocks counted from `first`, then the tree.
template <class Term>
double contract_sum(std::size_t first, std::size_t count, Term term) {
  Vector<double> blocks;
  for (std::size_t start = 0; start < count; start += 65536) {
    double lane[8] = {};
    for (std::size_t i = start; i < std::min<std::size_t>(start + 65536, count); ++i) lane[i % 8] += term(first + i);
    blocks.push_back(((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7])));
  }
  return tree_sum(blocks, 0, blocks.size());
}

template <class T>
Vector<Vector<T>> deltas(const HandTensor<T>& in) {
  Vector<Vector<T>> all;
  for (const auto& model : in.models) {
    Vector<T> delta(model.size());
    for (std::size_t i = 0; i < model.size(); ++i) delta[i] = model[i] - in.base[i];
    all.push_back(delta);
  }
  return all;
}

template <class T>
Vector<T> linear(const Lookup& p, const HandTensor<T>& in) {
  Vector<T> out(in.elements());
  for (std::size_t i = 0; i < out.size(); ++i) {
    T sum = 0, mass = 0;
    for (std::size_t m = 0; m < in.models.size(); ++m) {
      const T w = static_cast<T>(p.of_model("weight", m, 1.0));
      sum = sum + w * in.models[m][i];
      mass = mass + w;
    }
    out[i] = p.flag("normalize", true) ? sum / mass : sum;
  }
  return out;
}

template <class T>
Vector<T> passthrough(const Lookup& p, const HandTensor<T>& in) {
  Vector<T> out = in.models[0];
  for (T& value : out) value = static_cast<T>(p.of_model("scale", 0, 1.0)) * value;
  return out;
}

template <class T>
Vector<T> slerp(const Lookup& p, const HandTensor<T>& in) {
  const auto &v0 = in.base, &v1 = in.models[0];
  const auto dot = [&](const auto& x, const auto& y) {
    return contract_sum(0, x.size(), [&](std::size_t i) { return double(x[i]) * double(y[i]); });
  };
  const double t = p.number("t", NAN), n0 = std::sqrt(dot(v0, v0)), n1 = std::sqrt(dot(v1, v1));
  const double c = dot(v0, v1) / ((n0 > 1e-8 ? n0 : 1.0) * (n1 > 1e-8 ? n1 : 1.0));
  double c0 = 1.0 - t, c1 = t;
  if (std::abs(c) <= p.number("dot_threshold", 0.9995)) {
    const double theta = std::acos(c);
    c0 = std::sin(theta - theta * t) / std::sin(theta);
    c1 = std::sin(theta * t) / std::sin(theta);
  }
  Vector<T> out(v0.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(c0) * v0[i] + static_cast<T>(c1) * v1[i];
  return out;
}

/// t of model stock for elements [first, first + count).
template <class T>
double stock_ratio(const Lookup& p, const Vector<Vector<T>>& delta, std::size_t first, std::size_t count) {
  const double models = static_cast<double>(delta.size());
  const auto dot = [&](const auto& x, const auto& y) {
    return contract_sum(first, count, [&](std::size_t i) { return double(x[i]) * double(y[i]); });
  };
  double sum = 0;
  int pairs = 0;
  const bool angle = p.word("angle_mean", "cosine") == "angle";
  for (std::size_t j = 0; j < delta.size(); ++j) {
    for (std::size_t k = j + 1; k < delta.size(); ++k, ++pairs) {
      const double norms = std::sqrt(dot(delta[j], delta[j])) * std::sqrt(dot(delta[k], delta[k]));
      const double below = std::max(norms, p.number("cos_eps", 1e-6));
      const double c = below == 0 ? 0 : std::min(1.0, std::max(-1.0, dot(delta[j], delta[k]) / below));
      sum += angle ? std::acos(c) : c;
    }
  }
  const double c = angle ? std::cos(sum / pairs) : sum / pairs;
  const double d = 1 + (models - 1) * c;
  if (d < 1e-6) return 0;
  const double t = models * c / d;
  return p.word("t_clamp", "none") == "unit" ? std::min(std::max(t, 0.0), 1.0) : t;
}

template <class T>
Vector<T> model_stock(const Lookup& p, const HandTensor<T>& in) {
  const auto delta = deltas(in);
  const std::size_t n = in.elements();
  const std::size_t row = p.flag("filter_wise", false) && in.shape.size() > 1 ? in.shape.back() : n;
  Vector<T> out(n);
  for (std::size_t first = 0; first < n; first += row) {
    const T t = static_cast<T>(stock_ratio(p, delta, first, row));
    for (std::size_t i = first; i < first + row; ++i) {
      T mean = 0;
      for (const auto& model : in.models) mean = mean + model[i];
      mean = mean / static_cast<T>(in.models.size());
      out[i] = t * mean + (T(1) - t) * in.base[i];
    }
  }
  return out;
}

/// Zeroes what a magnitude trim drops of one vector.
template <class T>
void trim_by_magnitude(Vector<T>& delta, double density, bool at_least) {
  const std::size_t n = delta.size(), k = static_cast<std::size_t>(density * static_cast<double>(n));
  if (density == 1 || n == 0) return;
  Vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return std::abs(delta[a]) > std::abs(delta[b]); });
  Vector<bool> keep(n, false);
  for (std::size_t rank = 0; rank < std::max<std::size_t>(1, k) && density > 0; ++rank) keep[order[rank]] = true;
  if (at_least && density > 0) {
    const T threshold = std::abs(delta[order[k]]);  // the (n - k)-th smallest, counted from 1
    for (std::size_t i = 0; i < n; ++i) keep[i] = std::abs(delta[i]) >= threshold;
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (!keep[i]) delta[i] = 0;
  }
}

/// A group's task vectors end to end, as if it were one tensor; `starts` are the tensors' first elements.
template <class T>
struct Family {
  Vector<Vector<T>> delta;  // of each model
  Vector<T> base;
  Vector<std::size_t> starts;
};

template <class T>
double rescale_factor(const std::string& mode, double density, const Vector<T>& before, const Vector<T>& after,
                      std::size_t start, std::size_t end) {
  if (density == 0 || density == 1 || mode == "none") return 1;
  if (mode == "inv_density") return 1 / density;
  const auto norm = [&](const Vector<T>& v) {
    double largest = 0;
    for (std::size_t i = start; i < end; ++i) largest = std::max(largest, double(std::abs(v[i])));
    const double total = contract_sum(start, end - start, [&](std::size_t i) {
      return mode == "l2" ? double(v[i]) * double(v[i]) : double(std::abs(v[i]));
    });
    return mode == "linf" ? largest : mode == "l2" ? std::sqrt(total) : total;
  };
  const double b = norm(before), a = norm(after);
  return b < 1e-7 || a < 1e-7 ? 1 : b / a;
}

template <class T>
int sign(T value) {
  return value > 0 ? 1 : value < 0 ? -1 : 0;
}

/// The task-arithmetic family over one group whose tensors are laid end to end in the order given, which must be that
/// of their names.
template <class T>
Vector<T> family(const std::string& method, const Lookup& p, const Vector<HandTensor<T>>& group, std::uint64_t seed) {
  const bool elects = method == "ties" || method == "dare_ties";
  const bool dare = method == "dare_linear" || method == "dare_ties";
  const std::size_t models = group[0].models.size();
  Family<T> all{Vector<Vector<T>>(models), {}, {}};
  Vector<Vector<bool>> kept_at_random(models);
  for (const auto& tensor : group) {
    all.starts.push_back(all.base.size());
    all.base.insert(all.base.end(), tensor.base.begin(), tensor.base.end());
    const auto own = deltas(tensor);
    for (std::size_t m = 0; m < models; ++m) {
      all.delta[m].insert(all.delta[m].end(), own[m].begin(), own[m].end());
      const RandomStream stream{seed, stream_of(0, std::string(1, static_cast<char>('A' + m)), tensor.name)};
      const double below = std::floor(p.of_model("density", m, 1.0) * 4294967296.0);
      for (std::size_t i = 0; dare && i < own[m].size(); ++i) {
        kept_at_random[m].push_back(double(stream.word(i)) < below);
      }
    }
  }

  const std::size_t n = all.base.size();
  Vector<Vector<T>> v = all.delta;
  Vector<T> weight;
  const bool rescale = p.flag("rescale", dare) && method != "task_arithmetic";
  for (std::size_t m = 0; m < models; ++m) {
    const double density = p.of_model("density", m, 1.0);
    weight.push_back(static_cast<T>(p.of_model("weight", m, NAN)));
    if (method == "ties") trim_by_magnitude(v[m], density, p.word("trim_rule", "exact") == "at_least");
    for (std::size_t i = 0; dare && i < n; ++i) v[m][i] = kept_at_random[m][i] ? v[m][i] : T(0);
    const std::string mode = rescale ? p.word("rescale_mode", "l1") : "none";
    for (std::size_t t = 0; t < all.starts.size(); ++t) {  // each tensor by its own norms
      const std::size_t start = all.starts[t], end = t + 1 < all.starts.size() ? all.starts[t + 1] : n;
      const T factor = static_cast<T>(rescale_factor(mode, density, all.delta[m], v[m], start, end));
      for (std::size_t i = start; i < end; ++i) v[m][i] = v[m][i] * factor;
    }
    for (T& value : v[m]) value = weight[m] * value;
  }

  const bool by_count = p.word("sign_consensus", "sum") == "count";
  Vector<T> s(n, T(0));
  long long sign_total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t m = 0; m < models; ++m) s[i] = s[i] + (by_count ? static_cast<T>(sign(v[m][i])) : v[m][i]);
    sign_total += sign(s[i]);
  }
  const int at_zero = p.word("zero_sign", "positive") == "positive" ? 1 : sign_total > 0 ? 1 : -1;

  Vector<T> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    const int sigma = s[i] == 0 ? at_zero : sign(s[i]);
    T a = 0, d = 0;
    for (std::size_t m = 0; m < models; ++m) {
      if (elects && sign(v[m][i]) != sigma) continue;
      a = a + v[m][i];
      d = d + weight[m];
    }
    if (elects ? d == 0 : std::abs(d) < T(1e-8)) d = 1;
    if (p.flag("normalize", method == "ties")) a = a / d;
    const double lambda = p.number("lambda", 1.0);
    if (lambda != 1) a = static_cast<T>(lambda) * a;
    out[i] = all.base[i] + a;
  }
  return out;
}

/// The tensors of a group, end to end.
template <class T>
Vector<T> merge(const std::string& method, const Parameters& parameters, const Vector<HandTensor<T>>& group,
                std::uint64_t seed = 0) {
  const Lookup p(parameters);
  if (method == "linear" || method == "uniform_soup") return linear(p, group[0]);
  if (method == "passthrough") return passthrough(p, group[0]);
  if (method == "slerp") return slerp(p, group[0]);
  if (method == "model_stock") return model_stock(p, group[0]);
  return family(method, p, group, seed);
}

}  // namespace stockpot::test::reference
