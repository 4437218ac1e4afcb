#!/bin/sh
# Calls on sound cards in software. Needs pulseaudio and pulseaudio-utils.
set -eu
cd "$(dirname "$0")/../.."
exec cargo test --locked --workspace --test devices -- --include-ignored --test-threads=1
