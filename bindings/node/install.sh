#!/usr/bin/env bash
# Builds the native part, packs the npm packages as they are published, and installs them into an empty
# project: CACHE_FOLDER/empty (target/node/empty), with the tests, the benches and the examples beside.
#
#   install.sh [CACHE_FOLDER]
#
# MONIPY_BUILD=debug builds without optimisation.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$top/target}
cache=${1:-$CARGO_TARGET_DIR/node}
package=$cache/package
empty=$cache/empty
mkdir -p "$cache"
size() { stat -c %s "$1" 2>/dev/null || stat -f %z "$1"; }

# The checkout stays as it is: tools and packages live in the cache. Tools are kept while the lock file is the same.
mkdir -p "$package"
find "$package" -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -rf {} +
(cd "$here" && tar cf - --exclude=./node_modules --exclude='./*.node' --exclude=./npm .) | tar xf - -C "$package"
if ! cmp -s "$here/package-lock.json" "$package/node_modules/.lock"; then
  (cd "$package" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  cp "$here/package-lock.json" "$package/node_modules/.lock"
fi

debug=()
[ "${MONIPY_BUILD:-release}" = release ] || debug=(--debug)
addon=$(node "$here/scripts/build.js" "${debug[@]}" --out "$package")
platform=$(node -p 'require("'"$package"'/lib/platform").platform()')
echo "native part: $(basename "$addon"), $(size "$addon") bytes (${MONIPY_BUILD:-release})"

# The package of this platform and the package that everybody installs, as they are published.
(cd "$package" && npx napi create-npm-dirs >/dev/null && mv "$addon" "npm/$platform/")
rm -rf "$empty" && mkdir -p "$empty"
for folder in "npm/$platform" .; do
  (cd "$package/$folder" && npm pack --silent --pack-destination "$empty" >/dev/null)
done
for tarball in "$empty"/*.tgz; do echo "tarball: $(basename "$tarball"), $(size "$tarball") bytes"; done

# An empty project. Without cargo in reach: the prebuilt part must do.
cd "$empty"
echo '{ "name": "empty", "private": true }' >package.json
PATH=$(dirname "$(command -v node)"):/usr/bin:/bin npm install --no-audit --no-fund --loglevel=error ./*.tgz
node -e 'const { version } = require("monipy"); new (require("monipy"))(); console.log("CommonJS:", version)'
node --input-type=module -e 'import MONIPY, { version } from "monipy"; new MONIPY(); console.log("ESM:", version)'

cp -R "$here/test" "$here/bench" "$empty/"
cp -R "$top/examples/node" "$empty/examples"
ln -s "$package/node_modules/typescript" "$package/node_modules/@types" "$package/node_modules/undici-types" node_modules/
