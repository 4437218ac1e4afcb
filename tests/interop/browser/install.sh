#!/usr/bin/env bash
# Copies the driver into a folder outside the checkout and installs its npm packages there, when the
# lock file is another one than last time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
mkdir -p "$folder"
exec 9>"$folder/.lock" && flock 9
cp "$here"/*.js "$here"/*.mjs "$here"/package.json "$here"/package-lock.json "$folder/"
if ! cmp -s "$here/package-lock.json" "$folder/node_modules/.lock"; then
  (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  cp "$here/package-lock.json" "$folder/node_modules/.lock"
fi
