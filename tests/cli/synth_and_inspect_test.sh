#!/bin/bash
# stockpot synth makes families that depend on its options alone; stockpot inspect says what is in them.
stockpot=$1
# shellcheck source=expect.sh
. "$(dirname "$0")/expect.sh"

digest() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }

run "$stockpot" synth "$work/one" --arch tiny-llama --tunes 2 --threads 1
expect_code 0
expect_no_err
run "$stockpot" synth "$work/three" --arch tiny-llama --tunes 2 --threads 3
expect_code 0
expect_that "the bytes do not depend on threads" test "$(digest "$work/one")" = "$(digest "$work/three")"
for file in config.json generation_config.json tokenizer.json tokenizer_config.json model.safetensors; do
  expect_that "base has $file" test -s "$work/one/base/$file"
  expect_that "tune-2 has $file" test -s "$work/one/tune-2/$file"
done
expect_that "base and tune differ" test "$(sha256sum <"$work/one/base/model.safetensors")" != "$(sha256sum <"$work/one/tune-1/model.safetensors")"

run "$stockpot" synth "$work/more" --tunes 3 --threads 2
expect_that "a family grows without changing" cmp "$work/one/tune-2/model.safetensors" "$work/more/tune-2/model.safetensors"
run "$stockpot" synth "$work/seed" --seed 1
expect_that "another seed is another family" test "$(sha256sum <"$work/one/base/model.safetensors")" != "$(sha256sum <"$work/seed/base/model.safetensors")"

run "$stockpot" synth "$work/one"
expect_code 6
run "$stockpot" synth "$work/x" --arch lama-70b
expect_code 2
run "$stockpot" synth "$work/x" --dtype int8
expect_code 2
expect_that "nothing is left of a refused family" test ! -e "$work/x" -a ! -e "$work/x.stockpot"

# Sharded, in another type.
run "$stockpot" synth "$work/shards" --dtype float32 --out-shard-size 200KB --tunes 0
expect_code 0
expect_that "there are several shards" test -e "$work/shards/base/model-00002-of-"*.safetensors
expect_that "there is an index" test -s "$work/shards/base/model.safetensors.index.json"
expect_that "there is no tune" test ! -e "$work/shards/tune-1"
run "$stockpot" inspect "$work/shards/base" --json
expect_code 0
expect_no_err
expect_that "inspect adds up and sorts naturally" python3 -c '
import json, os, re, sys
facts = json.load(open(sys.argv[1]))
tensors = facts["tensors"]
assert facts["total"]["tensors"] == len(tensors) == facts["dtypes"]["F32"]["tensors"]
assert facts["total"]["bytes"] == sum(t["bytes"] for t in tensors) == 4 * facts["total"]["elements"]
assert all(os.path.getsize(f["path"]) == f["bytes"] for f in facts["files"]) and len(facts["files"]) > 1
key = lambda t: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", t["name"])]
assert tensors == sorted(tensors, key=key)
' "$work/.out"
run "$stockpot" inspect "$work/shards/base"
expect_code 0
expect_out "model.embed_tokens.weight"
expect_out "[512, 64]"
run "$stockpot" inspect "$work/shards/base" --no-tensors
expect_out "total"
expect_that "sums only" test "$(grep -c embed "$work/.out")" -eq 0

# Hollow: the lengths of a model of 141 GB per checkpoint, and next to no disk.
run "$stockpot" synth "$work/hollow" --arch llama-70b --tunes 1 --hollow
expect_code 0
expect_that "it takes next to no space" test "$(du -s --block-size=1M "$work/hollow" | cut -f1)" -lt 20
run "$stockpot" inspect "$work/hollow/tune-1" --json
expect_code 0
expect_that "it has the bytes of a real one" python3 -c '
import json, sys
total = json.load(open(sys.argv[1]))["total"]
assert total["tensors"] == 723 and total["elements"] == 70553706496 and total["bytes"] == 141107412992, total
' "$work/.out"
