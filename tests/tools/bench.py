#!/usr/bin/env python3
"""Measures what things cost: lines for people, and a line of JSON for each figure.

    bench.py [N ...] [--no-peers]      numbers of monitored calls (default 1 50 200)

Release builds; run it on a quiet machine. Nothing here is a test. Peers (tests/bench/peers) are
installed into the cache folder where the registries can be reached, else left out with a notice.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("MONIPY_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "monipy")
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
PEERS = ROOT / "tests" / "bench" / "peers"


def install(what, *commands):
    """Runs commands that install a peer; whether all of them worked."""
    for command in commands:
        if shutil.which(command[0]) is None or subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            print(f"{what} is left out: {' '.join(map(str, command))} did not work", flush=True)
            return False
    return True


def peers():
    """The peers that are to be had, as arguments of the bench of calls."""
    folder = CACHE / "bench-peers"
    folder.mkdir(parents=True, exist_ok=True)
    venv = folder / "venv"
    arguments = []
    if install("aiortc", [sys.executable, "-m", "venv", venv], [str(venv / "bin" / "pip"), "install", "-q", "aiortc", "websockets"]):
        arguments += ["--peer", f"aiortc={venv}/bin/python {PEERS}/aiortc_receiver.py"]
    if install("libwebrtc in Node", ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, "@roamhq/wrtc", "ws"]):
        arguments += ["--peer", f"wrtc=env MONIPY_BENCH_PEERS={folder} node {PEERS}/wrtc_receiver.mjs"]
    return arguments


def main():
    def sh(*command, **env):
        subprocess.run(command, cwd=ROOT, env=dict(os.environ, **env), check=True)

    sh("cargo", "build", "--locked", "--release", "-p", "contact-center", "--bin", "contact-center", "--bin", "capacity")
    numbers = [a for a in sys.argv[1:] if a != "--no-peers"]
    print("\n== SIP messages", flush=True)
    sh("cargo", "bench", "--locked", "-q", "-p", "monipy-core", "--bench", "sip_parse")
    print("\n== Media connections, pairs on loopback", flush=True)
    sh("cargo", "bench", "--locked", "-q", "-p", "monipy-core", "--bench", "media_pair")
    print("\n== One tick of the receive path", flush=True)
    sh("cargo", "bench", "--locked", "-q", "-p", "monipy-core", "--bench", "receive_tick")
    print("\n== One received packet: allocations and instructions", flush=True)
    if shutil.which("valgrind"):
        sh(sys.executable, "tests/tools/packet_cost.py", "--release")
    print("\n== Monitored calls", flush=True)
    sh("cargo", "bench", "--locked", "-q", "-p", "monipy-tests", "--bench", "calls", "--", *numbers, *([] if "--no-peers" in sys.argv else peers()))
    print("\n== Contact centre: calls with real supervisors in another process", flush=True)
    for calls, codec in (("50", "opus"), ("100", "opus"), ("150", "PCMU"), ("200", "PCMU")):
        sh(str(TARGET / "release" / "capacity"), "--calls", calls, "--codec", codec)
    print("\n== Faces: C, C++, Python, Node", flush=True)
    sh(sys.executable, "tests/tools/bench_faces.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
