#!/bin/sh
# Compiles and runs the C tests against a built library.
#
#   tests/c/suite.sh MODE LIBDIR [TEST...]
#
# MODE: plain, static (libmonipy.a), valgrind, asan. LIBDIR: where libmonipy.so and libmonipy.a
# are. TEST: names without .c or .cpp; all by default but media and parties, which need the contact centre: the
# program contact-center in LIBDIR, or in MONIPY_CONTACT_CENTER. CC and CXX name the compilers (cc and
# c++ by default), OUT the folder for the programs.
set -eu
mode=$1 libdir=$(cd "$2" && pwd)
shift 2
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${OUT:-$(mktemp -d)}
mkdir -p "$out"
[ $# -gt 0 ] || set -- handles arguments structs events destroy logging process cycles hammer cpp

flags="-O1 -g -Wall -Wextra -Werror -I$top/include -pthread"
# The soname's file: what the linker looks for when the program starts.
ln -sf "$libdir/libmonipy.so" "$out/libmonipy.so.$(cat "$top/monipy-ffi/ABI_VERSION")"
link="$libdir/libmonipy.so -Wl,-rpath,$out -ldl -lm"
runner=
case $mode in
  plain) ;;
  static) flags="$flags -DMONIPY_STATIC"; link="$libdir/libmonipy.a -ldl -lm" ;;
  valgrind)
    runner="valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --trace-children=no --child-silent-after-fork=yes" ;;
  asan) flags="$flags -fsanitize=address -fno-omit-frame-pointer" ;;
  *) echo "unknown mode: $mode" >&2; exit 2 ;;
esac

export MONIPY_TEST_MODE="$mode" MONIPY_LIBRARY="$libdir/libmonipy.so"
limit=120
[ "$mode" = plain ] || limit=400
for name in "$@"; do
  echo "$mode: $name"
  # shellcheck disable=SC2086 # the flags are words
  if [ -f "$here/$name.c" ]; then
    ${CC:-cc} -std=gnu11 $flags -o "$out/$name-$mode" "$here/$name.c" $link
  else
    ${CXX:-c++} -std=c++17 $flags -o "$out/$name-$mode" "$here/$name.cpp" $link
  fi
  server=
  sounds=
  [ "$name" != media ] || sounds="--agent tone:440"
  [ "$name" != parties ] || sounds="--layout apart --agent tone:440 --customer tone:1000"
  if [ -n "$sounds" ]; then
    # The log of an earlier one names another server.
    rm -f "$out/centre.log"
    # shellcheck disable=SC2086
    "${MONIPY_CONTACT_CENTER:-$libdir/contact-center}" --json --barge-after 0 $sounds >"$out/centre.log" 2>&1 &
    centre=$!
    trap 'kill "$centre"' EXIT
    until [ -f "$out/centre.log" ] && server=$(sed -n 's/.*"ws":"\([^"]*\)".*/\1/p;q' "$out/centre.log") && [ -n "$server" ]; do
      kill -0 "$centre" || { cat "$out/centre.log" >&2; exit 1; }
      sleep 0.1
    done
  fi
  # shellcheck disable=SC2086
  timeout "$limit" $runner "$out/$name-$mode" $server </dev/null || { echo "FAILED: $mode $name ($?)" >&2; exit 1; }
  if [ -n "$sounds" ]; then
    trap - EXIT
    kill "$centre"
    wait "$centre" || true
  fi
done
