// Sources that decode while they read: what they keep between reading and decoding are values, not stored bytes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/prompt_tokens.hpp"
#include "engine/source.hpp"
#include "plan/plan.hpp"

namespace stockpot::engine {

/// Base of such sources. `Derived` fills values of either type.
class DecodedSource : public Source {
 public:
  /// @param as_double  the tensor is merged in double: values are kept in that type.
  explicit DecodedSource(bool as_double) : as_double_(as_double) {}
  std::uint64_t stored_bytes(ElementRange range) const final {
    return range.count * (as_double_ ? sizeof(double) : sizeof(float));
  }
  void read(ElementRange range, std::span<std::byte> stored) const final;
  void will_need(ElementRange) const override {}
  bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
              std::span<float> out) const final;
  bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
              std::span<double> out) const final;

 protected:
  virtual void fill(ElementRange range, std::span<float> values) const = 0;
  virtual void fill(ElementRange range, std::span<double> values) const = 0;

 private:
  bool as_double_;
};

/// Reads and decodes a run of a source's elements, through buffers of moderate size.
template <class T>
void read_values(const Source& source, ElementRange range, std::span<T> values);

/// The leading submatrix of another source: the first columns of its first rows.
class CutSource final : public DecodedSource {
 public:
  /// @param inner_columns  at least `columns`.
  CutSource(std::unique_ptr<Source> inner, std::uint64_t inner_columns, std::uint64_t columns, bool as_double)
      : DecodedSource(as_double), inner_(std::move(inner)), inner_columns_(inner_columns), columns_(columns) {}
  const std::string& model() const override { return inner_->model(); }
  const std::string& path() const override { return inner_->path(); }

 private:
  void fill(ElementRange range, std::span<float> values) const override;
  void fill(ElementRange range, std::span<double> values) const override;
  template <class T>
  void fill_rows(ElementRange range, std::span<T> values) const;

  std::unique_ptr<Source> inner_;
  std::uint64_t inner_columns_, columns_;
};

/// Rows that take many others to compute, each computed once per rank, when it is first wanted: means over all stored rows
/// of a gathered source, and directions of prompts.
class GatherMeans {
 public:
  /// Thread safe. @param what  identifies the row.   @param compute  called once for each. Valid as long as this object.
  template <class Compute>
  std::span<const double> get(const void* what, const Compute& compute) {
    const std::lock_guard lock(mutex_);
    const auto known = means_.find(what);
    return known != means_.end() ? known->second : means_.emplace(what, compute()).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<const void*, std::vector<double>> means_;  // looked up only
};

/// Rows put together from several stored tensors, as a Gather says.
///
/// Random values are scaled in float64 and rounded to the tile's type; the sum and the product with the factor are of it.
/// A mean of few rows is added in the tile's type, in the order listed, and divided once. The mean over all stored rows
/// is added in float64, in ascending order of row, divided, and rounded once.
class GatheredSource final : public DecodedSource {
 public:
  /// @param parts  parallel to gather.parts.   @param prompts  of the plan.
  GatheredSource(const plan::Gather& gather, std::vector<std::unique_ptr<Source>> parts, const PromptTokens& prompts,
                 GatherMeans& means, bool as_double)
      : DecodedSource(as_double), gather_(gather), parts_(std::move(parts)), prompts_(prompts), means_(means) {}
  const std::string& model() const override { return parts_.front()->model(); }
  const std::string& path() const override { return parts_.front()->path(); }

 private:
  void fill(ElementRange range, std::span<float> values) const override;
  void fill(ElementRange range, std::span<double> values) const override;
  template <class T>
  void fill_runs(ElementRange range, std::span<T> values) const;
  template <class T>
  void fill_run(const plan::Gather::Run& run, ElementRange inside, std::span<T> values) const;
  template <class T>
  void fill_plain(const plan::Gather::Run& run, ElementRange inside, std::span<T> values) const;
  template <class T>
  void add_draw(const plan::Gather::Draw& draw, std::uint64_t first, std::span<T> values) const;
  template <class T>
  void fill_mean(std::uint32_t mean, ElementRange columns, std::span<T> values) const;
  std::vector<double> mean_of_stored() const;

  const plan::Gather& gather_;
  std::vector<std::unique_ptr<Source>> parts_;
  const PromptTokens& prompts_;
  GatherMeans& means_;
};

}  // namespace stockpot::engine
