#!/bin/bash
# Times merges of a 1B-shaped family (4 checkpoints of 2.5 GB, bfloat16) beside a plain copy of the same bytes: every input
# read once, one output written and synced. Inputs are in the page cache as far as memory allows.
#   bench/merge_1b.sh STOCKPOT [WORK_DIRECTORY] [REPEATS]
# Prints one line per case: median, least and most seconds, GB/s at the median, largest peak memory of a rank, ratio to
# the copy.
set -euo pipefail

stockpot=$(realpath "$1")
work=${2:-/tmp/stockpot-bench}
repeats=${3:-3}
memory=512MiB

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1

mkdir -p "$work"
cd "$work"
[ -e family ] || "$stockpot" synth family --arch llama-1b --tunes 3

models='models:
  - {model: family/tune-1, parameters: {weight: 0.5, density: 0.5}}
  - {model: family/tune-2, parameters: {weight: 0.3, density: 0.5}}
  - {model: family/tune-3, parameters: {weight: 0.2, density: 0.5}}'
printf 'merge_method: linear\n%s\n' "$models" >linear.yaml
printf 'merge_method: ties\nbase_model: family/base\n%s\n' "$models" >ties.yaml

now() { date +%s.%N; }

copy() { # of the inputs of a method: read all, write one, synced
  cat "$@" >/dev/null
  cp "$1" copied
  sync copied
}

merge() { # recipe ranks
  mpirun -n "$2" "$stockpot" merge "$1.yaml" merged --threads 1 --memory-per-rank "$memory" --quiet >/dev/null
}

# case name, bytes moved, command ...: seconds of each repeat, sorted, into $seconds
measure() {
  local start
  seconds=$(for _ in $(seq "$repeats"); do
    rm -rf merged copied
    start=$(now)
    "$@" >&2
    echo "$start $(now)" | awk '{print $2 - $1}'
  done | sort -g)
}

print_case() { # name bytes [copy's median]
  local peak=-
  if [ -e merged/stockpot_run.json ]; then
    peak=$(awk -F'[:,]' '/peak_resident/ && $2 > most {most = $2} END {printf "%.0f MB", most / 1e6}' merged/stockpot_run.json)
  fi
  echo "$seconds" | awk -v name="$1" -v bytes="$2" -v floor="${3:-0}" -v peak="$peak" '
    {s[NR] = $1}
    END {
      median = s[int((NR + 1) / 2)]
      printf "%-18s %7.2f s (%.2f to %.2f)  %5.2f GB/s  peak %-8s", name, median, s[1], s[NR], bytes / median / 1e9, peak
      if (floor > 0) printf "  %.2f x copy", median / floor
      print ""
    }'
}

one=$(stat -c %s family/base/model.safetensors)
tunes=(family/tune-{1,2,3}/model.safetensors)
for method in linear ties; do
  inputs=("${tunes[@]}")
  [ "$method" = linear ] || inputs+=(family/base/model.safetensors)
  bytes=$((one * (${#inputs[@]} + 1)))
  measure copy "${inputs[@]}"
  floor=$(echo "$seconds" | awk '{s[NR] = $1} END {print s[int((NR + 1) / 2)]}')
  print_case "copy for $method" "$bytes"
  for ranks in 1 2; do
    measure merge "$method" "$ranks"
    print_case "$method, $ranks rank(s)" "$bytes" "$floor"
  done
done
rm -rf merged copied
