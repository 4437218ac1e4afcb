#!/bin/sh
# Plays every scenario on all five faces, side by side, with the packages of Python and Node that
# bindings/python/check.sh and bindings/node/check.sh have installed into empty environments. A face
# that is missing fails.
#
#   MONIPY_PYTHON         the interpreter of an environment with the wheel
#   MONIPY_NODE_PACKAGE   the folder node_modules/monipy of a project with the package
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}
MONIPY_PYTHON=${MONIPY_PYTHON:-$target/python/empty/bin/python}
MONIPY_NODE_PACKAGE=${MONIPY_NODE_PACKAGE:-$target/node/empty/node_modules/monipy}
export MONIPY_PYTHON MONIPY_NODE_PACKAGE
if [ ! -x "$MONIPY_PYTHON" ]; then
  echo "no Python package at $MONIPY_PYTHON: run bindings/python/check.sh first" >&2
  exit 1
fi
if [ ! -f "$MONIPY_NODE_PACKAGE/package.json" ]; then
  echo "no Node package at $MONIPY_NODE_PACKAGE: run bindings/node/check.sh first" >&2
  exit 1
fi
cd "$top"
exec cargo test --locked --workspace --test behaviour five_faces -- --ignored --test-threads=2 "$@"
