"""What the tests share: a Python of its own for tests of endings, and the embedded contact centre as a child process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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


class Centre:
    """The embedded contact centre, steered over HTTP."""

    def __init__(self, program: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [program, "--json", "--exit-with-stdin", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        while True:
            line = self.process.stdout.readline()
            assert line, "the contact centre ended before it said where it is"
            about = json.loads(line)
            if about.get("kind", "started") == "started":
                break
        self.about = about
        self.ws: str = about["ws"]
        self.http: str = about["http"]
        self.id: str = about["credentials"][0]["id"]
        self.password: str = about["credentials"][0]["password"]

    def settings(self, **more: Any) -> dict[str, Any]:
        """What a supervisor needs to meet this centre."""
        own = {
            "server": self.ws,
            "domain": self.about.get("domain"),
            "ice_servers": [],
            "audio_mode": "application",
            "local_address": "127.0.0.1",
        }
        return own | more

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        request = urllib.request.Request(self.http.rstrip("/") + path, data=None if method == "GET" else data, method=method)
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{method} {path}: {e.code} {e.read().decode()}") from None

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def post(self, path: str, **body: Any) -> Any:
        return self.ask("POST", path, body)

    def call(self) -> int:
        """The call that goes on in the centre, an agent with a customer."""
        calls = self.get("/calls")
        return int(calls[0]["id"] if calls else self.post("/calls")["id"])

    def barge(self, mode: str = "barge", supervisor: str | None = None) -> int:
        """Asks the supervisor into the call; gives the leg."""
        return int(self.post(f"/calls/{self.call()}/barge", mode=mode, supervisor=supervisor or self.id)["id"])

    def leg(self, leg: int, wait: str) -> Any:
        """The leg, once it has come as far as ringing, answered, media or ended."""
        return self.get(f"/legs/{leg}?wait={wait}&timeout_ms={PATIENCE * 1000}")

    def stop(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def centre_program() -> str:
    program = os.environ.get("MONIPY_CONTACT_CENTER") or shutil.which("contact-center")
    if program is None:
        pytest.skip("no contact centre: set MONIPY_CONTACT_CENTER to the program contact-center")
    return program


@pytest.fixture
def centre(centre_program: str) -> Iterator[Centre]:
    centre = Centre(centre_program)
    yield centre
    centre.stop()


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
