#!/bin/bash
# The batch script with stand-ins for srun, mpirun, scontrol and module: what it calls, and what it makes of exit codes.
script=$1
# shellcheck source=expect.sh
. "$(dirname "$0")/expect.sh"

mkdir "$work/bin"
cat >"$work/bin/launcher" <<'EOF'
#!/bin/bash
# Says how it was called; then does what $PLAY says.
echo "$(basename "$0") $*" >>"$CALLS"
out=${!#}
case "$PLAY" in
  publish) mkdir -p "$out" && echo '{}' >"$out/stockpot-manifest.json" ;;
  forget) ;;
  wait-for-USR1) trap 'exit 75' USR1; kill -USR1 "$PPID"; for _ in $(seq 100); do sleep 0.05; done; exit 99 ;;
  die-by-USR1) kill -USR1 "$$" ;;
  *) exit "$PLAY" ;;
esac
EOF
cat >"$work/bin/scontrol" <<'EOF'
#!/bin/bash
echo "scontrol $*" >>"$CALLS"
EOF
chmod +x "$work/bin/launcher" "$work/bin/scontrol"
ln -s launcher "$work/bin/mpirun"
ln -s launcher "$work/bin/srun"
module() { echo "module $*" >>"$CALLS"; }
export -f module
export CALLS=$work/calls PATH=$work/bin:$PATH SLURM_JOB_ID=4711 SLURM_CPUS_PER_TASK=8

# job PLAY [VARIABLE=VALUE ...]
job() {
  local play=$1
  shift
  rm -rf "$work/out" "$CALLS"
  touch "$CALLS"
  run env PLAY="$play" RECIPE=r.yaml OUT="$work/out" "$@" bash "$script"
}
expect_call() { grep -qF -- "$1" "$CALLS" || failed "a call '$1' among: $(cat "$CALLS")"; }
expect_no_call() { ! grep -qF -- "$1" "$CALLS" || failed "no call '$1'"; }

job publish
expect_code 0
expect_call "mpirun stockpot merge r.yaml $work/out"
expect_no_call scontrol
expect_no_call module

job publish LAUNCHER=srun MODULES="openmpi stockpot" OPTIONS="--random-seed 7" STOCKPOT=/opt/stockpot
expect_code 0
expect_call "module load openmpi stockpot"
expect_call "srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task=8 --cpu-bind=cores /opt/stockpot merge --random-seed 7 r.yaml $work/out"

# Stopped on request: back into the queue, but not for ever.
job 75
expect_code 75
expect_call "scontrol requeue 4711"
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

# Slurm's warning signal reaches the launcher, whose code is what counts.
job wait-for-USR1
expect_code 75
expect_call "scontrol requeue 4711"

job die-by-USR1
expect_code 138
expect_no_call scontrol

# A job that comes back after its output was published does nothing.
rm -rf "$work/out"
mkdir "$work/out"
echo '{}' >"$work/out/stockpot-manifest.json"
: >"$CALLS"
run env PLAY=4 RECIPE=r.yaml OUT="$work/out" bash "$script"
expect_code 0
expect_no_call mpirun

job publish LAUNCHER=aprun
expect_code 3
