#!/usr/bin/env bash
# Builds the wheel, installs it into an empty environment (install.sh), and tests it there.
#
#   check.sh [CACHE_FOLDER]
#
# MONIPY_CONTACT_CENTER names the embedded contact centre (else it is built). What it costs: `make bench`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$top/target}
cache=${1:-$CARGO_TARGET_DIR/python}
"$here/install.sh" "$cache"

if [ -z "${MONIPY_CONTACT_CENTER:-}" ]; then
  (cd "$top" && cargo build --locked --quiet -p contact-center --bin contact-center)
  export MONIPY_CONTACT_CENTER="$CARGO_TARGET_DIR/debug/contact-center"
fi
cd "$here/tests"
"$cache/empty/bin/python" -m pytest -rs -p no:cacheprovider -c "$here/pyproject.toml" --rootdir "$here" .
cd "$here"
"$cache/empty/bin/python" -m mypy --strict ../../examples/python
