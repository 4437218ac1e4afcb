#!/usr/bin/env python3
"""Runs every trace and seed through the receive path and compares with NetEQ:

    measure.py EXAMPLES FOLDER [--page] [SEED ...]

EXAMPLES holds the built examples receive_trace and encode_packets, FOLDER the speech (setup.sh).
Writes FOLDER/quality.json and FOLDER/quality.svg; with --page also docs/quality.md and its picture.
Ends with 1 when a goal is missed."""
import json
import os
import shutil
import subprocess
import sys
from multiprocessing import Pool

import numpy as np

import score as scoring

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES, FOLDER = sys.argv[1], sys.argv[2]
PAGE = "--page" in sys.argv
SEEDS = [int(s) for s in sys.argv[3:] if s != "--page"] or [11, 12, 13]
PACKETS = 4400
with open(os.path.join(HERE, "neteq.json")) as f:
    NETEQ = json.load(f)
# NetEQ's narrow-band figures with PCMU.
PCMU_GOALS = {"u0_j0": 4.17, "u1_j20": 3.91, "u5_j20": 3.24, "u10_j20": 2.89, "g10_j20": 2.80}
NO_FEC_GOALS = {"u5_j20": 3.1, "u10_j20": 2.6, "g10_j20": 2.6}
STREAMS = {
    "fec": ("speech48.wav", ["opus", "30000", "fec", "15"], "opus"),
    "nofec": ("speech48.wav", ["opus", "30000", "nofec", "10"], "opus"),
    "pcmu": ("speech8.wav", ["pcmu"], "pcmu"),
}
reference = None


def prepare():
    for stream, (wav, options, _) in STREAMS.items():
        subprocess.run([f"{EXAMPLES}/encode_packets", f"{FOLDER}/{wav}", f"{FOLDER}/{stream}.packets", *options], check=True)
    for seed in SEEDS:
        if not os.path.isdir(f"{FOLDER}/traces{seed}"):
            subprocess.run([sys.executable, f"{HERE}/make_traces.py", str(PACKETS), str(seed), f"{FOLDER}/traces{seed}"], check=True)


def start_worker():
    global reference
    reference = scoring.Reference(FOLDER)


def one(job):
    stream, trace, seed = job
    out = f"{FOLDER}/heard.{os.getpid()}.wav"
    codec = STREAMS[stream][2]
    command = [f"{EXAMPLES}/receive_trace", f"{FOLDER}/{stream}.packets", f"{FOLDER}/traces{seed}/{trace}.csv", out, codec]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    result = scoring.score(reference, out, codec)
    os.unlink(out)
    return stream, trace, result


def picture(figures):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = sorted(NETEQ)
    at = np.arange(len(names))
    plot, (above, below) = plt.subplots(2, 1, figsize=(14, 9), sharex=True)
    above.bar(at - 0.2, [NETEQ[n][0] for n in names], 0.4, label="NetEQ", color="#b0b0b0")
    above.bar(at + 0.2, [figures["fec"][n][0] for n in names], 0.4, label="monipy", color="#2a7f62")
    above.set_ylabel("PESQ-WB (higher is better)")
    above.set_ylim(1, 4.6)
    above.legend()
    below.bar(at - 0.2, [NETEQ[n][1] for n in names], 0.4, color="#b0b0b0")
    below.bar(at + 0.2, [figures["fec"][n][1] for n in names], 0.4, color="#2a7f62")
    below.set_ylabel("mean added delay, ms (lower is better)")
    below.set_xticks(at, names, rotation=60, ha="right")
    plot.tight_layout()
    matplotlib.rcParams["svg.hashsalt"] = "quality"
    plot.savefig(f"{FOLDER}/quality.svg", metadata={"Date": None})


