#!/bin/bash
# Recipes of several documents, raw recipes, and the commands that show instead of merging.
stockpot=$1
# shellcheck source=expect.sh
. "$(dirname "$0")/expect.sh"
cd "$work" || exit 1

"$stockpot" synth family >/dev/null
mkdir tmp
export STOCKPOT_PROGRESS=0
same_weights() { cmp "$1/model.safetensors" "$2/model.safetensors"; }

cat >two.yml <<END
name: half/way
merge_method: linear
models: [{model: family/tune-1, parameters: {weight: 1}}, {model: family/tune-2, parameters: {weight: 1}}]
---
merge_method: linear
models: [{model: half/way, parameters: {weight: 1}}, {model: family/base, parameters: {weight: 1}}]
END

# Stages are made under the staging directory and go with it.
run "$stockpot" merge two.yml out
expect_code 0
expect_out "published $work/out.stockpot/stages/half/way"
expect_out "published out "
expect_that "the staging directory is gone" test ! -e out.stockpot
expect_that "the card of a stage speaks of its own document" grep -q "half/way" out/README.md

# What is said of a stage when it is planned is not said again in other words once it is there.
for model in tune-1 tune-2 base; do
  mkdir -p bare/$model
  sed 's/"LlamaForCausalLM"/&, "Another"/' family/$model/config.json >bare/$model/config.json
  cp family/$model/model.safetensors bare/$model
done
expect_that "the case is one" grep -q Another bare/base/config.json
sed 's/family/bare/g' two.yml >bare.yml
for place in tmp/bare ""; do
  run "$stockpot" merge bare.yml "bare/out${place:+-kept}" ${place:+-I "$place"}
  expect_code 0
  expect_that "each warning once, by the stage's name" test \
    "$(grep -c TOK052 "$work/.err")-$(grep -c 'half/way/config.json names 2' "$work/.err")" = 2-1
  expect_err "half/way has no tokenizer"
done

