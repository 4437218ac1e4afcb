#!/bin/sh
# packaging.sh [PROFILE]: installs into a folder of its own, moves it, and builds and runs programs
# against it: with pkg-config (shared and static) and with CMake (shared and static).
set -eu
profile=${1:-dev}
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for libdir in lib lib/x86_64-linux-gnu; do
  root=$work/$(echo "$libdir" | tr / -)
  "$top/monipy-ffi/packaging/install.sh" "$profile" /opt/monipy "$libdir" "$root"
  stage=$root/opt/monipy

  # pkg-config knows DESTDIR as its sysroot.
  export PKG_CONFIG_PATH="$stage/$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
  pkg-config --print-errors --exists 'monipy >= 0.1'
  # shellcheck disable=SC2046
  ${CC:-cc} -o "$work/shared" "$here/structs.c" $(pkg-config --cflags --libs monipy) -pthread
  LD_LIBRARY_PATH="$stage/$libdir" "$work/shared" >/dev/null
  # shellcheck disable=SC2046
  ${CC:-cc} -DMONIPY_STATIC -o "$work/static" "$here/structs.c" $(pkg-config --cflags monipy) "$stage/$libdir/libmonipy.a" \
    $(pkg-config --static --libs-only-l monipy | sed 's/-lmonipy//')
  "$work/static" >/dev/null
  echo "pkg-config, $libdir: ok"

  cmake -S "$here/cmake" -B "$work/build-$(basename "$libdir")" -DCMAKE_PREFIX_PATH="$stage" -DCMAKE_LIBRARY_ARCHITECTURE=x86_64-linux-gnu >/dev/null
  cmake --build "$work/build-$(basename "$libdir")" >/dev/null
  (cd "$work/build-$(basename "$libdir")" && ctest --output-on-failure >"$work/ctest.log" 2>&1) || { cat "$work/ctest.log"; exit 1; }
  echo "CMake, $libdir: ok"
done
