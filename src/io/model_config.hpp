// What Stockpot wants to know from a model's config.json.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::io {

/// Where a config speaks of the text model: at top level, or in one of these, with their paths. The later, the more
/// particular.
inline constexpr std::array text_objects{"", "text_config", "llm_config", "language_config",
                                         "thinker_config.text_config"};

/// Everything in a config is optional; values of another kind than expected count as absent.
/// Layer counts: those at top level, then those of each nested object that is known to have some. An object without a
/// number has the length of its list by layer.
/// @param path      for warnings.   @param warnings  gets ARC001 unless there is exactly one architecture.
ModelConfig model_config(const nlohmann::ordered_json& config, std::string_view path,
                         std::vector<std::string>& warnings);

}  // namespace stockpot::io
