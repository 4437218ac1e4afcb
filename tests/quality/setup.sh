#!/usr/bin/env bash
# Fetches what the measurements need into out/quality: speech out of Debian packages (unpacked, not
# installed) and a Python environment with PESQ. Needs apt-get, dpkg and python3; no root beyond what
# `apt-get download` needs.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=out/quality
mkdir -p "$work/debs" "$work/root"
if [ ! -f "$work/speech48.wav" ]; then
    [ -n "$(ls -A "$work/debs")" ] || (
        apt-get update -qq 2>/dev/null || true
        cd "$work/debs"
        apt-get download -qq linphone-common codec2-examples pocketsphinx-testdata asterisk-core-sounds-en-g722 alsa-utils
    )
    for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root"; done
fi
if [ ! -x "$work/venv/bin/python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" -q install numpy scipy soundfile pesq av matplotlib
fi
if [ ! -f "$work/speech48.wav" ]; then
    "$work/venv/bin/python" tests/quality/prepare_speech.py "$work/root" "$work"
fi
