"""Is barged into a call and speaks a WAV file to the parties.

    python barge.py wss://sip.example.com 1001 secret hello.wav
"""

import asyncio
import sys

import monipy


async def main(server: str, id: str, password: str, wav: str) -> None:
    async with monipy.Supervisor(server=server, audio_mode="application") as supervisor:
        await supervisor.login(id, password)
        print("logged in, waiting to be barged in", flush=True)
        async for call in supervisor.calls():
            await call.answer()
            await call.streaming()
            samples = await call.play(wav)
            print(f"spoke {samples / 48000:.1f} s into call {call.call_id}", flush=True)
            await call.terminate()
            return


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:5]))
    except monipy.MonipyError as e:
        sys.exit(f"{e}")
