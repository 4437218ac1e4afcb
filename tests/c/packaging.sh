#!/bin/sh
# packaging.sh [PROFILE]: installs into a folder of its own, moves it, and builds and runs programs
# against it: with pkg-config (shared and static) and with CMake (shared and static). Then the same with
# the archive that is downloaded.
set -eu
profile=${1:-dev}
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Builds and runs programs against what lies in $1, with libraries in $2; $3 is pkg-config's sysroot.
programs() {
  stage=$1 libdir=$2
  # pkg-config knows DESTDIR as its sysroot.
  export PKG_CONFIG_PATH="$stage/$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$3"
  pkg-config --print-errors --exists 'monipy >= 0.1'
  # shellcheck disable=SC2046
  ${CC:-cc} -o "$work/shared" "$here/structs.c" $(pkg-config --cflags --libs monipy) -pthread
  LD_LIBRARY_PATH="$stage/$libdir" "$work/shared" >/dev/null
  # shellcheck disable=SC2046
  ${CC:-cc} -DMONIPY_STATIC -o "$work/static" "$here/structs.c" $(pkg-config --cflags monipy) "$stage/$libdir/libmonipy.a" \
    $(pkg-config --static --libs-only-l monipy | sed 's/-lmonipy//') -pthread
  "$work/static" >/dev/null
  echo "pkg-config, $stage/$libdir: ok"

  build=$work/build-$(echo "$stage$libdir" | tr / -)
  cmake -S "$here/cmake" -B "$build" -DCMAKE_PREFIX_PATH="$stage" -DCMAKE_LIBRARY_ARCHITECTURE=x86_64-linux-gnu >/dev/null
  cmake --build "$build" >/dev/null
  (cd "$build" && ctest --output-on-failure >"$work/ctest.log" 2>&1) || { cat "$work/ctest.log"; exit 1; }
  echo "CMake, $stage/$libdir: ok"
}

for libdir in lib lib/x86_64-linux-gnu; do
  root=$work/$(echo "$libdir" | tr / -)
  "$top/monipy-ffi/packaging/install.sh" "$profile" /opt/monipy "$libdir" "$root"
  programs "$root/opt/monipy" "$libdir" "$root"
done

archive=$("$top/monipy-ffi/packaging/archive.sh" "$work/archives" "" "$profile")
(cd "$work/archives" && sha256sum -c --quiet -- *.sha256)
mkdir "$work/unpacked"
tar -C "$work/unpacked" -xzf "$archive"
programs "$(echo "$work"/unpacked/*)" lib ""
