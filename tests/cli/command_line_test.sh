#!/bin/bash
# Help, version, and what happens to words that stockpot does not know.
stockpot=$1
# shellcheck source=expect.sh
. "$(dirname "$0")/expect.sh"

run "$stockpot" --help
expect_code 0
expect_out "usage: stockpot COMMAND"
expect_out "inspect"
expect_no_err

run "$stockpot" --version
expect_code 0
expect_out "stockpot 0."

# Every command that the program lists explains itself.
"$stockpot" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >"$work/commands"
expect_that "several commands are listed" test "$(wc -l <"$work/commands")" -ge 3
while read -r command; do
  run "$stockpot" "$command" --help
  expect_code 0
  expect_out "usage: stockpot $command"
  expect_no_err
done <"$work/commands"

run "$stockpot"
expect_code 2
expect_no_out
expect_err "no command"

run "$stockpot" inspct model
expect_code 2
expect_no_out
expect_err "unknown command 'inspct'"
expect_err "did you mean 'inspect'"

echo "merge_method: linear" >"$work/recipe.yaml"
run "$stockpot" "$work/recipe.yaml" out  # a recipe in a command's place is merged
expect_code 3
expect_err "recipe.yaml:1:1: error[CFG012]"
run "$stockpot" run "$work/recipe.yaml" out
expect_code 3
expect_err "recipe.yaml:1:1: error[CFG012]"
run "$stockpot" "$work/missing.yaml" out
expect_code 2
expect_err "unknown command"

run "$stockpot" inspect --jsno model
expect_code 2
expect_err "unknown option '--jsno'"
expect_err "did you mean '--json'"

run "$stockpot" inspect
expect_code 2
expect_err "PATH is missing"

run "$stockpot" inspect "$work/nothing-here"
expect_code 4
expect_no_out
expect_err "nothing-here"

run "$stockpot" merge "$work/recipe.yaml" out --out-shard-size 5X
expect_code 2
expect_err "[OPT001]"
expect_err "--out-shard-size: '5X'"
run "$stockpot" merge "$work/recipe.yaml" out --no-safe-serialization
expect_code 2
expect_err "[OPT011]"
run "$stockpot" merge "$work/recipe.yaml" out --direct read
expect_code 2
expect_err "--direct: 'read'"
expect_err "did you mean 'reads'"
run "$stockpot" merge "$work/recipe.yaml" out --direct writes --sparse-files
expect_code 2
expect_err "--direct and --sparse-files exclude one another"
run "$stockpot" verify out --direct writes
expect_code 2
expect_err "one of none, reads"
run "$stockpot" check "$work/recipe.yaml" --cuda --low-cpu-memory
expect_code 3
expect_err "info[OPT010]: accepted, without effect in Stockpot: --cuda, --low-cpu-memory"
run "$stockpot" moe "$work/recipe.yaml" out --load-in-4bit --load-in-8bit
expect_code 3
expect_err "info[OPT010]: accepted, without effect in Stockpot: --load-in-4bit, --load-in-8bit"

run env STOCKPOT_THREDS=2 "$stockpot" methods
expect_code 3
expect_err "STOCKPOT_THREDS"
expect_err "did you mean 'STOCKPOT_THREADS'"
run env STOCKPOT_THREDS=2= "$stockpot" methods
expect_code 3
expect_err "STOCKPOT_THREDS"

# A name may hold anything; what is printed must not steer a terminal.
run "$stockpot" $'evil\033[2J'
expect_code 2
expect_err 'evil\x1b[2J'

# A launcher's variables change nothing for commands of one process: each answers for itself.
SLURM_PROCID=3 OMPI_COMM_WORLD_RANK=1 run "$stockpot" methods
expect_code 0
expect_out ties
SLURM_PROCID=3 run "$stockpot" status "$work/nothing-here"
expect_code 3
SLURM_PROCID=3 run "$stockpot" check "$work/nothing-here.yaml"
expect_code 3

# So several may be told to make the same: one of them does.
for i in 1 2 3 4; do
  SLURM_PROCID=$i "$stockpot" synth "$work/family" >>"$work/made" 2>/dev/null || echo refused >>"$work/made" &
done
wait
expect_that "one of four makes the family" test "$(grep -c "3 models" "$work/made") $(grep -c refused "$work/made")" = "1 3"
run "$stockpot" inspect "$work/family/tune-2"
expect_code 0

# A name must leave room for that of the staging directory.
run "$stockpot" synth "$work/$(printf 'x%.0s' $(seq 250))"
expect_code 2
expect_err "name is too long"

# Started without stderr, the program has one all the same: else log lines would go into the first file that it opens.
run bash -c 'exec "$1" status /proc/self/fd/2 2>&-' bash "$stockpot"
expect_code 4
expect_out "/proc/self/fd/2: broken"
