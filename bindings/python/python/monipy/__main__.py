"""``python -m monipy``: log in and see events, record a call, start the embedded contact centre."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import getpass
import json
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

import monipy

from .testing import ContactCenterError, find_program

EXAMPLES = """\
examples:
  python -m monipy centre --barge-after 2
  python -m monipy login --server wss://... --id 1001
  python -m monipy record --server wss://... --id 1001 call.wav

The password is read from MONIPY_PASSWORD, or asked for. The contact centre is the program contact-center: it is looked for in
MONIPY_CONTACT_CENTER, then on the PATH."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m monipy",
        description="A supervisor's phone for contact centres.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"monipy {monipy.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    phone = argparse.ArgumentParser(add_help=False)
    phone.add_argument("--server", help="ws:// or wss:// URL (default: the vendor's)")
    phone.add_argument("--id", required=True, help="login id")
    phone.add_argument("--domain", help="SIP domain, when it differs from the server's host")
    phone.add_argument("--ca-file", help="PEM file of certificate authorities to trust beside the system's")
    phone.add_argument("--name", help="display name")
    phone.add_argument("--answer", action="store_true", help="answer calls at once")
    phone.add_argument("--json", action="store_true", help="one line of JSON per event")
    phone.add_argument("--debug", action="store_true", help="log the library's inner life (secrets redacted)")

    login = commands.add_parser("login", parents=[phone], help="log in and show events until Ctrl-C")
    login.add_argument("--device", action="store_true", help="use the machine's speaker and microphone")
    record = commands.add_parser("record", parents=[phone], help="answer the next call and record it to a stereo WAV file")
    record.add_argument("file", help="the WAV file: what is heard on the left, what is sent on the right")
    record.add_argument("--rate", type=int, default=16000, help="8000, 16000, 24000 or 48000 Hz (default: 16000)")
    commands.add_parser("centre", help="start the embedded contact centre; what follows is for it (try --help)")
    return parser


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    names = ("server", "domain", "ca_file", "name", "debug")
    settings = {name: getattr(options, name) for name in names if getattr(options, name)}
    if not getattr(options, "device", False):
        settings["audio_mode"] = "application"
    return settings


def _show(event: monipy.Event, as_json: bool) -> None:
    fields = {f.name: getattr(event, f.name) for f in dataclasses.fields(event) if f.name != "stream"}
    if as_json:
        print(json.dumps({"event": event.name} | {k.rstrip("_"): v for k, v in fields.items() if v is not None}), flush=True)
        return
    shown = ", ".join(f"{k.rstrip('_')}={v!r}" for k, v in fields.items() if k not in ("code", "status", "seq", "time_ms") and v)
    print(f"{event.name:<14} {event.code:>4}  {event.status}{'  ' if shown else ''}{shown}", flush=True)


async def _phone(options: argparse.Namespace, password: str) -> int:
    async with monipy.Supervisor(_settings(options)) as supervisor:
        events = supervisor.events()
        await supervisor.login(options.id, password)
        recording: monipy.Recording | None = None
        async for event in events:
            _show(event, options.json)
            if event.name != "inComingCall":
                if recording is not None and event.terminal:
                    print(f"{recording.path}: {await recording.done():.1f} s")
                    return 0
                continue
            call = supervisor.call_of(event)
            if options.command == "record":
                recording = call.record(options.file, options.rate)
            if options.command == "record" or options.answer:
                await call.answer()
    return 0


def _interruptible(work: Coroutine[Any, Any, int]) -> int:
    """Runs to the end, or to Ctrl-C, which is a way to say that one has seen enough."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        return 130


def _centre(arguments: Sequence[str]) -> int:
    try:
        program = find_program()
    except ContactCenterError as e:
        print(e, file=sys.stderr)
        return 1
    child = subprocess.Popen([program, *arguments])
    # Ctrl-C goes to both; the centre says goodbye, and we wait for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return child.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; gives the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["centre"]:
        return _centre(arguments[1:])
    options = _parser().parse_args(arguments)
    password = os.environ.get("MONIPY_PASSWORD") or getpass.getpass(f"Password of {options.id}: ")
    try:
        return _interruptible(_phone(options, password))
    except monipy.MonipyError as e:
        print(f"monipy: {e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
