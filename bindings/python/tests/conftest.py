"""What the tests share: a Python of its own for tests of endings, and the embedded contact centre as a child process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from monipy.testing import ContactCenter as Centre, ContactCenterError, find_program

#: Seconds after which a test has failed. Generous: machines that run tests are busy.
PATIENCE = 60


def run_python(code: str, *, arguments: list[str] | None = None, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """Runs a program of its own to its end; raises when it hangs."""
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code), *(arguments or [])],
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.fixture(scope="session")
def centre_program() -> str:
    try:
        return find_program()
    except ContactCenterError as e:
        pytest.skip(str(e))


@pytest.fixture
def centre(centre_program: str) -> Iterator[Centre]:
    # With speech, as calls have it; tests that want tones ask for them.
    with Centre("--agent", "speech", "--customer", "speech", program=centre_program) as centre:
        yield centre


@pytest.fixture
def closed_port() -> str:
    """URL of a server that is not there: the port was free a moment ago."""
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{s.getsockname()[1]}"


@pytest.fixture
def top() -> Path:
    """The top of the project."""
    return Path(__file__).resolve().parents[3]
