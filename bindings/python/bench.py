"""Prints what things cost, a line of JSON a figure: size of the wheel, import, an event to a handler, a frame to a loop.

    python bench.py [WHEEL]

Events are real ones: a method called in the wrong state gives one. Frames come from a call in the embedded contact centre,
when MONIPY_CONTACT_CENTER names it; they come in real time, so what is measured is the processor's time for each.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import monipy
import monipy.sync

EVENTS = 800


def import_time(then: str = "") -> float:
    """Best of five, in a fresh interpreter, less the interpreter itself; with what is done then."""

    def run(code: str) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - start)
        return min(times)

    return run("import monipy" + then) - run("pass")


def give(engine: monipy._native.Engine) -> None:  # type: ignore[name-defined]
    for _ in range(EVENTS):
        engine.logout()


def sync_events() -> float:
    done = threading.Event()
    count = 0
    with monipy.sync.Supervisor(event_queue=65536) as supervisor:

        def handler(event: monipy.Event) -> None:
            nonlocal count
            count += 1
            if count == EVENTS:
                done.set()

        supervisor.on("error", handler)
        start = time.process_time()
        give(supervisor._engine)
        done.wait()
        return (time.process_time() - start) / EVENTS


async def async_events() -> float:
    async with monipy.Supervisor(event_queue=65536) as supervisor:
        events = supervisor.events()
        start = time.process_time()
        give(supervisor._engine)
        count = 0
        async for _ in events:
            count += 1
            if count == EVENTS:
                break
        return (time.process_time() - start) / EVENTS


async def frames() -> dict[str, float]:
    """Seconds of the loop's thread per frame of 20 ms."""
    import numpy  # not a part of what is measured
    from monipy.testing import ContactCenter

    centre = ContactCenter()
    try:
        async with monipy.Supervisor(centre.settings()) as supervisor:
            await supervisor.login(centre.id, centre.password)
            await asyncio.to_thread(centre.barge)
            call = await anext(supervisor.calls())
            await call.answer()
            await call.streaming()
            out = {}
            for name, latency_ms in (("as it comes", 0), ("three at a time", 60), ("ten at a time", 200)):
                stream = call.audio(rate=16000, latency_ms=latency_ms)
                await anext(stream)
                start, count = time.thread_time(), 0
                async for frame in stream:
                    count += 1
                    if count == 150:
                        break
                out[f"frame, {name}"] = (time.thread_time() - start) / count
                await stream.aclose()
            frame = await anext(call.audio())
            start = time.thread_time()
            for _ in range(10000):
                frame.samples
            out["a frame's numpy view"] = (time.thread_time() - start) / 10000
            assert isinstance(frame.samples, numpy.ndarray)
            return out
    finally:
        centre.stop()


def figure(name: str, value: float, unit: str) -> None:
    print(json.dumps({"figure": f"python {name}", "value": float(f"{value:.3g}"), "unit": unit}), flush=True)


def main() -> None:
    if len(sys.argv) > 1:
        figure("wheel", Path(sys.argv[1]).stat().st_size / 1e6, "MB")
    figure("import", import_time() * 1e3, "ms")
    figure("cold start to a supervisor and its end", import_time(".sync; monipy.sync.Supervisor().close()") * 1e3, "ms")
    figure("event to a handler (sync), all threads", min(sync_events() for _ in range(5)) * 1e6, "us of processor")
    figure("event to async for, all threads", min(asyncio.run(async_events()) for _ in range(5)) * 1e6, "us of processor")
    if os.environ.get("MONIPY_CONTACT_CENTER"):
        for name, seconds in asyncio.run(frames()).items():
            figure(name, seconds * 1e6, "us of the loop's thread")


if __name__ == "__main__":
    main()
