#!/usr/bin/env bash
# Tests the page in headless Chromium, and the voice feed with the real socket.io client.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../../../.. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
export MONIPY_CONTACT_CENTER=${MONIPY_CONTACT_CENTER:-$target/debug/contact-center}
[ -x "$MONIPY_CONTACT_CENTER" ] || cargo build --locked --workspace --bin contact-center --manifest-path "$root/Cargo.toml"
# The packages are kept outside the source tree, and brought again only when their list changes.
cache=${MONIPY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/monipy}/page-tests
mkdir -p "$cache"
if ! cmp -s package-lock.json "$cache/installed"; then
  cp package.json package-lock.json "$cache/"
  (cd "$cache" && PUPPETEER_SKIP_DOWNLOAD=1 npm ci --no-audit --no-fund --silent)
  cp package-lock.json "$cache/installed"
fi
[ -e node_modules ] || ln -s "$cache/node_modules" node_modules
exec node --test --test-reporter=spec "$@" *.test.js
