#!/usr/bin/env bash
# Builds the native part, packs the npm packages, installs them into an empty project (install.sh), and
# tests them there.
#
#   check.sh [CACHE_FOLDER]
#
# MONIPY_CONTACT_CENTER names the embedded contact centre (else it is built). What it costs: `make bench`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$top/target}
cache=${1:-$CARGO_TARGET_DIR/node}
"$here/install.sh" "$cache"

if [ -z "${MONIPY_CONTACT_CENTER:-}" ]; then
  (cd "$top" && cargo build --locked -q -p contact-center --bin contact-center)
  export MONIPY_CONTACT_CENTER=$CARGO_TARGET_DIR/debug/contact-center
fi
cd "$cache/empty"
export MONIPY_BEHAVIOUR=$top/tests/behaviour
node --test --test-reporter=tap --test-timeout=300000 --test-concurrency=1 test/*.test.js
node node_modules/typescript/bin/tsc -p test/types
echo "tsc --strict: no errors"