# The model card tells models of a hub cache from folders by where they were found, not by where the merge was started.
mkdir -p cache/models--org--one/snapshots/0a1
cp family/tune-1/*.json family/tune-1/*.safetensors cache/models--org--one/snapshots/0a1
cat >card.yml <<END
merge_method: linear
models: [{model: org/one, parameters: {weight: 1}}, {model: family/tune-2, parameters: {weight: 1}}]
END
for place in . family; do
  run env -C "$place" HF_HUB_CACHE="$work/cache" "$stockpot" merge "$work/card.yml" "$work/card"
  expect_code 0
  expect_that "only the model of the cache is on the hub" \
    test "$(sed -n '/^base_model:/,/^library_name/p' card/README.md)" = $'base_model:\n- org/one\nlibrary_name: transformers'
  rm -r card
done

# Where a place is given, stages stay there, and are made once.
run "$stockpot" multi two.yml -I tmp --out-path kept
expect_code 0
expect_that "the stage stays" test -f tmp/half/way/model.safetensors
expect_that "the way does not matter" same_weights out kept
run "$stockpot" multi two.yml again -I tmp
expect_code 0
expect_err "stage 'half/way' is there already"
expect_that "reused stages give the same" same_weights out again
run "$stockpot" multi two.yml lazy -I tmp --no-lazy
expect_code 0
expect_out "published tmp/half/way"
sed 's/weight: 1}}, {model: family\/tune-2/weight: 3}}, {model: family\/tune-2/' two.yml >other.yml
run "$stockpot" multi other.yml changed -I tmp
expect_code 0
expect_out "published tmp/half/way"
run "$stockpot" multi two.yml gone -I tmp --no-keep-intermediates
expect_code 0
expect_that "stages go when they are not to be kept" test ! -e tmp/half/way
run "$stockpot" multi two.yml -I tmp --only half/way
run "$stockpot" multi two.yml gone -I tmp --no-keep-intermediates
expect_out "published gone already"
expect_that "they go, too, when the output is finished: who made it may have been killed before" test ! -e tmp/half/way
run "$stockpot" multi two.yml -I tmp --only half/way
expect_code 0
expect_that "one stage alone" test -f tmp/half/way/config.json
run "$stockpot" multi two.yml -I tmp --only half/way --no-keep-intermediates
expect_code 0
expect_that "what is wanted itself stays" test -f tmp/half/way/config.json
run "$stockpot" multi two.yml -I tmp --only halfway
expect_code 3
expect_err "STG006"
expect_err "half/way"
run "$stockpot" multi two.yml --only half/way
expect_code 3
expect_err "two.yml:1:7: error[STG006]"
run "$stockpot" merge two.yml half --only half/way
expect_code 3
expect_err "STG006"

# The name of an only document has no effect, and is not denied.
sed '/^---$/,$d' two.yml >alone.yml
expect_that "the case is one" grep -q '^name: half/way' alone.yml
run "$stockpot" multi alone.yml -I tmp
expect_code 3
expect_err "no output was given for this document"
run "$stockpot" multi alone.yml -I tmp --only half/way
expect_code 3
expect_err "a recipe of one document has no stages"

# What another program put there is used, is not ours to remove, and does not make a finished output another one.
rm tmp/half/way/stockpot_run.json
for said in "published foreign  manifest" "published foreign already"; do
  run "$stockpot" multi two.yml foreign -I tmp --no-keep-intermediates
  expect_code 0
  expect_out "$said"
done
expect_that "what another program made stays" test -f tmp/half/way/model.safetensors
expect_that "and is what was read" same_weights out foreign

# What cannot be used as the stage is not replaced by it either, unless that is said.
mv tmp/half/way/model.safetensors tmp/half/way/model.gguf
run "$stockpot" multi two.yml refused -I tmp
expect_code 6
expect_err "[OUT001]"
expect_that "a model of another format stays" test -f tmp/half/way/model.gguf -a ! -e refused.stockpot
run "$stockpot" multi two.yml replaced -I tmp --overwrite
expect_code 0
expect_that "--overwrite replaces it" test ! -e tmp/half/way/model.gguf
mkdir -p marked/half
cp -r family/tune-1 marked/half/way
touch marked/half/way/UNFINISHED
run "$stockpot" multi two.yml refused -I marked
expect_code 6
expect_that "an output that is not marked yet is no stage, and stays" test -f marked/half/way/UNFINISHED

# Nor is an output of its own, whole or not, of another recipe or of the same text: it is no stage.
sed 's/weight: 1/weight: 3/' alone.yml >own.yml
for recipe in own alone; do
  mkdir -p own/half
  rm -rf own/half/way
  run "$stockpot" merge $recipe.yml own/half/way
  expect_code 0
  manifest=$(sha256sum own/half/way/stockpot-manifest.json)
  for option in --lazy --no-lazy --no-keep-intermediates; do
    run "$stockpot" multi two.yml refused -I own $option
    expect_code 6
    expect_err "[OUT001]"
    expect_err "choose another --intermediate-dir"
  done
  expect_that "an output of its own stays" test "$manifest" = "$(sha256sum own/half/way/stockpot-manifest.json)"
done
run "$stockpot" multi two.yml replaced-own -I own --overwrite
expect_code 0
expect_that "unless it is to be replaced" same_weights out replaced-own
run "$stockpot" multi other.yml edited -I own
expect_code 0
expect_err "warning[STG009]: own/half/way holds a stage 'half/way' that was made of something else"
expect_out "published own/half/way"

# Where all documents have names, what nobody reads is what is wanted; an output is not.
sed 's/^---$/---\nname: whole/' two.yml >named.yml
run "$stockpot" merge named.yml none -I apart --no-keep-intermediates
expect_code 0
expect_err "[STG008]"
expect_that "what nobody reads stays" same_weights out apart/whole
expect_that "what was made for others goes, and there is no output" test ! -e apart/half -a ! -e none

# References to stages may be mappings, which names with '+' need, and have another architecture.
sed 's/half.way/half+way/; s/{model: half+way,/{model: {model: {path: half+way}, override_architecture: LlamaForCausalLM},/' two.yml >mapping.yml
expect_that "the case is one" grep -q override mapping.yml
run "$stockpot" merge mapping.yml mapped
expect_code 0
expect_that "a mapping means the same" same_weights out mapped

# Who reads what a merge tells does not decide whether it succeeds.
unread() { "$@" 2>/dev/full; }
if [ -e /dev/full ]; then
  run unread "$stockpot" merge two.yml unread -v
  expect_code 0
  expect_that "what cannot be told is made all the same" same_weights out unread
  run bash -c '"$0" plan two.yml --tensors >/dev/full' "$stockpot"
  expect_code 8
fi

# A mistake in the last document shows before the first is made.
sed 's/family\/base/family\/bose/' two.yml >bad.yml
run "$stockpot" merge bad.yml never
expect_code 4
expect_err "bad.yml:6:"
expect_err "error[REF004]"
expect_no_out
expect_that "nothing is left" test ! -e never -a ! -e never.stockpot

# A stage that is looked for where it is kept, or nearly by its name.
sed 's/model: half\/way/model: .\/elsewhere\/half\/way/' two.yml >bad.yml
run "$stockpot" check bad.yml
expect_code 4
expect_err "a stage is referred to by its name alone: 'half/way'"
sed 's/model: half\/way/model: Half\/Way/' two.yml >bad.yml
run "$stockpot" check bad.yml
expect_code 4
expect_err "did you mean 'half/way'?"

# An output is replaced when that is asked for.
run "$stockpot" merge other.yml out
expect_code 6
expect_err "OUT001"
run "$stockpot" merge two.yml out
expect_code 0
expect_out "published out already"
run "$stockpot" merge other.yml out --overwrite
expect_code 0
expect_that "the new one is there" same_weights out changed
expect_that "nothing of the old one is left" test ! -e out.stockpot

# Showing.
cat >slices.yml <<END
merge_method: task_arithmetic
base_model: family/base
slices:
  - sources:
      - {model: family/base, layer_range: [0, 1]}
      - {model: family/tune-1, layer_range: [1, 2], parameters: {weight: {filter: layers.1.mlp, value: 0.25}}}
parameters: {weight: 0.5, lambda: 2}
END
run "$stockpot" plan slices.yml --explain model.layers.0.mlp.up_proj.weight
expect_code 0
expect_out "source    family/tune-1: model.layers.1.mlp.up_proj.weight"
expect_out "base      family/base: model.layers.0.mlp.up_proj.weight"
expect_out "parameter weight of family/tune-1 = 0.25  (model, line 6"
expect_out "parameter lambda = 2  (document, line 7"
expect_out "parameter normalize = false  (method's default)"
run "$stockpot" merge slices.yml none --explain model.layers.0.mlp.up_proj.weight
expect_code 0
expect_that "an explanation merges nothing" test ! -e none
run "$stockpot" plan slices.yml --explain model.layers.0.mlp.up_prj.weight
expect_code 2
expect_err "did you mean 'model.layers.0.mlp.up_proj.weight'"
run "$stockpot" plan slices.yml --print-config
expect_code 0
cp .out printed.yml
run "$stockpot" plan printed.yml --tensors
cp .out first
run "$stockpot" plan slices.yml --tensors
expect_that "what is printed means the same" cmp first .out
run "$stockpot" merge slices.yml none --dry-run
expect_code 0
expect_out "memory per rank"
expect_that "a dry run merges nothing" test ! -e none

# Check says everything at once.
cat >wrong.yml <<END
merge_method: slerp
base_model: family/base
models: [{model: family/base}, {model: family/tune-3}, {model: family/tune-4}]
parameters: {tt: 0.5}
END
run "$stockpot" check wrong.yml
expect_code 3
expect_err "wrong.yml:1:15: error[CFG050]"
expect_err "wrong.yml:4:14: warning[CFG047]"
expect_err "wrong.yml:3:40: error[REF004]"
expect_err "wrong.yml:3:64: error[REF004]"
# Also what only models can tell, and sorted by place.
cat >values.yml <<END
models:
  - {model: family/tune-1, parameters: {weight: heavy}}
  - {model: family/tune-2, parameters: {weight: 1, density: 3}}
base_model: family/base
merge_method: ties
dtype: BF16
parameters: {lambda:2}
END
run "$stockpot" check values.yml
expect_code 3
expect_err "did you mean 'bfloat16'"
expect_err "a space after the colon"
sed -i '/dtype/d; s/^parameters.*/lamda: 2/' values.yml
run "$stockpot" check values.yml
expect_code 3
expect_that "mistakes stand in the order of their places" \
  test "$(grep -o '^values.yml:[0-9]*:[0-9]*: [a-z]*\[[A-Z0-9]*' .err | cut -d: -f2-)" = "$(printf '%s\n' \
    '2:49: error[CFG021' '3:61: error[CFG052' '6:1: warning[CFG006')"
