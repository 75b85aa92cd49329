#!/bin/bash
# Runs a command with a session directory of Open MPI for itself. The default one is shared, and one job that ends removes it
# while another is about to use it.
#   with_mpi_session.sh mpirun ...
set -euo pipefail
session=$(mktemp -d -t mpi.XXXXXX)
trap 'rm -rf "$session"' EXIT
OMPI_MCA_orte_tmpdir_base=$session "$@"
