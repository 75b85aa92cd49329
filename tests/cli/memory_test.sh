#!/bin/bash
# A rank's memory follows --memory-per-rank, not the size of the models; and little memory changes no byte.
stockpot=$1
# shellcheck source=expect.sh
. "$(dirname "$0")/expect.sh"

limit_mib=48
allowed=$(((limit_mib + 64) << 20))
run "$stockpot" synth "$work/family" --arch bert-base --tunes 2 # 3 x 220 MB, the largest tensor 47 MB
expect_code 0

models='base_model: family/base
models:
  - {model: family/tune-1, parameters: {weight: 0.5, density: 0.4}}
  - {model: family/tune-2, parameters: {weight: 0.5, density: 0.4}}'
for method in linear ties dare_ties model_stock; do
  recipe=$work/$method.yaml
  printf 'merge_method: %s\n%s\n' "$method" "$models" >"$recipe"
  run "$stockpot" merge "$recipe" "$work/much" --memory-per-rank 2GiB --quiet
  expect_code 0
  run mpirun --oversubscribe -n 2 "$stockpot" merge "$recipe" "$work/little" --memory-per-rank "${limit_mib}MiB" --threads 1 --quiet
  expect_code 0
  expect_that "$method: the same bytes" cmp "$work/much/stockpot-manifest.json" "$work/little/stockpot-manifest.json"
  peaks=$(sed -n 's/.*"peak_resident": \([0-9]*\).*/\1/p' "$work/little/stockpot_run.json")
  expect_that "$method: two ranks reported" test "$(wc -w <<<"$peaks")" -eq 2
  for peak in $peaks; do
    expect_that "$method: a rank at $peak bytes stays below $allowed" test "$peak" -le "$allowed"
  done
  rm -rf "$work/much" "$work/little"
done
