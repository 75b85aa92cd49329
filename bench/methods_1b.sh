#!/bin/bash
# Runs every merge method once on a 1B-shaped family (a base and 3 tunes of 2.5 GB, bfloat16) on 2 ranks of one thread each, 2 GiB
# of memory per rank, output synced. Inputs are in the page cache as far as memory allows.
#   bench/methods_1b.sh STOCKPOT [WORK_DIRECTORY] [METHOD ...]
# Prints one line per method: seconds, GB/s of inputs read once and output written once, largest peak memory of a rank. Before the
# first and after the last method the same for a plain copy of the same bytes.
set -euo pipefail

stockpot=$(realpath "$1")
work=${2:-/tmp/stockpot-bench}
shift $(($# < 2 ? $# : 2))

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1

mkdir -p "$work"
cd "$work"
[ -e family ] || "$stockpot" synth family --arch llama-1b --tunes 3
one=$(stat -c %s family/base/model.safetensors)

# The models that a method takes, and parameters that make it do all of its work.
recipe() {
  local method=$1 models='[{model: family/tune-1, parameters: {weight: 0.5}}, {model: family/tune-2, parameters: {weight: 0.3}}, {model: family/tune-3, parameters: {weight: 0.2}}]'
  local base='base_model: family/base' parameters=''
  case $method in
    linear | uniform_soup | karcher | median | geometric_median) base='' ;;
    slerp | nearswap | arcee_fusion) models='[{model: family/tune-1}]' ;;
    nuslerp) base='' models='[{model: family/tune-1, parameters: {weight: 0.5}}, {model: family/tune-2, parameters: {weight: 0.3}}]' ;;
    passthrough) base='' models='[{model: family/tune-1, parameters: {scale: 0.5}}]' ;;
  esac
  case $method in
    slerp) parameters='t: 0.3' ;;
    nearswap) parameters='t: 0.001' ;;
    ties | dare_* | della* | breadcrumbs*) parameters='density: 0.4' ;;
    sce) parameters='select_topk: 0.2' ;;
    tsvm | iso_*) parameters="exclude: [${exclude:-embed, lm_head}]" ;;
  esac
  printf 'merge_method: %s\n%s\nmodels: %s\nparameters: {%s}\n' "$method" "$base" "$models" "$parameters"
}

now() { date +%s.%N; }

copy() {
  local start
  rm -rf copied
  start=$(now)
  cat family/{base,tune-1,tune-2,tune-3}/model.safetensors >/dev/null
  cp family/base/model.safetensors copied
  sync copied
  echo "$start $(now) $((5 * one))" | awk '{printf "%-20s %8.2f s  %5.2f GB/s\n", "copy of 4 + 1", $2 - $1, $3 / ($2 - $1) / 1e9}'
  rm -rf copied
}

run() {
  local start end
  recipe "$1" >"$1.yaml"
  rm -rf merged
  start=$(now)
  mpirun -n 2 "$stockpot" merge "$1.yaml" merged --threads 1 --memory-per-rank 2GiB --quiet >/dev/null
  end=$(now)
  awk -F'[:,]' '/peak_resident/ && $2 > most {most = $2} END {print most}' merged/stockpot_run.json |
    awk -v name="$1" -v seconds="$(echo "$start $end" | awk '{print $2 - $1}')" -v bytes="$(inputs_and_output "$1")" \
      '{printf "%-20s %8.2f s  %5.2f GB/s  peak %5.0f MB\n", name, seconds, bytes / seconds / 1e9, $1 / 1e6}'
  rm -rf merged
}

inputs_and_output() {
  local inputs
  inputs=$(grep -o 'family/[a-z0-9-]*' "$1.yaml" | sort -u | wc -l)
  echo $(((inputs + 1) * one))
}

methods=("$@")
[ ${#methods[@]} -gt 0 ] || mapfile -t methods < <("$stockpot" methods | awk '{print $1}')
copy
for method in "${methods[@]}"; do run "$method"; done
copy
