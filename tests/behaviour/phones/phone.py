"""The phone of the behaviour suite in Python: commands on standard input, events and replies as lines of JSON on standard
output. See ../README.md for the commands.

    python3 phone.py SERVER [KEY=NUMBER...]      keys: ring_time, max_calls
"""

import dataclasses
import json
import sys
import threading
from pathlib import Path
from typing import Any, get_args

import monipy
from monipy import sync

RATE = 16000
output = threading.Lock()


def say(value: dict[str, Any]) -> None:
    """Events and replies come from two threads: a line is written whole."""
    with output:
        print(json.dumps(value, default=str), flush=True)


def plain(event: monipy.Event) -> dict[str, Any]:
    """An event by the vendor's names."""
    fields = {f.name.rstrip("_"): getattr(event, f.name) for f in dataclasses.fields(event)}
    for key in ("stream", "call"):
        fields.pop(key, None)
    return {"event": event.name} | {k: dict(v) if k == "headers" else v for k, v in fields.items() if v is not None}


def main() -> None:
    server, *settings = sys.argv[1:]
    numbers = {key: int(value) for key, value in (s.split("=") for s in settings)}
    phone = sync.Supervisor(
        server=server, ice_servers=[], local_address="127.0.0.1", audio_mode="application", reconnect_min_ms=50, reconnect_max_ms=300,
        **numbers,
    )
    on_incoming = ""

    def told(event: monipy.Event) -> None:
        say(plain(event))
        if event.name == "inComingCall" and on_incoming:
            getattr(phone, on_incoming)()

    for name in get_args(monipy.EventName):
        phone.on(name, told)

    def current() -> sync.Call:
        return phone.live_calls[-1]

    def hear(milliseconds: str, path: str) -> None:
        with current().audio(rate=RATE) as frames, open(path, "wb") as file:
            left = RATE // 1000 * int(milliseconds)
            for frame in frames:
                samples = memoryview(frame).cast("B")
                file.write(samples)
                left -= len(samples) // 2
                if left <= 0:
                    return

    def speak(path: str) -> None:
        current().writer(rate=RATE).write(Path(path).read_bytes(), timeout=10)

    def intend(what: str) -> None:
        nonlocal on_incoming
        on_incoming = what

    commands = {
        "login": phone.login, "logout": phone.logout, "call": phone.call, "answer": phone.answer, "reject": phone.reject,
        "terminate": phone.terminate, "hold": phone.hold, "unhold": phone.unhold, "mute": phone.mute, "unmute": phone.unmute,
        "dtmf": phone.send_dtmf, "hear": hear, "speak": speak, "on_incoming": intend,
    }
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "quit":
            break
        code = 200
        try:
            commands[command](*arguments)
        except monipy.MonipyError as error:
            code = int(error.code)
        say({"reply": command, "code": code})
    phone.close()


main()
