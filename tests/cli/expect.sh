# shellcheck shell=bash
# Expectations for the command-line tests. Source it: `. expect.sh PROGRAM`. A test is a list of sentences:
#   run COMMAND ...              keeps exit code, stdout and stderr
#   expect_code 2                about the last run
#   expect_out TEXT / expect_err TEXT / expect_no_out TEXT
# The script fails at its end if any expectation failed. $work is an empty directory of its own.
set -euo pipefail

work=$(mktemp -d)
failures=0
finish() {
  local code=$?
  rm -rf "$work"
  [ "$code" -eq 0 ] && [ "$failures" -eq 0 ] && exit 0
  echo "$failures expectation(s) failed, exit code $code" >&2
  exit 1
}
trap finish EXIT

run() {
  what="$*"
  code=0
  "$@" >"$work/.out" 2>"$work/.err" || code=$?
}

failed() {
  failures=$((failures + 1))
  {
    echo "FAILED: $1"
    echo "  after: $what (exit code $code)"
    sed 's/^/  stdout: /' "$work/.out"
    sed 's/^/  stderr: /' "$work/.err"
  } >&2
}

expect_code() { [ "$code" -eq "$1" ] || failed "exit code $1"; }
expect_out() { grep -qF -- "$1" "$work/.out" || failed "stdout with '$1'"; }
expect_err() { grep -qF -- "$1" "$work/.err" || failed "stderr with '$1'"; }
expect_no_out() { [ ! -s "$work/.out" ] || failed "empty stdout"; }
expect_no_err() { [ ! -s "$work/.err" ] || failed "empty stderr"; }
# expect_that SENTENCE COMMAND ...: the command succeeds
expect_that() {
  local sentence=$1
  shift
  "$@" >/dev/null 2>&1 || failed "$sentence"
}
