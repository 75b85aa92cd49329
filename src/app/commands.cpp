#include "app/commands.hpp"

#include <array>

namespace stockpot::app {

std::span<const Command> all_commands() {
  static constexpr std::array commands{
      Command{"merge", "merge the models of a recipe", merge_command, true},
      Command{"multi", "merge by a recipe of several documents, keeping its stages", multi_command, true},
      Command{"moe", "make a mixture of experts of dense models", moe_command, true},
      Command{"raw", "merge weight files by tensor names alone", raw_command, true},
      Command{"convert", "write a model in another format, type or size of files", convert_command, true},
      Command{"check", "say everything that is wrong with a recipe and its models", check_command},
      Command{"plan", "show what a merge would do on any number of ranks", plan_command},
      Command{"verify", "check a published output against its manifest", verify_command, true},
      Command{"status", "say what there is of an output, how far it got and what to do", status_command},
      Command{"methods", "list the merge methods, or explain one", methods_command},
      Command{"inspect", "list the tensors of a checkpoint", inspect_command},
      Command{"synth", "make a family of synthetic checkpoints, for tests and benchmarks", synth_command},
  };
  return commands;
}

}  // namespace stockpot::app
