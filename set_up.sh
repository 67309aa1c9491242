#!/bin/sh
# Make .venv in this folder: brainc, an MPI, and what the tests need, exactly as requirements.lock has them.
# Returns at once where that is done already. PYTHON=… chooses another interpreter than python3.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}
made_for=.venv/made_for

wanted() {
    pwd
    cat requirements.lock pyproject.toml
}

if [ -x .venv/bin/python ] && wanted | cmp -s - "$made_for" && .venv/bin/python -c 'import mpi4py, pytest'; then
    exit 0
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "set_up.sh: $python is missing or older than Python 3.11; name another with PYTHON=…" >&2
    exit 1
fi
echo "set_up.sh: making .venv, which takes a minute" >&2
if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv --clear .venv
    pip() { .venv/bin/python -m pip "$@"; }
else
    # Debian keeps ensurepip in a package of its own, python3-venv; its pip can fill the environment from outside.
    "$python" -m venv --clear --without-pip .venv
    pip() { "$python" -m pip --python .venv/bin/python "$@"; }
fi
pip install --quiet --require-hashes -r requirements.lock
# setuptools is among them, so that nothing but what the lock names is fetched here.
pip install --quiet --no-deps --no-build-isolation --editable .
wanted >"$made_for"
