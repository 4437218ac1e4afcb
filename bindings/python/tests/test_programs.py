"""The command line and the examples, run as a user runs them."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import wave
from array import array
from pathlib import Path

import pytest

from conftest import PATIENCE, Centre


def run(*command: str, password: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"MONIPY_PASSWORD": password} | more
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=2 * PATIENCE, env=environment)


def hang_up_after(centre: Centre, seconds_of_media: float) -> threading.Thread:
    """Has the supervisor barged in once it has logged in, and hung up on once there was media for so long."""

    def work() -> None:
        centre.get(f"/supervisors/{centre.id}?wait=registered&timeout_ms={PATIENCE * 1000}")
        leg = centre.barge()
        centre.leg(leg, "media")
        ended = threading.Event()
        ended.wait(seconds_of_media)
        centre.ask("DELETE", f"/legs/{leg}")

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_help_says_everything() -> None:
    for arguments in ([], ["login"], ["record"]):
        result = run("-m", "monipy", *arguments, "--help")
        assert result.returncode == 0
    assert "contact-center" in run("-m", "monipy", "--help").stdout
    assert run("-m", "monipy").returncode == 2


def test_a_wrong_password_is_said(centre: Centre) -> None:
    result = run("-m", "monipy", "login", "--server", centre.ws, "--id", centre.id, password="wrong")
    assert result.returncode == 1
    assert "401" in result.stderr and "Traceback" not in result.stderr


def test_record(centre: Centre, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    thread = hang_up_after(centre, 1.5)
    result = run("-m", "monipy", "record", "--json", "--server", centre.ws, "--id", centre.id, str(path), password=centre.password)
    thread.join()
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert [e["event"] for e in events][-1] == "ended"
    assert centre.password not in result.stdout
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2 and file.getnframes() >= 16000
        assert max(array("h", file.readframes(file.getnframes()))[::2]) > 100


def test_centre_starts_the_contact_centre(centre_program: str) -> None:
    result = run("-m", "monipy", "centre", "--help", MONIPY_CONTACT_CENTER=centre_program)
    assert result.returncode == 0
    assert "--barge-after" in result.stdout
    lacking = run("-m", "monipy", "centre", MONIPY_CONTACT_CENTER="", PATH="")
    assert lacking.returncode == 1 and "cargo build -p contact-center" in lacking.stderr


def test_example_listen(centre: Centre, top: Path) -> None:
    pytest.importorskip("numpy")
    thread = hang_up_after(centre, 2.5)
    program = subprocess.Popen(
        [sys.executable, str(top / "examples/python/listen.py"), centre.ws, centre.id, centre.password],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    lines = []
    for line in program.stdout:
        lines.append(line)
        if line.startswith("ended"):
            break
    thread.join()
    program.send_signal(2)
    _, err = program.communicate(timeout=PATIENCE)
    assert program.returncode == 0 and "Traceback" not in err, err
    assert sum("dBFS" in line for line in lines) >= 1, lines


def test_example_barge(centre: Centre, top: Path, tmp_path: Path) -> None:
    wav = tmp_path / "hello.wav"
    with wave.open(str(wav), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(array("h", (round(8000 * math.sin(n / 3)) for n in range(16000))).tobytes())
    thread = threading.Thread(target=lambda: (centre.get(f"/supervisors/{centre.id}?wait=registered&timeout_ms=60000"), centre.barge()))
    thread.start()
    result = run(str(top / "examples/python/barge.py"), centre.ws, centre.id, centre.password, str(wav))
    thread.join()
    assert result.returncode == 0 and "Traceback" not in result.stderr, result.stderr
    assert "spoke 1.0 s" in result.stdout


def test_example_record(centre: Centre, top: Path, tmp_path: Path) -> None:
    path = tmp_path / "both.wav"
    thread = hang_up_after(centre, 1.0)
    result = run(str(top / "examples/python/record.py"), centre.ws, centre.id, centre.password, str(path))
    thread.join()
    assert result.returncode == 0 and "Traceback" not in result.stderr, result.stderr
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2 and file.getnframes() > 0
