// The output formats that users can name.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/tensor_sink.hpp"
#include "plan/plan.hpp"

namespace stockpot::engine {

std::vector<std::string> output_formats();

/// Whether an output of this format can be the input of another merge.
/// @param format  one of output_formats().   @throws Error(usage) otherwise.
bool is_input_format(std::string_view format);

/// @param format  one of output_formats().   @throws Error(usage) otherwise.
std::unique_ptr<io::TensorSink> make_sink(std::string_view format, io::OutputLayout layout, io::OnMainThread on_main);

/// Where the tensors lie in the files of a format whose files can be gone on with; nothing for others.
std::optional<io::OutputPlaces> output_places(std::string_view format, const io::OutputLayout& layout);

/// Where every output tensor goes.
io::OutputLayout layout_of(const plan::MergePlan& plan, std::string directory,
                           std::vector<std::pair<std::string, std::string>> metadata);

}  // namespace stockpot::engine
