#include "engine/small_tensors.hpp"

#include <utility>

#include "core/convert.hpp"
#include "core/error.hpp"
#include "io/stored_elements.hpp"
#include "plan/adapters.hpp"

namespace stockpot::engine {
namespace {

template <class T>
std::vector<T> read_values(InputFiles& files, const Catalogue& model, const StoredTensor& tensor) {
  try {
    std::vector<std::byte> stored(tensor.info.bytes());
    io::read_elements(*files.of(model, tensor), tensor, {0, tensor.info.elements()}, stored);
    std::vector<T> values(tensor.info.elements());
    widen(tensor.info.dtype, stored.data(), std::span<T>(values));
    return values;
  } catch (Error& error) {
    throw error.in_tensor(tensor.info.name).in_model(model.model);
  }
}

template <class T>
std::vector<T> transpose(const std::vector<T>& matrix, plan::MatrixShape shape) {
  std::vector<T> turned(matrix.size());
  for (std::uint64_t i = 0; i < shape.rows; ++i) {
    for (std::uint64_t j = 0; j < shape.columns; ++j) turned[j * shape.rows + i] = matrix[i * shape.columns + j];
  }
  return turned;
}

}  // namespace

template <class T>
SmallTensors::Values<T> SmallTensors::values(const Catalogue& model, const StoredTensor& tensor) {
  return get<T>({&tensor, Form::stored, 0, sizeof(T) == sizeof(double)},
                [&] { return read_values<T>(files_, model, tensor); });
}

template <class T>
SmallTensors::Values<T> SmallTensors::transposed(const Catalogue& model, const StoredTensor& tensor) {
  return get<T>({&tensor, Form::transposed, 0, sizeof(T) == sizeof(double)},
                [&] { return transpose(read_values<T>(files_, model, tensor), plan::matrix_shape(tensor.info)); });
}

template <class T>
SmallTensors::Values<T> SmallTensors::computed(const StoredTensor& tensor, std::uint32_t which,
                                               const std::function<std::vector<T>()>& compute) {
  return get<T>({&tensor, Form::computed, which, sizeof(T) == sizeof(double)}, compute);
}

template <class T>
SmallTensors::Values<T> SmallTensors::remade(const StoredTensor& tensor, std::uint32_t which,
                                             const std::function<std::vector<T>()>& compute) {
  return get<T>({&tensor, Form::remade, which, sizeof(T) == sizeof(double)}, compute);
}

void SmallTensors::note(std::string line) {
  const std::lock_guard lock(mutex_);
  notes_.insert(std::move(line));
}

std::vector<std::string> SmallTensors::notes() const {
  const std::lock_guard lock(mutex_);
  return {notes_.begin(), notes_.end()};
}

template <class T>
SmallTensors::Values<T> SmallTensors::get(const Key& key, const std::function<std::vector<T>()>& make) {
  const std::shared_ptr<Entry> found = entry(key);
  const std::lock_guard filling(found->filling);
  if (found->values == nullptr) {
    auto made = std::make_shared<const std::vector<T>>(make());  // if that throws, the next one tries again
    found->values = made;
    if (key.form != Form::computed) keep_within_budget(key, found, made->size() * sizeof(T));
  }
  return std::static_pointer_cast<const std::vector<T>>(found->values);
}

std::shared_ptr<SmallTensors::Entry> SmallTensors::entry(const Key& key) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Entry>& found = entries_[key];
  if (found == nullptr) {
    found = std::make_shared<Entry>();
    if (key.form != Form::computed) found->place = recent_.insert(recent_.begin(), key);
  } else if (key.form != Form::computed) {
    recent_.splice(recent_.begin(), recent_, found->place);
  }
  return found;
}

/// Accounts for an entry that was filled, and drops those that were not asked for the longest.
void SmallTensors::keep_within_budget(const Key& key, const std::shared_ptr<Entry>& filled, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(key);
  if (known == entries_.end() || known->second != filled) return;  // dropped while it was filled
  filled->bytes = bytes;
  bytes_ += bytes;
  while (bytes_ > budget_bytes_ && recent_.size() > 1) {
    const auto oldest = entries_.find(recent_.back());
    bytes_ -= oldest->second->bytes;
    entries_.erase(oldest);
    recent_.pop_back();
  }
}

template SmallTensors::Values<float> SmallTensors::values(const Catalogue&, const StoredTensor&);
template SmallTensors::Values<double> SmallTensors::values(const Catalogue&, const StoredTensor&);
template SmallTensors::Values<float> SmallTensors::transposed(const Catalogue&, const StoredTensor&);
template SmallTensors::Values<double> SmallTensors::transposed(const Catalogue&, const StoredTensor&);
template SmallTensors::Values<float> SmallTensors::computed(const StoredTensor&, std::uint32_t,
                                                            const std::function<std::vector<float>()>&);
template SmallTensors::Values<double> SmallTensors::computed(const StoredTensor&, std::uint32_t,
                                                             const std::function<std::vector<double>()>&);
template SmallTensors::Values<double> SmallTensors::remade(const StoredTensor&, std::uint32_t,
                                                           const std::function<std::vector<double>()>&);
template SmallTensors::Values<float> SmallTensors::remade(const StoredTensor&, std::uint32_t,
                                                          const std::function<std::vector<float>()>&);

}  // namespace stockpot::engine
