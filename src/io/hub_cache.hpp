// The cache of the Hugging Face hub: models that were downloaded by others. Nothing is ever downloaded here.
//
//   models--<namespace>--<name>/refs/<revision>       text: a commit
//   models--<namespace>--<name>/snapshots/<commit>/   links into ../../blobs
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stockpot::io {

/// "name" or "namespace/name" as the hub allows them. Nothing else is ever made into a path of the cache.
bool is_hub_id(std::string_view text);

/// Local. The cache that `given` or, if it is empty, the environment names. "$VAR", "${VAR}" and "~" are expanded.
std::string hub_cache_directory(const std::string& given);

/// Where a cache keeps a model. @pre is_hub_id(id).
std::string hub_model_directory(const std::string& cache, std::string_view id);

/// Whether a path is that of a snapshot of the model in some cache.
bool is_snapshot_of(std::string_view id, const std::string& path);

/// Local. Ids of the models in a cache, ascending; none if there is no cache.
std::vector<std::string> cached_hub_ids(const std::string& cache);

struct HubSnapshot {
  std::string path;
  std::vector<std::string> warnings;
};

/// Local. The snapshot of a revision (empty: main). @param model_directory  exists.
/// @throws Error(corrupt_input): REF005 if the cache does not have that revision, REF007 if a link leads out of the
/// folder.
HubSnapshot hub_snapshot(const std::string& model_directory, const std::string& revision);

}  // namespace stockpot::io
