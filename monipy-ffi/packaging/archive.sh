#!/bin/sh
# archive.sh OUT [TARGET [PROFILE]]: libmonipy as it is downloaded: OUT/libmonipy-VERSION-TARGET.tar.gz
# (on Windows .zip) with headers, the shared and the static library, and the files of pkg-config and CMake,
# and beside it its SHA-256. What is in it may be put anywhere. Prints the archive's path.
#
# TARGET: a Rust target, this machine's by default. PROFILE: release or dev; `cargo build` makes both.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')
target=${2:-$host} profile=${3:-release}
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$top/Cargo.toml")
name=libmonipy-$version-$target
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A target that was given by name has a folder of its own in cargo's.
MONIPY_TARGET=${2:-}
export MONIPY_TARGET
"$here/install.sh" "$profile" /opt/monipy lib "$work"
# pkg-config finds the prefix from where its file lies.
pc=$work/opt/monipy/lib/pkgconfig/monipy.pc
sed 's#^prefix=.*#prefix=${pcfiledir}/../..#' "$pc" >"$work/monipy.pc"
mv "$work/monipy.pc" "$pc"
mv "$work/opt/monipy" "$work/$name"
if [ "$profile" = release ]; then
  case $target in
    *linux*) ${STRIP:-strip} --strip-unneeded "$work/$name/lib/libmonipy.so.$version" ;;
    *apple*) ${STRIP:-strip} -x "$work/$name/lib/libmonipy.$version.dylib" ;;
  esac
fi
case $target in
  *windows*)
    archive=$name.zip
    rm -f "$out/$archive"
    (cd "$work" && { 7z a -bso0 "$out/$archive" "$name" || zip -qr "$out/$archive" "$name"; })
    ;;
  *)
    archive=$name.tar.gz
    tar -C "$work" -czf "$out/$archive" "$name"
    ;;
esac
(cd "$out" && { sha256sum "$archive" 2>/dev/null || shasum -a 256 "$archive"; } >"$archive.sha256")
echo "$out/$archive"
