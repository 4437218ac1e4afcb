#!/usr/bin/env python3
"""Holds what one received packet costs against bounds that do not depend on the machine's mood:
allocations, counted, and instructions, counted by callgrind, on a fixed input (unprotect, place,
decode, deliver: monipy-core/examples/packet_cost.rs).

    packet_cost.py              the debug build that the tests use, against the bounds
    packet_cost.py --release    the release build: figures for docs/performance.md

Prints a line of JSON for each figure and ends with a tally.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
PACKETS = 400

# codec, rate: allocations a packet, and instructions a packet of the debug build (some 15 % above
# what was measured: compilers differ a little from one release to the next).
BOUNDS = {
    ("opus", 48000): (0.05, 375_000),
    ("opus", 16000): (0.05, 196_000),
    ("pcmu", 8000): (0.05, 24_000),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", action="store_true")
    options = parser.parse_args()
    profile = ["--release"] if options.release else []
    subprocess.run(["cargo", "build", "--locked", "-q", "--workspace", "--examples", *profile], cwd=ROOT, check=True)
    program = TARGET / ("release" if options.release else "debug") / "examples" / "packet_cost"
    passed = failed = 0
    for (codec, rate), (most_allocations, most_instructions) in BOUNDS.items():
        command = [str(program), codec, str(rate), str(PACKETS)]
        allocations = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        with tempfile.TemporaryDirectory() as folder:
            valgrind = ["valgrind", "--tool=callgrind", "--toggle-collect=*measured*", f"--callgrind-out-file={folder}/out"]
            run = subprocess.run([*valgrind, *command], check=True, capture_output=True, text=True)
        collected = int(re.search(r"Collected : (\d+)", run.stderr).group(1))
        figures = {
            "bench": "packet_cost",
            "codec": codec,
            "rate": rate,
            "build": "release" if options.release else "debug",
            "allocations_per_packet": allocations["allocations_per_packet"],
            "instructions_per_packet": round(collected / (PACKETS + allocations["warm"])),
        }
        print(json.dumps(figures), flush=True)
        checks = [(figures["allocations_per_packet"], most_allocations, "allocations")]
        if not options.release:
            checks.append((figures["instructions_per_packet"], most_instructions, "instructions"))
        for figure, bound, what in checks:
            if figure <= bound:
                passed += 1
            else:
                failed += 1
                print(f"{codec} at {rate} Hz: {figure} {what} a packet, bound {bound}")
    print(f"packet_cost: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
