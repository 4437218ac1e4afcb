#!/bin/sh
# Everything of C and C++ beyond what `cargo test` runs: the suite against the static library, under
# AddressSanitizer and under valgrind, and the installed package with pkg-config and CMake.
# Ends with a line that counts.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}
OUT=$(mktemp -d)
export OUT
trap 'rm -rf "$OUT"' EXIT
passed=0 failed=0 skipped=0

step() {
  if "$@"; then
    passed=$((passed + 1))
  else
    echo "FAILED: $*"
    failed=$((failed + 1))
  fi
}

(cd "$top" && cargo build --locked --workspace) || exit 1
for mode in plain static asan; do
  step "$here/suite.sh" "$mode" "$target/debug"
done
# Sound in callbacks, against the contact centre. Not under valgrind, where no call keeps real time.
step "$here/suite.sh" asan "$target/debug" media parties
if command -v valgrind >/dev/null; then
  step "$here/suite.sh" valgrind "$target/debug"
else
  echo "skipped: no valgrind"
  skipped=$((skipped + 1))
fi
if command -v cmake >/dev/null && command -v pkg-config >/dev/null; then
  step "$here/packaging.sh" dev
else
  echo "skipped: no cmake or no pkg-config"
  skipped=$((skipped + 1))
fi
echo "c: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
