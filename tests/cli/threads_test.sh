#!/bin/bash
# Merges by every kind of work with several threads: the same bytes as with one. Under ThreadSanitizer: no race.
stockpot=$1
# shellcheck source=expect.sh
. "$(dirname "$0")/expect.sh"
cd "$work" || exit 1

"$stockpot" synth family --threads 4 >/dev/null
export STOCKPOT_PROGRESS=0

# recipe METHOD [PARAMETERS [MORE LINES]]
recipe() {
  cat <<END
merge_method: $1
base_model: family/base
models: [{model: family/tune-1}, {model: family/tune-2}]
parameters: {weight: 0.5${2:+, $2}}
${3:-}
END
}

recipe linear >direct.yml
recipe ties "density: 0.5" >counters.yml
recipe ties "density: 0.5" "stockpot: {overrides: [{filter: mlp, merge_method: passthrough}]}" >copies.yml
recipe ties "density: 0.5, scope: model" >shared.yml
recipe della "density: 0.5, epsilon: 0.1" >rows.yml
recipe model_stock >sums.yml
recipe iso_c >matrices.yml

for kind in direct counters copies shared rows sums matrices; do
  run "$stockpot" merge $kind.yml $kind-1 --threads 1 --unit 64KiB --chunk 64KiB
  expect_code 0
  run "$stockpot" merge $kind.yml $kind-4 --threads 4 --unit 64KiB --chunk 64KiB --verify --trace $kind.json
  expect_code 0
  expect_that "threads do not show in $kind" cmp $kind-1/model.safetensors $kind-4/model.safetensors
done

# Threads that share a processor gain nothing.
run taskset -c "$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')" "$stockpot" merge direct.yml crowded --threads 2
expect_code 0
expect_err "1 rank of 2 threads"
expect_err "may run on 1 CPU"

recipe linear >file.yml
run "$stockpot" merge file.yml hdf5 --threads 4 --output-format hdf5 --unit 64KiB --chunk 64KiB
expect_code 0

# Several merges in one sweep: by units, with statistics kept in memory, and without room for them.
for kind in direct counters; do
  { echo "name: $kind-a"; cat $kind.yml; echo "---"; echo "name: $kind-b"; sed 's/weight: 0.5/weight: 0.7/' $kind.yml; } >$kind-two.yml
done
{ cat direct-two.yml; echo "---"; cat counters-two.yml; } >together.yml
run "$stockpot" multi together.yml -I together --threads 4 --unit 64KiB --chunk 64KiB
expect_code 0
for kind in direct counters; do
  expect_that "company does not show in $kind" cmp $kind-1/model.safetensors together/$kind-a/model.safetensors
done
