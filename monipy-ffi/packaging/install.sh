#!/bin/sh
# install.sh PROFILE PREFIX LIBDIR [DESTDIR]: puts what cargo has built where C and C++ look for it.
set -eu
profile=$1 prefix=$2 libdir=$3 destdir=${4-}
top=$(cd "$(dirname "$0")/../.." && pwd)
[ "$profile" = dev ] && folder=debug || folder=$profile
built=${CARGO_TARGET_DIR:-$top/target}/$folder

# The version is in one place: the workspace.
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$top/Cargo.toml")
abi=$(cat "$top/monipy-ffi/ABI_VERSION")
major=${version%%.*}
minor=${version#*.} minor=${minor%%.*}
# From the library folder back to the prefix: one step up for each part of its name.
up=$(printf '%s' "$libdir" | sed 's#[^/][^/]*#..#g')

include=$destdir$prefix/include
lib=$destdir$prefix/$libdir
doc=$destdir$prefix/share/doc/monipy
install -d "$include" "$lib/pkgconfig" "$lib/cmake/monipy" "$doc"
install -m 644 "$top/include/monipy.h" "$top/include/monipy.hpp" "$include"
install -m 755 "$built/libmonipy.so" "$lib/libmonipy.so.$version"
ln -sf "libmonipy.so.$version" "$lib/libmonipy.so.$abi"
ln -sf "libmonipy.so.$abi" "$lib/libmonipy.so"
install -m 644 "$built/libmonipy.a" "$lib"
install -m 644 "$top/LICENSE-MIT" "$top/LICENSE-APACHE" "$top/docs/events.md" "$doc"

fill() {
  sed -e "s#@PREFIX@#$prefix#g" -e "s#@LIBDIR@#$libdir#g" -e "s#@UP_FROM_LIBDIR@#$up#g" -e "s#@VERSION@#$version#g" \
    -e "s#@ABI@#$abi#g" -e "s#@MAJOR@#$major#g" -e "s#@MINOR@#$minor#g" "$top/monipy-ffi/packaging/$1.in" >"$2/$1"
}
fill monipy.pc "$lib/pkgconfig"
fill monipy-config.cmake "$lib/cmake/monipy"
fill monipy-config-version.cmake "$lib/cmake/monipy"
