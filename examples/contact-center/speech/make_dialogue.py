#!/usr/bin/env python3
"""Makes dialogue.wav and dialogue.tsv with espeak-ng. Needed only to change the words; see README.md."""

import math
import pathlib
import struct
import subprocess
import tempfile
import wave

RATE = 16_000
VOICES = {
    "agent": ["-v", "en-gb-x-rp+f2", "-s", "160", "-p", "55"],
    "customer": ["-v", "en-us+m3", "-s", "155", "-p", "35"],
    "supervisor": ["-v", "en-gb-scotland+f4", "-s", "165", "-p", "45"],
}
# speaker, milliseconds after the end of the turn before (negative: they overlap), words
TURNS = [
    ("agent", 300, "Thank you for calling Northwind Travel, this is Anna. How can I help?"),
    ("customer", 450, "Hello Anna. My train to Oxford was cancelled, and I would like my money back."),
    ("agent", 350, "I am sorry to hear that. May I have your booking number, please?"),
    ("customer", 600, "Yes. It is seven four one, nine zero two."),
    ("agent", 1200, "Thank you. I can see it here. The refund will be on your card in three days."),
    ("customer", -900, "Oh, very good."),
    ("customer", 500, "Thank you, Anna. That was quick."),
]
TAIL_MS = 700
# What the supervisor of the demo says; not part of the dialogue.
INTERJECTION = "Hello to you both, this is Maria. The refund is approved."


def speak(voice, words):
    """Samples at espeak's own rate."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "turn.wav")
        subprocess.run(["espeak-ng", *voice, "-w", path, words], check=True)
        with wave.open(path) as w:
            assert (w.getnchannels(), w.getsampwidth()) == (1, 2)
            raw = w.readframes(w.getnframes())
            return w.getframerate(), struct.unpack(f"<{len(raw) // 2}h", raw)


def resample(samples, rate):
    """To RATE, by a Hann-windowed sinc of 32 zero crossings, cut off at 7.2 kHz."""
    cutoff = 2 * 7200 / rate
    half = 32
    out = []
    for n in range(int(len(samples) * RATE / rate)):
        centre = n * rate / RATE
        total = 0.0
        for k in range(max(0, int(centre) - half), min(len(samples), int(centre) + half + 1)):
            x = centre - k
            if abs(x) < half:
                sinc = cutoff if x == 0 else math.sin(math.pi * cutoff * x) / (math.pi * x)
                total += samples[k] * sinc * (0.5 + 0.5 * math.cos(math.pi * x / half))
        out.append(total)
    return out


def trimmed(samples, floor=60):
    loud = [i for i, s in enumerate(samples) if abs(s) > floor]
    return samples[loud[0] : loud[-1] + 1]


def normalised(samples, rms_dbfs=-22.0):
    rms = math.sqrt(sum(s * s for s in samples) / len(samples))
    gain = 32768 * 10 ** (rms_dbfs / 20) / rms
    return [max(-32000, min(32000, round(s * gain))) for s in samples]


def ulaw(sample):
    """G.711 mu-law."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 0x0F) & 0xFF


def main():
    folder = pathlib.Path(__file__).parent
    data, rows, end = bytearray(), [], 0
    for speaker, gap_ms, words in TURNS:
        rate, samples = speak(VOICES[speaker], words)
        turn = normalised(trimmed(resample(samples, rate)))
        start = end + gap_ms * RATE // 1000
        rows.append((speaker, start, len(data), len(turn), words))
        data += bytes(ulaw(s) for s in turn)
        end = max(end, start + len(turn))
    rate, samples = speak(VOICES["supervisor"], INTERJECTION)
    turn = normalised(trimmed(resample(samples, rate)))
    rows.append(("supervisor", 0, len(data), len(turn), INTERJECTION))
    data += bytes(ulaw(s) for s in turn)
    total = end + TAIL_MS * RATE // 1000
    fmt = struct.pack("<HHIIHHH", 7, 1, RATE, RATE, 1, 8, 0)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"fact" + struct.pack("<II", 4, len(data))
    body += b"data" + struct.pack("<I", len(data)) + bytes(data) + b"\0" * (len(data) % 2)
    (folder / "dialogue.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    lines = [f"# Turns of dialogue.wav in samples at {RATE} Hz: speaker, start in the dialogue, start in the file, length, words"]
    lines += ["\t".join(map(str, row)) for row in rows]
    lines.append(f"end\t{total}")
    (folder / "dialogue.tsv").write_text("\n".join(lines) + "\n")
    print(f"{len(data)} bytes of speech, {total / RATE:.1f} s of dialogue")


if __name__ == "__main__":
    main()
