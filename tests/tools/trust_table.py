#!/usr/bin/env python3
"""The trust table: every hostile input and every fault, what is right, what was seen, the figure, the
verdict. It is put together from what the stages before it left: rows of the hostile peers and of the
fault lab (in MONIPY_TRUST_ROWS), and the logs of the other stages for cases that are theirs.

    trust_table.py [--folder ROWS] [--logs LOGS]

The exit status is the number of cases that failed. A case whose stage did not run is "not run".
"""
import argparse
import json
import os
import re
import sys
from pathlib import Path

CACHE = Path(os.environ.get("MONIPY_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "monipy")

# Cases that another suite checks: number, what, right behaviour, stage, and tests of that stage by a
# pattern ("" for the stage as a whole).
ELSEWHERE = [
    ("19e", "bytes into every parser and the whole user agent (fuzzing)", "no crash", "fuzz", ""),
    ("68", "roll-over of the SRTP packet index", "sound goes on", "rust", r"a_full_peer_that_offers"),
    ("70e", "the SSRC changes in the call", "sound is back", "rust", r"ssrc"),
    ("71b", "RTP paddings and extensions that lie (fuzzing)", "no crash", "fuzz", ""),
    ("74", "RTCP that lies, BYE of an unknown SSRC", "dropped, the call lives", "rust", r"bye|report"),
    ("76", "C: NULL, wrong, freed and random handles, calls from callbacks", "an error, never a crash", "c", ""),
    ("77", "C: 8 threads on all calls, create and destroy, destroy while logging in", "no crash, no deadlock", "c", ""),
    ("78", "C: long and broken strings, broken configurations, absurd sizes", "an error with a sentence", "c", ""),
    ("79", "C: no descriptors, no threads, little memory, fork", "an error, never a crash", "c", ""),
    ("80a", "Python: raising callbacks, dropped objects, interpreter exit, fork, asyncio", "no crash, no hang", "python", ""),
    ("80b", "Node: workers, exit and throw in callbacks, unref", "no crash, the process ends", "node", ""),
    ("F2", "10,000 clients lose one SBC", "15 % of the fleet a second at most, all back within 30 s", "rust", r"ten_thousand_clients"),
    ("F19", "2,000 calls in ten minutes (virtual time)", "nothing is kept", "rust", r"two_thousand_calls"),
    ("F11", "the sound card is pulled, and the sound server dies", "the call stays, the device is opened again", "devices", r"cards_are_chosen_lost|sound_server_that_dies"),
    ("F18", "fork", "the child's calls end, the parent is unharmed", "c", ""),
    ("F21", "a host callback of 2 s", "sound and SIP unaffected, queues bounded, overflow told", "c", ""),
    ("L5", "random interleavings of commands, frames and media events", "one terminal event a call, login and logout by turns", "rust", r"law"),
    ("S1", "AddressSanitizer and valgrind over the C layer", "clean", "c", ""),
    ("S2", "licences, sources, versions, unsafe", "as deny.toml says", "supply", ""),
]

# Faults of the table that the hostile peers play, by the case that plays them.
SAME = {"F12": "49", "F13": "47", "F14": "53b", "F16": "53", "F20b": "84d", "F23": "84a"}

# What this build does not have.
ABSENT = [
    ("F8", "speech over 5 % loss and 30 ms jitter", "similar to the clean call", "make quality scores it (tests/quality)"),
]


def log_of(logs, stage):
    path = logs / f"{stage}.log"
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else None


def judge(text, pattern):
    """(seen, verdict) of a stage's log: of the tests that match, or of the whole."""
    if text is None:
        return "its stage did not run", "not run"
    if pattern:
        tests = [m for m in re.finditer(r"^test (\S+) \.\.\. (ok|FAILED|ignored)", text, re.M) if re.search(pattern, m.group(1))]
        if not tests:
            return "its tests did not run", "not run"
        bad = [m.group(1) for m in tests if m.group(2) == "FAILED"]
        return (f"FAILED: {', '.join(bad[:3])}", "FAILED") if bad else (f"{len(tests)} tests", "ok")
    failed = [int(n) for n in re.findall(r"\b(\d+) failed\b", text)] + [int(n) for n in re.findall(r"^[#ℹ] fail (\d+)$", text, re.M)]
    passed = [int(n) for n in re.findall(r"\b(\d+) passed\b", text)] + [int(n) for n in re.findall(r"^[#ℹ] pass (\d+)$", text, re.M)]
    if not passed:
        return "its stage did not run", "not run"
    return f"{sum(passed)} checks", "FAILED" if any(failed) else "ok"


def order(row):
    """Hostile inputs by number, then faults, laws, supply chain."""
    found = re.match(r"([A-Z]?)(\d+)(.*)", row["case"])
    letter, number, rest = found.groups() if found else ("Z", "0", row["case"])
    return "FLS".find(letter) if letter else -1, int(number), rest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(os.environ.get("MONIPY_TRUST_ROWS") or CACHE / "trust-rows"))
    parser.add_argument("--logs", type=Path, default=CACHE / "test-logs")
    options = parser.parse_args()
    rows = []
    for path in sorted(options.folder.glob("*.jsonl")):
        rows += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    by_case = {row["case"]: row for row in rows}
    for case, other in SAME.items():
        if other in by_case:
            rows.append({**by_case[other], "case": case})
    for case, what, right, stage, pattern in ELSEWHERE:
        seen, verdict = judge(log_of(options.logs, stage), pattern)
        rows.append({"case": case, "what": what, "right": right, "seen": f"{stage}: {seen}", "figure": "", "verdict": verdict})
    rows += [{"case": c, "what": w, "right": r, "seen": s, "figure": "", "verdict": "absent"} for c, w, r, s in ABSENT]
    rows.sort(key=order)
    print(f"{'case':5} | {'hostile input or fault':70} | {'right behaviour':64} | {'seen':50} | {'figure':34} | verdict")
    for row in rows:
        cells = (row["case"][:5], row["what"][:70], row["right"][:64], row["seen"][:50], row["figure"][:34], row["verdict"])
        print("{:5} | {:70} | {:64} | {:50} | {:34} | {}".format(*cells))
    count = lambda verdict: sum(row["verdict"] == verdict for row in rows)
    # Each case was counted by the stage that ran it; this table is one check more.
    print(f"trust table: {len(rows)} cases: {count('ok')} ok, {count('FAILED')} wrong, {count('not run') + count('skipped')} not run, {count('absent')} not in this build")
    return count("FAILED")


if __name__ == "__main__":
    sys.exit(main())
