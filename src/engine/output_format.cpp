#include "engine/output_format.hpp"

#include <array>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "io/dcp_sink.hpp"
#include "io/hdf5_sink.hpp"
#include "io/safetensors_sink.hpp"

namespace stockpot::engine {
namespace {

struct Format {
  std::string_view name;
  bool is_input;  ///< io/checkpoint reads it, too
  std::unique_ptr<io::TensorSink> (*make)(io::OutputLayout, io::OnMainThread);
  io::OutputPlaces (*places)(const io::OutputLayout&);  ///< none: the places are not known before there is a file
};

const std::array formats{
    Format{"safetensors", true,
           [](io::OutputLayout layout, io::OnMainThread) -> std::unique_ptr<io::TensorSink> {
             return std::make_unique<io::SafetensorsSink>(std::move(layout));
           },
           io::safetensors_places},
    Format{"hdf5", false,
           [](io::OutputLayout layout, io::OnMainThread on_main) -> std::unique_ptr<io::TensorSink> {
             return std::make_unique<io::Hdf5Sink>(std::move(layout), std::move(on_main));
           },
           nullptr},
    Format{"dcp", true,
           [](io::OutputLayout layout, io::OnMainThread) -> std::unique_ptr<io::TensorSink> {
             return std::make_unique<io::DcpSink>(std::move(layout));
           },
           io::dcp_places},
};

const Format& format_called(std::string_view name) {
  for (const Format& known : formats) {
    if (known.name == name) return known;
  }
  throw Error(ErrorKind::usage, "unknown output format '" + std::string(name) + "'")
      .hint(did_you_mean(name, output_formats()));
}

}  // namespace

std::vector<std::string> output_formats() {
  std::vector<std::string> names;
  for (const Format& format : formats) names.emplace_back(format.name);
  return names;
}

bool is_input_format(std::string_view format) { return format_called(format).is_input; }

std::unique_ptr<io::TensorSink> make_sink(std::string_view format, io::OutputLayout layout, io::OnMainThread on_main) {
  return format_called(format).make(std::move(layout), std::move(on_main));
}

std::optional<io::OutputPlaces> output_places(std::string_view format, const io::OutputLayout& layout) {
  const auto places = format_called(format).places;
  return places == nullptr ? std::nullopt : std::optional(places(layout));
}

io::OutputLayout layout_of(const plan::MergePlan& plan, std::string directory,
                           std::vector<std::pair<std::string, std::string>> metadata) {
  io::OutputLayout layout;
  layout.directory = std::move(directory);
  layout.metadata = std::move(metadata);
  for (const auto& planned : plan.tensors) layout.tensors.push_back(planned.output);
  for (const auto& shard : plan.shards) {
    io::OutputLayout::File file{shard.file_name, {}, {}};
    for (const auto& entry : shard.entries) {
      file.tensors.push_back(entry.tensor);
      file.offsets.push_back(entry.offset);
    }
    layout.files.push_back(std::move(file));
  }
  return layout;
}

}  // namespace stockpot::engine
