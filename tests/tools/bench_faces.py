#!/usr/bin/env python3
"""Measures what each language's face costs: sizes, import, an event to a handler, a frame of PCM.

Prints a line of JSON a figure as it comes, and a table in the end. Release builds; run it on a quiet
machine. Part of `make bench`. Nothing here is a test.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
CENTRE = TARGET / "release" / "contact-center"


def sh(*command):
    subprocess.run(command, cwd=ROOT, env=dict(os.environ, CARGO_TARGET_DIR=str(TARGET)), check=True)


def measured(*command, cwd=ROOT):
    """Runs a bench; gives its figures."""
    figures = []
    environment = dict(os.environ, MONIPY_CONTACT_CENTER=str(CENTRE))
    with subprocess.Popen([str(c) for c in command], cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("{"):
                figures.append(json.loads(line))
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return figures


def c_and_cpp():
    command = [str(CENTRE), "--json", "--exit-with-stdin", "--barge-after", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as centre:
        server = json.loads(centre.stdout.readline())["ws"]
        try:
            return measured("tests/c/bench.sh", TARGET / "release", server)
        finally:
            centre.stdin.close()
            centre.stdout.close()


def python():
    sh("bindings/python/install.sh")
    [wheel] = (TARGET / "python" / "wheels").glob("*.whl")
    return measured(TARGET / "python" / "empty" / "bin" / "python", "bindings/python/bench.py", wheel)


def node():
    sh("bindings/node/install.sh")
    project = TARGET / "node" / "empty"
    [native] = project.glob("node_modules/monipy-*/monipy.*.node")
    return measured("node", "bench/bench.js", native, cwd=project)


def main():
    sh("cargo", "build", "--locked", "--release", "-p", "monipy-ffi", "-p", "contact-center")
    figures = c_and_cpp() + python() + node()
    width = max(len(f["figure"]) for f in figures)
    print()
    for f in figures:
        print(f"{f['figure']:<{width}}  {f['value']:>10,.10g} {f['unit']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
