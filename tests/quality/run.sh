#!/usr/bin/env bash
# Measures the receive path on speech over bad networks and compares it with libwebrtc's NetEQ:
#
#     tests/quality/run.sh [SEED ...]          (default: seeds 11 12 13)
#
# Prints the table and the goals; pictures and figures go to out/quality and, with the default seeds and codec, to
# docs/quality.md. Ends with 1 when a goal is missed.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/quality/setup.sh
cargo build --release --locked -p monipy-core --example receive_trace --example encode_packets ${QUALITY_FEATURES:+--features "$QUALITY_FEATURES"}
examples="${CARGO_TARGET_DIR:-target}/release/examples"
page=()
[ $# -gt 0 ] || [ -n "${QUALITY_FEATURES:-}" ] || page=(--page)
exec out/quality/venv/bin/python tests/quality/measure.py "$examples" out/quality ${page[@]+"${page[@]}"} "$@"
