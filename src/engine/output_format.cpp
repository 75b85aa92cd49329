#include "engine/output_format.hpp"

#include <array>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "io/hdf5_sink.hpp"
#include "io/safetensors_sink.hpp"

namespace stockpot::engine {
namespace {

struct Format {
  std::string_view name;
  std::unique_ptr<io::TensorSink> (*make)(io::OutputLayout, io::OnMainThread);
};

const std::array formats{
    Format{"safetensors",
           [](io::OutputLayout layout, io::OnMainThread) -> std::unique_ptr<io::TensorSink> {
             return std::make_unique<io::SafetensorsSink>(std::move(layout));
           }},
    Format{"hdf5",
           [](io::OutputLayout layout, io::OnMainThread on_main) -> std::unique_ptr<io::TensorSink> {
             return std::make_unique<io::Hdf5Sink>(std::move(layout), std::move(on_main));
           }},
};

}  // namespace

std::vector<std::string> output_formats() {
  std::vector<std::string> names;
  for (const Format& format : formats) names.emplace_back(format.name);
  return names;
}

std::unique_ptr<io::TensorSink> make_sink(std::string_view format, io::OutputLayout layout, io::OnMainThread on_main) {
  for (const Format& known : formats) {
    if (known.name == format) return known.make(std::move(layout), std::move(on_main));
  }
  throw Error(ErrorKind::usage, "unknown output format '" + std::string(format) + "'")
      .hint(did_you_mean(format, output_formats()));
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
