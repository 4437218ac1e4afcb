#!/bin/sh
# bench.sh LIBDIR [SERVER]: what the C and C++ faces cost, a line of JSON a figure. LIBDIR: where
# libmonipy.so is (target/release for figures that count). SERVER: a contact centre that barges, for
# frames:
#   cargo run --release -p contact-center -- --barge-after 0
# `make bench` does all that.
set -eu
libdir=$(cd "$1" && pwd)
shift
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
strip -o "$out/libmonipy.so.$(cat "$top/monipy-ffi/ABI_VERSION")" "$libdir/libmonipy.so"
${CC:-cc} -std=gnu11 -O2 -I"$top/include" -o "$out/bench" "$here/bench.c" "$out"/libmonipy.so.* -Wl,-rpath,"$out" -lm -pthread
${CXX:-c++} -std=c++17 -O2 -I"$top/include" -o "$out/bench-cpp" "$here/bench.cpp" "$out"/libmonipy.so.* -Wl,-rpath,"$out" -pthread
MONIPY_LIBRARY=$(echo "$out"/libmonipy.so.*) "$out/bench" "$@"
"$out/bench-cpp" "$@"
