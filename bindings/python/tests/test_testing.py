"""``monipy.testing`` and the fixture ``contact_center``, as a user's tests use them."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import pytest

import monipy
import monipy.sync
from conftest import run_python
from monipy.testing import ContactCenter, ContactCenterError, find_program


def test_who_heard_whom(contact_center: ContactCenter) -> None:
    with monipy.sync.Supervisor(contact_center.settings()) as supervisor:
        supervisor.on("inComingCall", lambda event: supervisor.answer())
        supervisor.login(contact_center.id, contact_center.password)
        contact_center.wait_registered()
        leg = contact_center.barge("listen")
        assert contact_center.heard("supervisor") == {"agent", "customer"}
        assert contact_center.heard("customer") == {"agent"}
        contact_center.hang_up(leg)
        assert contact_center.leg(leg, "ended")["id"] == leg


def test_a_whisper_is_for_the_agent_alone(contact_center: ContactCenter) -> None:
    with monipy.sync.Supervisor(contact_center.settings()) as supervisor:
        supervisor.login(contact_center.id, contact_center.password)
        leg = contact_center.barge("whisper")
        call = next(iter(supervisor.calls()))
        call.answer()
        contact_center.leg(leg, "media")
        # Twenty seconds of tone, of which a second is queued and the rest follows as it is said.
        tone = array("h", (round(8000 * math.sin(2 * math.pi * 2500 * n / 16000)) for n in range(16000)))
        writer = call.writer(rate=16000)
        for _ in range(3):
            writer.write(tone, timeout=60)
        contact_center.wait_heard("agent", {"customer", "supervisor"})
        assert contact_center.heard("customer") == {"agent"}


def test_two_centres_side_by_side() -> None:
    with ContactCenter() as one, ContactCenter() as other:
        assert one.ws != other.ws and one.http != other.http
        assert one.begin_call("silence", "tone:500") == one.call() != other.call()
    assert one.process.returncode == other.process.returncode == 0


def test_what_is_refused_is_said(contact_center: ContactCenter) -> None:
    with pytest.raises(ContactCenterError, match="404.*nobody"):
        contact_center.barge("listen", "nobody")
    with pytest.raises(ContactCenterError, match="supervisor did not listen"):
        contact_center.heard("supervisor", timeout=0)
    with pytest.raises(ContactCenterError, match="ended with 2: .*--agent"):
        ContactCenter("--agent", "humming")


def test_a_centre_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONIPY_CONTACT_CENTER", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ContactCenterError, match="cargo build -p contact-center"):
        find_program()


def test_the_centre_ends_with_its_starter() -> None:
    # Not stopped on purpose: its standard input ends with the process.
    result = run_python("""
        import monipy.testing
        centre = monipy.testing.ContactCenter()
        print(centre.process.pid)
    """)
    assert result.returncode == 0, result.stderr
    pid = int(result.stdout)
    if Path("/proc").exists():
        with pytest.raises((ProcessLookupError, ChildProcessError, FileNotFoundError)):
            # It closes on its own time; the wait is for that.
            while True:
                Path(f"/proc/{pid}/stat").read_text()
