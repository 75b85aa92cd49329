#!/bin/bash
# What `status` says and returns in each state of an output.
stockpot=$1
# shellcheck source=expect.sh
. "$(dirname "$0")/expect.sh"
cd "$work" || exit 1
export STOCKPOT_PROGRESS=0

"$stockpot" synth family >/dev/null
cat >linear.yml <<END
merge_method: linear
models: [{model: family/tune-1, parameters: {weight: 1}}, {model: family/tune-2, parameters: {weight: 1}}]
END

run "$stockpot" status out
expect_code 3
expect_out "nothing there"

run "$stockpot" merge linear.yml out
expect_code 0
run "$stockpot" status out
expect_code 0
expect_out "published"
run "$stockpot" status out --json
expect_code 0
expect_out '"state": "published"'

mkdir other
echo x >other/thesis.tex
run "$stockpot" status other
expect_code 4

# What lies beside it: a start that died before it had its lock, or somebody else's directory.
mkdir out.stockpot
run "$stockpot" status out
expect_code 0
mkdir fresh.stockpot
run "$stockpot" status fresh
expect_code 3
expect_out "nothing there"
echo x >fresh.stockpot/thesis.tex
run "$stockpot" status fresh
expect_code 4
expect_out "without a lock file of Stockpot"
run "$stockpot" merge linear.yml fresh
expect_code 6
expect_err "without a lock file of Stockpot"
mv fresh.stockpot/thesis.tex out.stockpot
run "$stockpot" status out
expect_code 0
expect_out "without a lock file of Stockpot"
rm -r out.stockpot

# A lock of a process that is gone.
sleep 0 &
gone=$!
wait "$gone"
here=$(stat -L -c %i /proc/self/ns/pid)
# lock HOST PID [NAMESPACE OF PIDS]
lock() {
  printf '{"token":"0123456789abcdef","host":"%s","boot_id":"%s","pid":%s,"pid_namespace":%s,"started_ticks":1,"job_id":"","restart_count":0,"started":"2026-01-01T00:00:00Z","released":false}\n' \
    "$1" "$(cat /proc/sys/kernel/random/boot_id)" "$2" "${3:-$here}"
}
mkdir -p half.stockpot/data
lock "$(hostname)" "$gone" >half.stockpot/lock
run "$stockpot" status half
expect_code 75
expect_out "the same command line goes on"

lock "$(hostname)" "$gone" 1 >half.stockpot/lock  # a container of this machine counts its processes for itself
run "$stockpot" status half
expect_code 6
expect_out "break-lock 0123456789abcdef"

lock elsewhere 1 >half.stockpot/lock
run "$stockpot" status half
expect_code 6
expect_out "break-lock 0123456789abcdef"
run "$stockpot" merge linear.yml half
expect_code 6
expect_err "break-lock 0123456789abcdef"
run "$stockpot" merge linear.yml half --break-lock 0123456789abcdef
expect_code 0

# Killed after the last rename: published, wherever its maker was.
mkdir moved.stockpot
lock elsewhere 1 >moved.stockpot/lock
cp -r out moved
sha256sum <moved/stockpot_run.json | cut -d ' ' -f 1 >moved.stockpot/publish.json
run "$stockpot" status moved
expect_code 0
expect_out "goes with the next start"

# Killed between the two renames of --overwrite.
mkdir -p over.stockpot/data over.stockpot/replaced
lock "$(hostname)" "$gone" >over.stockpot/lock
run "$stockpot" status over
expect_code 75
expect_out "moved aside"

