"""Scores what was heard: PESQ per segment (wide band against 48 kHz, narrow band against 8 kHz), and the
delay that playing it added, found by correlation in windows of a second."""
import json
import os

import numpy as np
import soundfile as sf
from pesq import PesqError, pesq
from scipy.signal import fftconvolve, resample_poly

# Minimum transit of the traces, and Opus' look-ahead beside it, ms: not the receive path's doing.
BASE_MS = {"opus": 59.7, "pcmu": 53.3}
MOST_MS = 1500
WINDOW = 8000


class Reference:
    def __init__(self, folder):
        x, _ = sf.read(os.path.join(folder, "speech48.wav"))
        self.at8 = resample_poly(x, 1, 6, window=("kaiser", 8.0))
        self.at16 = resample_poly(x, 1, 3, window=("kaiser", 8.0))
        self.at48_length = len(x)
        with open(os.path.join(folder, "speech.json")) as f:
            self.segments = json.load(f)["segments"]


def padded(x, length):
    return np.concatenate([x, np.zeros(max(0, length - len(x)))])


def delays(ref8, out8, start, length):
    """Where each second of the reference is found in the output, ms later."""
    found = []
    for a in range(start, start + length - WINDOW, WINDOW // 2):
        x = ref8[a : a + WINDOW]
        if np.mean(x**2) < 1e-5:
            continue
        y = out8[a : a + WINDOW + MOST_MS * 8]
        cross = fftconvolve(y, x[::-1], "valid")
        energy = np.cumsum(np.concatenate([[0], y**2]))
        norm = np.sqrt((energy[WINDOW:] - energy[:-WINDOW]) * np.sum(x**2) + 1e-12)
        likeness = cross / norm
        k = int(np.argmax(likeness))
        if likeness[k] > 0.5:
            found.append(k / 8)
    return found


def score(reference, wav, codec):
    """(PESQ, mean delay, 95th percentile of the delay)."""
    out, rate = sf.read(wav)
    if rate == 48000:
        out = padded(out, reference.at48_length + MOST_MS * 48)
        out8 = resample_poly(out, 1, 6, window=("kaiser", 8.0))
        out16 = resample_poly(out, 1, 3, window=("kaiser", 8.0))
    else:
        out8, out16 = padded(out, len(reference.at8) + MOST_MS * 8), None
    marks, all_delays = [], []
    for segment in reference.segments:
        start, length = segment["start"] // 6, segment["len"] // 6
        found = delays(reference.at8, out8, start, length)
        all_delays += found
        middle = float(np.median(found)) if found else 0.0
        if codec == "opus":
            mode, hz, ref, deg, k, a, n = "wb", 16000, reference.at16, out16, round(middle * 16), segment["start"] // 3, segment["len"] // 3
        else:
            mode, hz, ref, deg, k, a, n = "nb", 8000, reference.at8, out8, round(middle * 8), start, length
        try:
            marks.append(pesq(hz, ref[a : a + n].astype(np.float32), deg[a + k : a + k + n].astype(np.float32), mode))
        except PesqError:
            marks.append(1.0)
    d = np.array(all_delays or [0.0]) - BASE_MS[codec]
    return float(np.mean(marks)), float(d.mean()), float(np.percentile(d, 95))