def main():
    prepare()
    traces = {"fec": sorted(NETEQ), "nofec": sorted(NO_FEC_GOALS), "pcmu": sorted(PCMU_GOALS)}
    jobs = [(stream, trace, seed) for stream, names in traces.items() for trace in names for seed in SEEDS]
    figures = {stream: {} for stream in traces}
    with Pool(os.cpu_count(), start_worker) as pool:
        for stream, trace, result in pool.imap_unordered(one, jobs):
            figures[stream].setdefault(trace, []).append(result)
    figures = {s: {t: [float(v) for v in np.mean(r, axis=0)] for t, r in of.items()} for s, of in figures.items()}
    with open(f"{FOLDER}/quality.json", "w") as f:
        json.dump(figures, f, indent=1)
    rows, goals = compare(figures)
    print(f"Opus with copies of lost frames, {len(SEEDS)} seeds: PESQ-WB, added delay in ms (NetEQ's beside it)")
    for trace, mark, their_mark, mean, their_mean, p95, their_p95 in rows:
        print(f"{trace:14} {mark:5.2f} ({their_mark:4.2f})  mean {mean:4.0f} ({their_mean:3})  p95 {p95:4.0f} ({their_p95:3})")
    print("Goals")
    for name, value, bound, good in goals:
        print(f"{name:44} {value:7.2f}  {bound:12}{'' if good else '  MISSED'}")
    missed = sum(not good for *_, good in goals)
    picture(figures)
    if PAGE:
        page(rows, goals)
    print(f"{missed} of {len(goals)} goals missed; picture in {FOLDER}/quality.svg")
    sys.exit(1 if missed else 0)


def compare(figures):
    """Rows of the table, and the goals: name, value, bound, whether it is met."""
    fec = figures["fec"]
    rows = []
    for trace in sorted(NETEQ):
        (mark, mean, p95), (their_mark, their_mean, their_p95) = fec[trace], NETEQ[trace]
        rows.append((trace, mark, their_mark, mean, their_mean, p95, their_p95))
    goals = []

    def at_least(name, value, bound):
        goals.append((name, value, f">= {bound:.2f}", value >= bound))

    def at_most(name, value, bound):
        goals.append((name, value, f"<= {bound:.0f}", value <= bound))

    at_least("mean over the traces, PESQ-WB", float(np.mean([v[0] for v in fec.values()])), 3.65)
    at_most("mean over the traces, added delay in ms", float(np.mean([v[1] for v in fec.values()])), 125)
    at_least("worst trace against NetEQ, PESQ-WB", min(r[1] - r[2] for r in rows), -0.15)
    at_most("worst trace against NetEQ, mean delay in ms", max(r[3] - r[4] for r in rows), 15)
    at_most("worst trace against NetEQ, p95 of delay in ms", max(r[5] - r[6] for r in rows), 20)
    for trace, bound in (("u0_j0", 4.25), ("u5_j0", 4.00), ("u10_j0", 3.50)):
        at_least(f"{trace}, PESQ-WB", fec[trace][0], bound)
        at_most(f"{trace}, mean delay in ms", fec[trace][1], 40)
    for trace, bound in NO_FEC_GOALS.items():
        at_least(f"{trace} without copies, PESQ-WB", figures["nofec"][trace][0], bound)
    for trace, theirs in PCMU_GOALS.items():
        at_least(f"{trace} with PCMU, PESQ-NB", figures["pcmu"][trace][0], theirs - 0.15)
    return rows, goals


def page(rows, goals):
    """Puts the tables between the marks of docs/quality.md, and the picture beside it."""
    docs = os.path.join(HERE, "..", "..", "docs")
    shutil.copy(f"{FOLDER}/quality.svg", f"{docs}/quality.svg")
    lines = ["| goal | measured | bound | |", "| --- | --- | --- | --- |"]
    lines += [f"| {name} | {value:.2f} | {bound} | {'' if good else '**missed**'} |" for name, value, bound, good in goals]
    lines += ["", "| trace | PESQ-WB | NetEQ's | mean delay, ms | NetEQ's | p95, ms | NetEQ's |", "| --- | --- | --- | --- | --- | --- | --- |"]
    lines += [f"| {t} | {m:.2f} | {tm:.2f} | {d:.0f} | {td} | {p:.0f} | {tp} |" for t, m, tm, d, td, p, tp in rows]
    with open(f"{docs}/quality.md") as f:
        before, rest = f.read().split("<!-- measured -->\n", 1)
        after = rest.split("<!-- end of measured -->\n", 1)[1]
    with open(f"{docs}/quality.md", "w") as f:
        f.write(before + "<!-- measured -->\n" + "\n".join(lines) + "\n<!-- end of measured -->\n" + after)


if __name__ == "__main__":
    main()
