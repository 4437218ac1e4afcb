#!/usr/bin/env bash
# Builds the wheel and installs it into an empty environment: CACHE_FOLDER/empty (target/python/empty).
#
#   install.sh [CACHE_FOLDER]
#
# MONIPY_WHEEL_PROFILE=dev builds the wheel without optimisation, MONIPY_WHEEL_ZIG=no for this machine's
# libc alone.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$top/target}
target=$CARGO_TARGET_DIR
cache=${1:-$target/python}
python=${PYTHON:-python3}
mkdir -p "$cache"

# Tools that build and check; kept from run to run.
if ! "$cache/tools/bin/python" -c 'import maturin' 2>/dev/null; then
  "$python" -m venv "$cache/tools"
  "$cache/tools/bin/pip" install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
fi

# With zig the wheel is for any Linux with glibc 2.17; without it, for this machine's.
zig=()
if [ "$(uname -s)" = Linux ] && [ "${MONIPY_WHEEL_ZIG:-yes}" = yes ] && "$cache/tools/bin/pip" install --quiet --disable-pip-version-check ziglang 2>/dev/null; then
  zig=(--zig --compatibility manylinux2014)
fi
rm -rf "$cache/wheels"
PATH="$cache/tools/bin:$PATH" "$cache/tools/bin/maturin" build --quiet --locked --manifest-path "$here/Cargo.toml" \
  --profile "${MONIPY_WHEEL_PROFILE:-release}" --out "$cache/wheels" "${zig[@]}"
wheel=$(ls "$cache"/wheels/*.whl)
echo "wheel: $(basename "$wheel"), $(stat -c %s "$wheel" 2>/dev/null || stat -f %z "$wheel") bytes"

# An empty environment: the wheel alone must import.
rm -rf "$cache/empty"
"$python" -m venv "$cache/empty"
"$cache/empty/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-index "$wheel"
(cd / && "$cache/empty/bin/python" -c 'import monipy; monipy.Supervisor(); print("imports alone:", monipy.__version__)')
(cd / && "$cache/empty/bin/python" -m monipy --help >/dev/null)
"$cache/empty/bin/pip" install --quiet --disable-pip-version-check "monipy[test] @ file://$wheel"
