#!/usr/bin/env python3
"""Runs every trace and seed through the receive path and compares with NetEQ:

    measure.py EXAMPLES FOLDER [SEED ...]

EXAMPLES holds the built examples receive_trace and encode_packets, FOLDER the speech (setup.sh).
Writes FOLDER/quality.json and FOLDER/quality.svg. Ends with 1 when a goal is missed."""
import json
import os
import subprocess
import sys
from multiprocessing import Pool

import numpy as np

import score as scoring

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES, FOLDER = sys.argv[1], sys.argv[2]
SEEDS = [int(s) for s in sys.argv[3:]] or [11, 12, 13]
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
    plot.savefig(f"{FOLDER}/quality.svg")


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
    missed = 0

    def check(good):
        nonlocal missed
        missed += not good
        return "" if good else "  MISSED"

    print(f"Opus with copies of lost frames, {len(SEEDS)} seeds: PESQ-WB, added delay in ms (NetEQ's beside it)")
    for trace in traces["fec"]:
        (mark, mean, p95), (their_mark, their_mean, their_p95) = figures["fec"][trace], NETEQ[trace]
        good = mark >= their_mark - 0.15 and mean <= their_mean + 15
        print(f"{trace:14} {mark:5.2f} ({their_mark:4.2f})  mean {mean:4.0f} ({their_mean:3})  p95 {p95:4.0f} ({their_p95:3}){check(good)}")
    mark, mean = (float(np.mean([v[i] for v in figures["fec"].values()])) for i in (0, 1))
    print(f"{'mean':14} {mark:5.3f} (3.48)  mean {mean:5.1f} (135); goal 3.55 at 135{check(mark >= 3.55 and mean <= 135)}")
    print("Opus without copies: PESQ-WB (goal)")
    for trace, goal in NO_FEC_GOALS.items():
        print(f"{trace:14} {figures['nofec'][trace][0]:5.2f} ({goal}){check(figures['nofec'][trace][0] >= goal)}")
    print("PCMU: PESQ-NB (NetEQ's)")
    for trace, goal in PCMU_GOALS.items():
        print(f"{trace:14} {figures['pcmu'][trace][0]:5.2f} ({goal}){check(figures['pcmu'][trace][0] >= goal - 0.15)}")
    picture(figures)
    print(f"{missed} goals missed; picture in {FOLDER}/quality.svg")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