run "$stockpot" check two.yml
expect_code 0
expect_out "nothing wrong"
echo "{merge_method: ~, models: [{model: family/base}]}" >nothing.yml
run "$stockpot" check nothing.yml
expect_code 3
expect_err "nothing.yml:1:2: error[CFG005]"
expect_that "a method that is missing is not unknown as well" test "$(grep -c "error\[" .err)" = 1

# A name that no other document can use is no stage.
{ echo "name: ../soup" && sed 1d two.yml | sed '/---/,$d'; } >alone.yml
run "$stockpot" merge alone.yml named
expect_code 0

# The same for programs: one object on each line, whatever ends the run.
run "$stockpot" check wrong.yml --diagnostics json
expect_code 3
expect_err '{"severity":"error","code":"CFG050","file":"wrong.yml","line":1,"column":15,"message":'
expect_err '{"severity":"warning","code":"CFG047","file":"wrong.yml","line":4,"column":14,"message":'
expect_that "no line is anything else" test "$(grep -c '^{.*}$' "$work/.err")" = "$(wc -l <"$work/.err")"
run "$stockpot" merge two.yml out --diagnostics=json --cuda
expect_code 6
expect_err '{"severity":"info","code":"OPT010","message":'
expect_err '{"severity":"error","code":"OUT001","message":"the output exists already"'
run "$stockpot" plan --diagnostics json --ranks x two.yml
expect_code 2
expect_err '{"severity":"error","code":"OPT001","message":'
run "$stockpot" plan --diagnostics xml two.yml
expect_code 2
expect_err "OPT001"

# Raw recipes know files alone.
cp family/tune-1/model.safetensors one.safetensors
cp family/tune-2/model.safetensors two@2+.safetensors
cat >raw.yml <<END
merge_method: linear
models: [{model: one.safetensors, parameters: {weight: 1}}, {model: two@2+.safetensors, parameters: {weight: 1}}]
END
run "$stockpot" raw raw.yml raw-out
expect_code 0
run "$stockpot" multi two.yml -I tmp --only half/way
expect_that "names are all that counts" same_weights raw-out tmp/half/way
expect_that "a raw output has no configuration" test ! -e raw-out/config.json

# One model, written anew.
run "$stockpot" convert family/base same
expect_code 0
expect_that "nothing changes but the header" same_weights same family/base
run "$stockpot" convert family/base wide --dtype float32 --out-shard-size 1m
expect_code 0
run "$stockpot" convert wide back --dtype bfloat16
expect_code 0
expect_that "widened and rounded again it is the same" same_weights same back
run "$stockpot" convert family/base none --dtype bfloat
expect_code 3
expect_err "did you mean 'bfloat16'"
run "$stockpot" convert family/bose none
expect_code 4
expect_err "[REF004]"
