#!/bin/bash
# The batch script with stand-ins for srun, mpirun, scontrol and module: what it calls, and what it makes of exit codes and outputs.
script=$1
stockpot=$2
# shellcheck source=expect.sh
. "$(dirname "$0")/expect.sh"

mkdir "$work/bin"
cat >"$work/bin/launcher" <<'EOF'
#!/bin/bash
# Says how it was called; then does what $PLAY says.
echo "$(basename "$0") $*" >>"$CALLS"
out=${!#}
case "$PLAY" in
  merge) while [ "$1" != merge ]; do shift; done; stockpot "$@" ;;
  forget) ;;
  wait-for-USR1) trap 'exit 75' USR1; kill -USR1 "$PPID"; for _ in $(seq 100); do sleep 0.05; done; exit 99 ;;
  die-by-USR1) kill -USR1 "$$" ;;
  *) exit "$PLAY" ;;
esac
EOF
cat >"$work/bin/scontrol" <<'EOF'
#!/bin/bash
echo "scontrol $*" >>"$CALLS"
exit "${REFUSAL:-0}"
EOF
chmod +x "$work/bin/launcher" "$work/bin/scontrol"
ln -s launcher "$work/bin/mpirun"
ln -s launcher "$work/bin/srun"
ln -s "$stockpot" "$work/bin/stockpot"
module() { echo "module $*" >>"$CALLS"; }
export -f module
cd "$work"
"$stockpot" synth family >/dev/null
for weight in 1 2; do
  printf 'merge_method: linear\nmodels: [{model: family/base, parameters: {weight: 1}}, {model: family/tune-1, parameters: {weight: %s}}]\n' \
    $weight >recipe-$weight.yaml
done
export STOCKPOT_PROGRESS=0 CALLS=$work/calls PATH=$work/bin:$PATH SLURM_JOB_ID=4711 SLURM_CPUS_PER_TASK=8

# job PLAY [VARIABLE=VALUE ...]
job() {
  local play=$1
  shift
  rm -rf out out.stockpot
  job_again "$play" "$@"
}
# The same, and OUT stays as it is.
job_again() {
  local play=$1
  shift
  : >"$CALLS"
  run env PLAY="$play" RECIPE=recipe-1.yaml OUT=out "$@" bash "$script"
}
expect_call() { grep -qF -- "$1" "$CALLS" || failed "a call '$1' among: $(cat "$CALLS")"; }
expect_no_call() { ! grep -qF -- "$1" "$CALLS" || failed "no call '$1'"; }

job merge
expect_code 0
expect_call "mpirun --bind-to none stockpot merge recipe-1.yaml out"
expect_no_call scontrol
expect_no_call module

job merge LAUNCHER=srun MODULES="openmpi stockpot" OPTIONS="--random-seed 7" STOCKPOT="$stockpot"
expect_code 0
expect_call "module load openmpi stockpot"
expect_call "srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task=8 --cpu-bind=cores $stockpot merge --random-seed 7 recipe-1.yaml out"

# Stopped on request: back into the queue, but not for ever.
job 75
expect_code 75
expect_call "scontrol requeue 4711"
job 75 REFUSAL=1
expect_code 75
expect_call "scontrol requeue 4711"
expect_err "submit the same again"
job 75 SLURM_RESTART_COUNT=20
expect_code 75
expect_no_call scontrol

# Failures are passed on.
for failure in 1 4 137; do
  job "$failure"
  expect_code "$failure"
  expect_no_call scontrol
done

# Success without a result is none.
job forget
expect_code 70
expect_no_call scontrol

# What has to be there need not be OUT.
printf 'name: half\n%s\n---\n%s\n' "$(cat recipe-1.yaml)" "$(sed 's,family/base,half,' recipe-2.yaml)" >two.yaml
job merge RECIPE=two.yaml OPTIONS="-I stages --only half"
expect_code 70
expect_err "say what in RESULT"
job merge RECIPE=two.yaml OPTIONS="-I stages --only half" RESULT=stages/half
expect_code 0

# Slurm's warning signal reaches the launcher, whose code is what counts.
job wait-for-USR1
expect_code 75
expect_call "scontrol requeue 4711"

job die-by-USR1
expect_code 138
expect_no_call scontrol

# A job that comes back after its output was published does nothing.
job merge
manifest=$(sha256sum out/stockpot-manifest.json)
job_again merge
expect_code 0
expect_out "nothing to do"

# Unless it is told to replace what is there.
job_again merge OPTIONS=--overwrite
expect_code 0
expect_out "manifest"

# An old output is no success of another merge, neither if it is replaced nor if the merge fails.
job_again merge RECIPE=recipe-2.yaml
expect_code 6
expect_that "the old output stays" test "$manifest" = "$(sha256sum out/stockpot-manifest.json)"
job_again 4 RECIPE=recipe-2.yaml OPTIONS=--overwrite
expect_code 4
job_again merge RECIPE=recipe-2.yaml OPTIONS=--overwrite
expect_code 0
expect_that "the old output is replaced" test "$manifest" != "$(sha256sum out/stockpot-manifest.json)"

# A manifest in an output that is not marked as complete yet.
job merge OPTIONS=--commit=marker
rm out/COMMITTED
job_again forget OPTIONS=--commit=marker
expect_code 70

job merge LAUNCHER=aprun
expect_code 3
