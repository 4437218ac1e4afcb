"""Records a call to a stereo WAV file: the agent's side on the left, the supervisor's on the right. Without asyncio.

    python record.py wss://sip.example.com 1001 secret call.wav [hello.wav]
"""

import sys

import monipy
import monipy.sync


def main(server: str, id: str, password: str, path: str, say: str | None = None) -> None:
    with monipy.sync.Supervisor(server=server, audio_mode="application") as supervisor:
        supervisor.login(id, password)
        print("logged in, waiting to be barged in", flush=True)
        call = next(supervisor.calls())
        recording = call.record(path)
        call.answer()
        if say:
            call.streaming()
            call.play(say)
        try:
            print(f"{path}: {recording.done():.1f} s")
        except KeyboardInterrupt:
            print(f"{path}: {recording.stop():.1f} s")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:6])
    except monipy.MonipyError as e:
        sys.exit(f"{e}")
