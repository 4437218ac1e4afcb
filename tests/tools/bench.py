#!/usr/bin/env python3
"""Measures what things cost: lines for people, and a line of JSON for each figure of the calls.

    bench.py [N ...]      numbers of monitored calls (default 1 50 200)

Release builds; run it on a quiet machine. Nothing here is a test.
"""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


def main():
    def sh(*command, **env):
        subprocess.run(command, cwd=ROOT, env=dict(os.environ, **env), check=True)

    sh("cargo", "build", "--locked", "--release", "-p", "contact-center", "--bin", "contact-center", "--bin", "capacity")
    print("\n== SIP messages", flush=True)
    sh("cargo", "bench", "--locked", "-q", "-p", "monipy-core", "--bench", "sip_parse")
    print("\n== Media connections, pairs on loopback", flush=True)
    sh("cargo", "bench", "--locked", "-q", "-p", "monipy-core", "--bench", "media_pair")
    print("\n== Monitored calls", flush=True)
    sh("cargo", "bench", "--locked", "-q", "-p", "monipy-tests", "--bench", "calls", "--", *sys.argv[1:], MONIPY_CONTACT_CENTER=str(TARGET / "release" / "contact-center"))
    print("\n== Contact centre: calls with real supervisors in another process", flush=True)
    for calls, codec in (("50", "opus"), ("100", "opus"), ("150", "PCMU"), ("200", "PCMU")):
        sh(str(TARGET / "release" / "capacity"), "--calls", calls, "--codec", codec)
    print("\n== Faces: C, C++, Python, Node", flush=True)
    sh(sys.executable, "tests/tools/bench_faces.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
