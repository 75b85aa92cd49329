#!/bin/bash
# stockpot methods: every method is listed and explained.
stockpot=$1
# shellcheck source=expect.sh
. "$(dirname "$0")/expect.sh"

run "$stockpot" methods
expect_code 0
expect_out "linear"
expect_out "ties"
expect_no_err

"$stockpot" methods | cut -d' ' -f1 >"$work/methods"
while read -r method; do
  run "$stockpot" methods "$method"
  expect_code 0
  expect_out "$method:"
  expect_out "base model"
  expect_out "models  "
  run "$stockpot" methods "$method" --json
  expect_code 0
  expect_that "its JSON names it" python3 -c '
import json, sys
method = json.load(open(sys.argv[1]))
assert method["name"] == sys.argv[2] and method["summary"] and method["formula"]
for parameter in method["parameters"]:
    assert parameter["help"] and parameter["level"] in ("model", "merge")
' "$work/.out" "$method"
done <"$work/methods"

run "$stockpot" methods --json
expect_that "the JSON lists what the text lists" python3 -c '
import json, sys
assert [m["name"] for m in json.load(open(sys.argv[1]))] == open(sys.argv[2]).read().split()
' "$work/.out" "$work/methods"

run "$stockpot" methods ties
expect_out "density"
expect_out "per model"
expect_out "base model     required"
expect_out "memory         up to "
expect_out "communication  "
expect_out "statistics     of each tensor, whole model"
expect_out "arXiv:2306.01708"
expect_out "passes         0 to "

run "$stockpot" methods tise
expect_code 2
expect_no_out
expect_err "did you mean 'ties'"
