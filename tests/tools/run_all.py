#!/usr/bin/env python3
"""Runs every suite of the project, one stage after the other, and ends with a summary line.

    run_all.py                      everything
    run_all.py --only rust c        some stages (see --list)
    run_all.py --list               their names

A stage that needs a program this machine lacks installs it (as root, with apt-get) or is skipped
with a notice. The exit status is the number of stages that failed, 0 when all went well.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("MONIPY_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "monipy")
LOGS = CACHE / "test-logs"

# Debian packages by the program that shows they are there.
PACKAGES = {
    "kamailio": ["kamailio", "kamailio-websocket-modules", "kamailio-tls-modules", "kamailio-outbound-modules"],
    "rtpengine": ["rtpengine-daemon"],
    "baresip": ["baresip"],
    "turnserver": ["coturn"],
    "sipp": ["sip-tester"],
    "chromium": ["chromium"],
    "openssl": ["openssl"],
    "pulseaudio": ["pulseaudio"],
    "pactl": ["pulseaudio-utils"],
    "valgrind": ["valgrind"],
    "cmake": ["cmake"],
    "pkg-config": ["pkg-config"],
    "npm": ["npm"],
    "ip": ["iproute2"],
    "faketime": ["faketime"],
}
# Files that show that a package without a program of its own is there.
MODULE_FILES = {"kamailio": "/usr/lib/x86_64-linux-gnu/kamailio/modules/websocket.so"}

# Every cargo command takes the whole workspace: with the same features everywhere nothing is built twice.
STAGES = [
    # name, command, programs needed
    ("format", "cargo fmt --all --check", []),
    ("lint", "cargo clippy --locked --workspace --all-targets -- -D warnings", []),
    ("rust", "cargo test --locked --workspace --no-fail-fast", []),
    ("interop", "cargo test --locked --workspace --test interop -- --include-ignored --test-threads=2 && python3 tests/tools/interop_table.py --check", ["kamailio", "sipp", "rtpengine", "baresip", "turnserver", "chromium", "openssl"]),
    ("devices", "tests/devices/run.sh", ["pulseaudio", "pactl"]),
    ("c", "tests/c/run.sh", ["valgrind", "cmake", "pkg-config"]),
    ("python", "bindings/python/check.sh", []),
    ("node", "bindings/node/check.sh", []),
    # After Python and Node: all five faces side by side, with the packages installed there.
    ("faces", "tests/behaviour/run.sh", []),
    ("page", "examples/contact-center/tests/page/check.sh", ["chromium", "npm"]),
    ("readme", "python3 tests/tools/readme.py", ["pkg-config"]),
    ("cost", "python3 tests/tools/packet_cost.py", ["valgrind"]),
    ("fuzz", "python3 tests/tools/fuzz.py --seconds 20", []),
    # Needs root; says so and ends well without.
    ("faults", "python3 tests/faults/run.py", ["ip"]),
    ("supply", "python3 tests/tools/supply_chain.py", []),
    # Puts together what the stages before it have left.
    ("trust", "python3 tests/tools/trust_table.py", []),
]
# Programs that a stage is better with.
OPTIONAL = {"faults": ["faketime", "turnserver"]}
# Where the rows of the trust table are left.
TRUST_ROWS = CACHE / "trust-rows"

TALLIES = [
    # cargo test
    re.compile(r"^test result: \w+\. (?P<passed>\d+) passed; (?P<failed>\d+) failed; (?P<skipped>\d+) ignored"),
    # pytest
    re.compile(r"^=+ (?=.*\b(?:passed|failed|skipped)\b)(?:(?P<failed>\d+) failed,? ?)?(?:(?P<passed>\d+) passed)?(?:, (?P<skipped>\d+) skipped)?.* in [\d.:]+"),
    # scripts of our own
    re.compile(r"^(?:\w+: )?(?P<passed>\d+) passed, (?P<failed>\d+) failed(?:, (?P<skipped>\d+) skipped)?$"),
]
NODE = {key: re.compile(rf"^[#ℹ] {word} (\d+)$") for key, word in (("passed", "pass"), ("failed", "fail"), ("skipped", "skipped"))}


def available(program):
    marker = MODULE_FILES.get(program)
    return bool(shutil.which(program)) and (marker is None or Path(marker).exists())


def provide(programs):
    """Installs what is missing. Returns what could not be had."""
    missing = [p for p in programs if not available(p)]
    if missing and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = [package for p in missing for package in PACKAGES[p]]
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        print(f"installing {' '.join(packages)}", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], env=environment, stdout=subprocess.DEVNULL, check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=environment, stdout=subprocess.DEVNULL, check=False)
    return [p for p in missing if not available(p)]


def tally(line, counts):
    for pattern in TALLIES:
        found = pattern.match(line)
        if found:
            for key in counts:
                counts[key] += int(found.group(key) or 0)
            return
    for key, pattern in NODE.items():
        found = pattern.match(line)
        if found:
            counts[key] += int(found.group(1))


def surroundings():
    """What the suites are told: where the contact centre is, where rows of the trust table go."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    centre = target / "debug" / "contact-center"
    told = {"MONIPY_TRUST_ROWS": str(TRUST_ROWS)}
    if centre.exists():
        told["MONIPY_CONTACT_CENTER"] = str(centre)
    return dict(told, **os.environ)


