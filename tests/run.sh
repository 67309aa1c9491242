#!/bin/sh
# Set up .venv if need be, then lint, check the types and run all tests; fails if any of these does.
# Arguments go to pytest, for instance tests/dsl or -k convolution.
set -u
cd "$(dirname "$0")/.." || exit 1
sh set_up.sh || exit 1
status=0
.venv/bin/ruff check . || status=1
.venv/bin/ruff format --check . || status=1
.venv/bin/mypy || status=1
.venv/bin/pytest "$@" || status=1
exit $status
