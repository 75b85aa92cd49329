// Element-wise methods a second time, as reference_merge.hpp does it: whole tensors, straight loops from the formulas.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "support/reference_merge.hpp"

namespace stockpot::test::reference {

template <class T>
Vector<T> magmax(const Lookup& p, const HandTensor<T>& in) {
  const auto delta = deltas(in);
  Vector<T> out = in.base;
  for (std::size_t i = 0; i < out.size(); ++i) {
    T tau = 0, sum = 0;
    for (const auto& d : delta) sum = sum + d[i];
    for (const auto& d : delta) {
      const bool agrees = p.word("elect", "none") == "none" || (sum > 0 ? d[i] > 0 : d[i] < 0);
      if (agrees && std::abs(d[i]) >= std::abs(tau)) tau = d[i];
    }
    out[i] = out[i] + static_cast<T>(p.number("lambda", 1)) * tau;
  }
  return out;
}

template <class T>
Vector<T> median(const HandTensor<T>& in) {
  Vector<T> out(in.elements());
  for (std::size_t i = 0; i < out.size(); ++i) {
    Vector<T> column;
    for (const auto& model : in.models) column.push_back(model[i]);
    std::ranges::sort(column);
    const std::size_t n = column.size();
    out[i] = n % 2 == 1 ? column[n / 2] : T(0.5) * (column[n / 2 - 1] + column[n / 2]);
  }
  return out;
}

template <class T>
Vector<T> nearswap(const Lookup& p, const HandTensor<T>& in) {
  const T t = static_cast<T>(p.number("t", NAN));
  Vector<T> out(in.base.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const T a = in.base[i], x = in.models[0][i];
    const T omega = std::min(std::max(t / std::max(std::abs(a - x), T(1e-6)), T(0)), T(1));
    out[i] = omega * x + (T(1) - omega) * a;
  }
  return out;
}

/// Changes shared with other models and changes of its own, of each model.
struct Shares {
  Vector<double> shared, unique;
};

template <class T>
void add_shares(const HandTensor<T>& in, T epsilon, Shares& shares) {
  const auto delta = deltas(in);
  shares.shared.resize(delta.size());
  shares.unique.resize(delta.size());
  for (std::size_t i = 0; i < in.elements(); ++i) {
    const auto changed = [&](const auto& d) { return std::abs(d[i]) > epsilon; };
    const auto c = std::ranges::count_if(delta, changed);
    for (std::size_t m = 0; m < delta.size(); ++m) {
      if (changed(delta[m])) (c > 1 ? shares.shared : shares.unique)[m] += 1;
    }
  }
}

/// @param shares  nullptr: every factor is 1
template <class T>
Vector<T> ram(const Lookup& p, const HandTensor<T>& in, const Shares* shares) {
  const auto delta = deltas(in);
  const double epsilon = p.number("epsilon", 1e-5);
  Vector<T> out = in.base;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto changed = [&](const auto& d) { return std::abs(d[i]) > static_cast<T>(epsilon); };
    const auto c = std::ranges::count_if(delta, changed);
    T tau = 0;
    for (std::size_t m = 0; m < delta.size(); ++m) {
      if (!changed(delta[m])) continue;
      double lambda = 1;
      if (shares != nullptr) {
        const double rho = shares->shared[m] / std::max(shares->unique[m], epsilon);
        lambda = 1 + p.number("r", 0.1) * std::min(rho, p.number("alpha", 0.2));
      }
      tau = tau + (c == 1 ? static_cast<T>(lambda) * delta[m][i] : delta[m][i] / static_cast<T>(c));
    }
    out[i] = out[i] + tau;
  }
  return out;
}

