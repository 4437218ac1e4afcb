"""Types: the stubs agree with the built module, and the package with itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import monipy

pytest.importorskip("mypy")


def test_stubs_agree_with_the_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "monipy", "--ignore-disjoint-bases", "--allowlist", "stubtest_allowlist.txt", "--ignore-unused-allowlist"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_users_program_is_checked(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        """\
import monipy
import monipy.sync

async def main() -> None:
    async with monipy.Supervisor(server="wss://example.com", ring_time=30) as supervisor:
        reply: monipy.Reply = await supervisor.login("1001", "secret")
        async for call in supervisor.calls():
            reveal_type(call)
            async for frame in call.audio(rate=16000):
                reveal_type(frame.timestamp)
        async for event in supervisor.events("dtmf"):
            if isinstance(event, monipy.DtmfEvent):
                reveal_type(event.dtmf)
    supervisor.on("incomingCall", print)
    monipy.Supervisor(ring_tiem=3)

s = monipy.sync.Supervisor(ringTime=3)
@s.on("ended")
def ended(event: monipy.Event) -> None: ...
"""
    )
    result = subprocess.run([sys.executable, "-m", "mypy", "--strict", str(program)], capture_output=True, text=True, cwd=tmp_path)
    lines = [line.split("program.py:")[1] for line in result.stdout.splitlines() if "program.py:" in line]
    said = "\n".join(lines)
    assert 'Revealed type is "monipy._client.Call"' in said
    # mypy writes builtins.int or int, by its version.
    assert re.search(r'^10: note: Revealed type is "(builtins\.)?int"', said, re.M)
    assert re.search(r'^13: note: Revealed type is "(builtins\.)?str"', said, re.M)
    errors = [line for line in lines if "error:" in line]
    assert len(errors) == 2, said
    assert errors[0].startswith("14:") and errors[1].startswith("15:"), said


def test_every_public_name_is_documented() -> None:
    missing = [n for n in dir(monipy) if n[0].isupper() and n not in ("EventName", "TYPE_CHECKING") and not getattr(getattr(monipy, n), "__doc__", None)]
    assert missing == []
