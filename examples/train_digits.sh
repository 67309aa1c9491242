#!/bin/sh
# Set up .venv if need be, then train digits.brain on four ranks: two replicas of a model that two ranks share.
# Arguments go to brainrun, for instance --epochs 5.
set -eu
cd "$(dirname "$0")/.."
sh set_up.sh
exec .venv/bin/brainrun examples/digits.brain "$@"
