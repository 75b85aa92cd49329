// Small tensors that sources want again and again, of adapters and of quantised weights, as numbers: read once on each
// rank, kept while there is room.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/catalogue.hpp"
#include "engine/input_files.hpp"

namespace stockpot::engine {

/// Thread safe. Whoever asks first for a tensor reads it, others wait for it.
///
/// Tensors of which more than the budget is wanted at the same time are kept alive by their users all the same: what
/// the cache promises is that nothing unused is kept beyond it.
class SmallTensors {
 public:
  template <class T>
  using Values = std::shared_ptr<const std::vector<T>>;

  SmallTensors(InputFiles& files, std::uint64_t budget_bytes) : files_(files), budget_bytes_(budget_bytes) {}

  /// The tensor as it is stored, in row-major order.
  /// @param tensor  of `model`; its address is what it is known by, so that it has to outlive the cache.
  template <class T>
  Values<T> values(const Catalogue& model, const StoredTensor& tensor);
  /// A matrix with columns where rows are stored.
  template <class T>
  Values<T> transposed(const Catalogue& model, const StoredTensor& tensor);
  /// Something that is costly to compute from the whole of `tensor`; kept until the end.
  /// @param which  tells apart what belongs to one tensor.
  template <class T>
  Values<T> computed(const StoredTensor& tensor, std::uint32_t which, const std::function<std::vector<T>()>& compute);

  /// Likewise what costs no more than reading it again: it is kept while there is room.
  template <class T>
  Values<T> remade(const StoredTensor& tensor, std::uint32_t which, const std::function<std::vector<T>()>& compute);

  InputFiles& files() const { return files_; }
  /// Something that users should hear of when all is done.
  void note(std::string line);
  /// Each once, ascending.
  std::vector<std::string> notes() const;

 private:
  enum class Form { stored, transposed, computed, remade };
  struct Key {
    const StoredTensor* tensor;
    Form form;
    std::uint32_t which;
    bool float64;
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    std::mutex filling;
    std::shared_ptr<const void> values;
    std::uint64_t bytes = 0;
    std::list<Key>::iterator place = {};  // in recent_; of those that may be dropped
  };

  template <class T>
  Values<T> get(const Key& key, const std::function<std::vector<T>()>& make);
  std::shared_ptr<Entry> entry(const Key& key);
  void keep_within_budget(const Key& key, const std::shared_ptr<Entry>& filled, std::uint64_t bytes);

  InputFiles& files_;
  std::uint64_t budget_bytes_;
  mutable std::mutex mutex_;
  std::set<std::string> notes_;
  std::map<Key, std::shared_ptr<Entry>> entries_;
  std::list<Key> recent_;  // most recent first
  std::uint64_t bytes_ = 0;
};

}  // namespace stockpot::engine