def heed_interrupts():
    """A runner started in the background ignores Ctrl-C, and hands that down to tests of Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(name, command):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    LOGS.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with open(LOGS / f"{name}.log", "w", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(command, shell=True, cwd=ROOT, env=surroundings(), preexec_fn=heed_interrupts, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

        over = threading.Event()

        def copy():
            for line in process.stdout:
                if over.is_set():
                    return
                sys.stdout.write(line)
                sys.stdout.flush()
                log.write(line)
                tally(line.rstrip("\n"), counts)

        reader = threading.Thread(target=copy, daemon=True)
        reader.start()
        status = process.wait()
        # What a failed test has left running holds the pipe: it is not waited for.
        reader.join(20)
        over.set()
        if reader.is_alive():
            print(f"{name}: a program that it started is still running", flush=True)
            status = status or 1
    # A stage without a tally of its own is one check.
    if not any(counts.values()):
        counts["passed" if status == 0 else "failed"] = 1
    if status != 0 and counts["failed"] == 0:
        counts["failed"] = 1
    return status, counts, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="STAGE", help="run these stages only")
    parser.add_argument("--skip", nargs="+", metavar="STAGE", default=[], help="leave these stages out")
    parser.add_argument("--list", action="store_true", help="print the stages")
    options = parser.parse_args()
    names = [name for name, _, _ in STAGES]
    if options.list:
        print("\n".join(f"{name:10} {command}" for name, command, _ in STAGES))
        return 0
    unknown = [n for n in (options.only or []) + options.skip if n not in names]
    if unknown:
        parser.error(f"no such stage: {', '.join(unknown)}; there are {', '.join(names)}")
    rows, total = [], {"passed": 0, "failed": 0, "skipped": 0}
    for name, command, programs in STAGES:
        if (options.only and name not in options.only) or name in options.skip:
            continue
        print(f"\n=== {name}: {command}", flush=True)
        provide(OPTIONAL.get(name, []))
        lacking = provide(programs)
        if lacking:
            print(f"skipped: {', '.join(lacking)} not on this machine (apt-get install {' '.join(p for l in lacking for p in PACKAGES[l])})")
            rows.append((name, "skipped", {"passed": 0, "failed": 0, "skipped": 1}, 0.0))
            total["skipped"] += 1
            continue
        status, counts, seconds = run(name, command)
        rows.append((name, "ok" if status == 0 else "FAILED", counts, seconds))
        for key in total:
            total[key] += counts[key]
    print("\n=== summary")
    for name, verdict, counts, seconds in rows:
        print(f"{name:10} {verdict:8} {counts['passed']:5} passed {counts['failed']:4} failed {counts['skipped']:4} skipped {seconds:7.1f} s")
    print(f"monipy: {total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return sum(verdict == "FAILED" for _, verdict, _, _ in rows)


if __name__ == "__main__":
    sys.exit(main())
