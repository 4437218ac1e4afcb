"""Prints what things cost: size of the wheel, import, an event to a handler, a frame to a loop.

    python bench.py [WHEEL]

Events are real ones: a method called in the wrong state gives one. Frames come from a call in the embedded contact centre,
when MONIPY_CONTACT_CENTER names it; they come in real time, so what is measured is the processor's time for each.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import monipy
import monipy.sync

EVENTS = 800


def import_time() -> float:
    """Best of five, in a fresh interpreter, less the interpreter itself."""

    def run(code: str) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - start)
        return min(times)

    return run("import monipy") - run("pass")


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


async def frames(program: str) -> tuple[float, float]:
    """Seconds of this process's main thread per frame: with numpy's mean of each, and the loop's share alone."""
    sys.path.insert(0, str(Path(__file__).parent / "tests"))
    from conftest import Centre

    centre = Centre(program)
    try:
        async with monipy.Supervisor(centre.settings()) as supervisor:
            await supervisor.login(centre.id, centre.password)
            await asyncio.to_thread(centre.barge)
            call = await anext(supervisor.calls())
            stream = call.audio(rate=16000)
            await call.answer()
            await call.streaming()
            results = []
            for look in (True, False):
                start, count = time.thread_time(), 0
                async for frame in stream:
                    if look:
                        frame.samples.mean()
                    count += 1
                    if count == 250:
                        break
                results.append((time.thread_time() - start) / count)
            return results[0], results[1]
    finally:
        centre.stop()


def main() -> None:
    if len(sys.argv) > 1:
        print(f"wheel                        {Path(sys.argv[1]).stat().st_size / 2**20:8.2f} MiB")
    print(f"import monipy                {import_time() * 1e3:8.1f} ms")
    print(f"event to a handler (sync)    {sync_events() * 1e6:8.1f} us of processor, engine included")
    print(f"event to async for           {asyncio.run(async_events()) * 1e6:8.1f} us of processor, engine included")
    program = os.environ.get("MONIPY_CONTACT_CENTER")
    if program:
        with_numpy, alone = asyncio.run(frames(program))
        print(f"frame to async for           {alone * 1e6:8.1f} us of the loop's thread")
        print(f"frame, with numpy's mean     {with_numpy * 1e6:8.1f} us of the loop's thread")


if __name__ == "__main__":
    main()