/// u of consensus over one group laid end to end: a plain sum, or what TIES of the whole model adds.
template <class T>
Vector<T> inner_task_vector(const Lookup& p, const Vector<Vector<T>>& delta) {
  auto v = delta;
  const bool ties = p.word("inner", "task_arithmetic") == "ties";
  for (std::size_t m = 0; m < v.size(); ++m) {
    if (ties) trim_by_magnitude(v[m], 0.2, false);
    for (T& value : v[m]) value = static_cast<T>(p.of_model("weight", m, 1)) * value;
  }
  Vector<T> sum(delta[0].size(), T(0));
  for (const auto& vector : v) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = sum[i] + vector[i];
  }
  if (!ties) return sum;
  long long total = 0;
  for (const T s : sum) total += sign(s);
  for (T& s : sum) {
    const auto i = static_cast<std::size_t>(&s - sum.data());
    const int sigma = s == 0 ? (total > 0 ? 1 : -1) : sign(s);
    s = 0;
    for (const auto& vector : v) s = s + (sign(vector[i]) == sigma ? vector[i] : T(0));
  }
  return sum;
}

template <class T>
Vector<T> consensus(const Lookup& p, const Vector<T>& base, const Vector<Vector<T>>& delta) {
  const Vector<T> mu = inner_task_vector(p, delta);
  Vector<T> out = base;
  for (std::size_t i = 0; i < out.size(); ++i) {
    int uses = 0;
    for (const auto& d : delta) {
      uses += std::abs(d[i]) > static_cast<T>(p.number("mask_lambda", 0.4)) * std::abs(mu[i] - d[i]);
    }
    const T tau = uses >= p.number("min_models", 2) ? mu[i] : T(0);
    out[i] = out[i] + static_cast<T>(p.number("lambda", 1)) * tau;
  }
  return out;
}

/// Zeroes what SCE does not select. @param words  what orders equal variances; empty: the index
template <class T>
void select_by_variance(Vector<Vector<T>>& delta, double part, const Vector<std::uint32_t>& words) {
  const std::size_t n = delta[0].size();
  Vector<float> variance(n);
  for (std::size_t i = 0; i < n; ++i) {
    long double mean = 0, square = 0;
    for (const auto& d : delta) mean += d[i];
    mean /= static_cast<long double>(delta.size());
    for (const auto& d : delta) square += (d[i] - mean) * (d[i] - mean);
    const bool equal = std::ranges::all_of(delta, [&](const auto& d) { return d[i] == delta[0][i]; });
    variance[i] = equal ? 0.0f : static_cast<float>(square / static_cast<long double>(delta.size()));
  }
  const auto zero = static_cast<std::size_t>(std::ranges::count(variance, 0.0f));
  const auto k = static_cast<std::size_t>(part * static_cast<double>(n - zero));
  Vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    if (variance[a] != variance[b]) return variance[a] > variance[b];
    return !words.empty() && words[a] < words[b];
  });
  for (auto& d : delta) {
    for (std::size_t rank = k; rank < n; ++rank) d[order[rank]] = 0;
  }
}

template <class T>
Vector<T> sce(const Lookup& p, const HandTensor<T>& in, std::uint64_t seed) {
  auto delta = deltas(in);
  const std::size_t n = in.elements(), models = delta.size();
  Vector<std::uint32_t> words;
  if (p.word("tie_break", "index") == "hash") {
    const RandomStream stream{seed, stream_of(1, "", in.name)};
    for (std::size_t i = 0; i < n; ++i) words.push_back(stream.word(i));
  }
  if (p.number("select_topk", 1) < 1) select_by_variance(delta, p.number("select_topk", 1), words);
  Vector<double> q;
  for (const auto& d : delta) {
    q.push_back(contract_sum(0, n, [&](std::size_t i) { return double(d[i]) * double(d[i]); }) / double(n));
  }
  const double all = std::accumulate(q.begin(), q.end(), 0.0);
  Vector<T> out = in.base;
  for (std::size_t i = 0; i < n; ++i) {
    T s = 0, sum = 0, mass = 0;
    for (const auto& d : delta) s = s + d[i];
    for (std::size_t m = 0; m < models; ++m) {
      if (s >= 0 ? !(delta[m][i] > 0) : !(delta[m][i] < 0)) continue;
      const bool uniform = all == 0 || all < p.number("weight_floor", 0);
      const T eta = static_cast<T>(uniform ? 1.0 / double(models) : q[m] / all);
      sum = sum + eta * delta[m][i];
      mass = mass + eta;
    }
    out[i] = out[i] + sum / std::max(mass, T(1e-6));
  }
  return out;
}

}  // namespace stockpot::test::reference
