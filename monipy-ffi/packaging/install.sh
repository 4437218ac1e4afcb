#!/bin/sh
# install.sh PROFILE PREFIX LIBDIR [DESTDIR]: puts what cargo has built where C and C++ look for it.
# MONIPY_TARGET names the Rust target when cargo was given one (--target).
set -eu
profile=$1 prefix=$2 libdir=$3 destdir=${4-}
top=$(cd "$(dirname "$0")/../.." && pwd)
target=${MONIPY_TARGET:-}
[ "$profile" = dev ] && folder=debug || folder=$profile
built=${CARGO_TARGET_DIR:-$top/target}${target:+/$target}/$folder

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
install -m 644 "$top/LICENSE-MIT" "$top/LICENSE-APACHE" "$top/docs/events.md" "$doc"

# What the static library needs beside itself: for CMake and for pkg-config (`rustc --print native-static-libs`).
implib=
case ${target:-$(uname -s)} in
  *windows* | MINGW* | MSYS*)
    shared=../bin/monipy.dll soname=monipy.dll implib=monipy.dll.lib static=monipy.lib
    needs='bcrypt;crypt32;kernel32;ntdll;userenv;ws2_32;dbghelp'
    install -d "$destdir$prefix/bin"
    install -m 755 "$built/monipy.dll" "$destdir$prefix/bin"
    install -m 644 "$built/monipy.dll.lib" "$built/monipy.lib" "$lib"
    ;;
  *apple* | Darwin)
    shared=libmonipy.$version.dylib soname=@rpath/libmonipy.$abi.dylib static=libmonipy.a
    needs='-framework Security;-framework CoreFoundation;-framework SystemConfiguration;iconv;m'
    install -m 755 "$built/libmonipy.dylib" "$lib/$shared"
    ln -sf "$shared" "$lib/libmonipy.$abi.dylib"
    ln -sf "libmonipy.$abi.dylib" "$lib/libmonipy.dylib"
    install -m 644 "$built/libmonipy.a" "$lib"
    ;;
  *)
    shared=libmonipy.so.$version soname=libmonipy.so.$abi static=libmonipy.a
    needs='gcc_s;pthread;dl;m'
    install -m 755 "$built/libmonipy.so" "$lib/$shared"
    ln -sf "$shared" "$lib/$soname"
    ln -sf "$soname" "$lib/libmonipy.so"
    install -m 644 "$built/libmonipy.a" "$lib"
    ;;
esac
# CMake's list as flags of the linker.
flags=$(printf '%s' "$needs" | tr ';' '\n' | sed '/^-/!s/^/-l/' | tr '\n' ' ')

fill() {
  sed -e "s#@PREFIX@#$prefix#g" -e "s#@LIBDIR@#$libdir#g" -e "s#@UP_FROM_LIBDIR@#$up#g" -e "s#@VERSION@#$version#g" \
    -e "s#@MAJOR@#$major#g" -e "s#@MINOR@#$minor#g" -e "s#@SHARED@#$shared#g" -e "s#@SONAME@#$soname#g" -e "s#@IMPLIB@#$implib#g" \
    -e "s#@STATIC@#$static#g" -e "s#@NEEDS@#$needs#g" -e "s#@FLAGS@#$flags#g" "$top/monipy-ffi/packaging/$1.in" >"$2/$1"
}
fill monipy.pc "$lib/pkgconfig"
fill monipy-config.cmake "$lib/cmake/monipy"
fill monipy-config-version.cmake "$lib/cmake/monipy"
