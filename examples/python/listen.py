"""Is barged into calls, listens, and prints how loud it is.

    python listen.py wss://sip.example.com 1001 secret
"""

import asyncio
import sys

import numpy as np

import monipy


async def listen(call: monipy.Call) -> None:
    print(f"call {call.call_id} from {call.from_}")
    frames = call.audio(rate=16000)
    await call.answer()
    level, count = 0.0, 0
    async for frame in frames:
        level += float(np.square(frame.samples, dtype=np.float64).mean())
        count += 1
        if count == 50:  # a second
            dbfs = 10 * np.log10(level / count / 32768**2 + 1e-13)
            print(f"{frame.timestamp / frame.sample_rate:7.1f} s  {dbfs:6.1f} dBFS  {'#' * int(max(0, dbfs + 60) / 2)}", flush=True)
            level, count = 0.0, 0
    end = await call.ended()
    print(f"{end.name}: {end.status}")


async def main(server: str, id: str, password: str) -> None:
    async with monipy.Supervisor(server=server, audio_mode="application") as supervisor:
        await supervisor.login(id, password)
        print("logged in, waiting to be barged in", flush=True)
        async for call in supervisor.calls():
            await listen(call)


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:4]))
    except KeyboardInterrupt:
        pass
