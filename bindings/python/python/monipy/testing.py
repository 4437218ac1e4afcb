"""The embedded contact centre for tests: a server to log in at, calls that sound, and who heard whom, measured in the audio.

With pytest, the fixture ``contact_center`` is there as soon as monipy is installed::

    def test_the_supervisor_hears_both(contact_center):
        with monipy.sync.Supervisor(contact_center.settings()) as supervisor:
            supervisor.on("inComingCall", lambda event: supervisor.answer())
            supervisor.login(contact_center.id, contact_center.password)
            contact_center.barge("listen")
            assert contact_center.heard("supervisor") == {"agent", "customer"}

Without pytest, ``with ContactCenter() as centre: ...``. Methods block; in a running loop call them with
``asyncio.to_thread``. Centres run side by side, each with ports of its own.

The centre is the program ``contact-center`` (``cargo build -p contact-center`` in a checkout of monipy): it is looked for in
``MONIPY_CONTACT_CENTER``, then on the PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

__all__ = ["ContactCenter", "ContactCenterError", "find_program"]

#: Seconds after which a wait has failed, unless said otherwise. Generous: machines that run tests are busy.
PATIENCE = 60.0

#: What an agent and a customer say unless told otherwise: tones, which are heard at any moment.
TONES = {"--agent": "tone:440", "--customer": "tone:1000"}

_MISSING = (
    "contact-center is not on this machine: build it with `cargo build -p contact-center` and put it on the PATH, "
    "or name it in MONIPY_CONTACT_CENTER"
)


class ContactCenterError(Exception):
    """What the centre refused, or did not see in time; a sentence."""


def find_program() -> str:
    """The program ``contact-center``. Raises :class:`ContactCenterError` where there is none."""
    program = os.environ.get("MONIPY_CONTACT_CENTER") or shutil.which("contact-center")
    if program is None:
        raise ContactCenterError(_MISSING)
    return program


class ContactCenter:
    """A contact centre that runs until :meth:`stop`, or the end of ``with``, or of this process.

    A call of an agent (440 Hz) and a customer (1 kHz) goes on from the beginning. ``arguments`` are for the program (``--help``
    lists them): ``ContactCenter("--agent", "speech", "--misbehave", "sha256-only")``.
    """

    #: What the program said of itself: ``ws``, ``wss``, ``ca_file``, ``http``, ``domain``, ``credentials``.
    about: dict[str, Any]
    #: ``ws://`` URL for a supervisor's ``server``.
    ws: str
    #: ``http://`` URL of its control; a browser shows a page there.
    http: str
    #: A supervisor's login id.
    id: str
    #: Its password.
    password: str

    def __init__(self, *arguments: str, program: str | None = None) -> None:
        sounds = [word for flag, tone in TONES.items() if not any(a.split("=")[0] == flag for a in arguments) for word in (flag, tone)]
        with tempfile.TemporaryFile("w+") as complaints:
            self.process = subprocess.Popen(
                [program or find_program(), "--json", "--exit-with-stdin", *sounds, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            )
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            if not line:
                self.process.wait(PATIENCE)
                complaints.seek(0)
                raise ContactCenterError(f"contact-center ended with {self.process.returncode}: {complaints.read().strip()}")
        self.about = json.loads(line)
        # What comes later is a line per event; it is taken, so that the program never waits for room.
        self._reader = threading.Thread(target=self.process.stdout.read, name="contact-center", daemon=True)
        self._reader.start()
        self.ws = self.about["ws"]
        self.http = self.about["http"].rstrip("/")
        self.id = self.about["credentials"][0]["id"]
        self.password = self.about["credentials"][0]["password"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it; calls are hung up."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(PATIENCE)
        self.process.stdout.close()

    def settings(self, **more: Any) -> dict[str, Any]:
        """What a ``Supervisor`` needs to meet this centre, without a sound card; ``more`` goes before."""
        own = {
            "server": self.ws,
            "domain": self.about["domain"],
            "ice_servers": [],
            "audio_mode": "application",
            "local_address": "127.0.0.1",
        }
        return own | more

    # --- Calls ---

    def call(self) -> int:
        """Number of the call that goes on, the newest one; one is begun where there is none."""
        calls = self.get("/calls")
        return int(calls[-1]["id"]) if calls else self.begin_call()

    def begin_call(self, agent: str = "tone:440", customer: str = "tone:1000") -> int:
        """Begins a call and gives its number. Sounds: ``speech``, ``silence``, ``tone:HZ``, ``wav:FILE``."""
        return int(self.post("/calls", agent={"sound": agent}, customer={"sound": customer})["id"])

    def barge(self, mode: str = "barge", supervisor: str | None = None, *, call: int | None = None) -> int:
        """Asks a supervisor into a call (an INVITE): mode ``listen``, ``whisper`` or ``barge``. Gives the number of the leg."""
        if call is None:
            call = self.call()
        return int(self.post(f"/calls/{call}/barge", mode=mode, supervisor=supervisor or self.id)["id"])

    def leg(self, leg: int, wait: str | None = None, timeout: float = PATIENCE) -> Any:
        """The leg, once it has come as far as ``ringing``, ``answered``, ``media`` or ``ended``."""
        return self.get(f"/legs/{leg}" + (f"?wait={wait}&timeout_ms={round(timeout * 1000)}" if wait else ""))

    def hang_up(self, leg: int) -> None:
        """Ends a supervisor's leg; before the answer, cancels it."""
        self.ask("DELETE", f"/legs/{leg}")

    def wait_registered(self, supervisor: str | None = None, timeout: float = PATIENCE) -> None:
        """Waits until a supervisor has logged in."""
        self.get(f"/supervisors/{supervisor or self.id}?wait=registered&timeout_ms={round(timeout * 1000)}")

    def misbehave(self, name: str, **details: Any) -> None:
        """Has the centre misbehave: ``misbehave("unavailable", retry_after=3, times=1)``; ``--help`` of the program has the names."""
        self.post("/misbehaviours", name=name, **details)

    # --- Who heard whom ---

    def heard(self, listener: str, *, seconds: float = 1.0, call: int | None = None, timeout: float = PATIENCE) -> set[str]:
        """Whom a party has heard since somebody last came, left or changed the mode, once that was measured for so long.

        Listeners: ``agent``, ``customer`` and the supervisors' ids.
        """
        where = f"/calls/{self.call() if call is None else call}/audibility"
        deadline = time.monotonic() + timeout
        while True:
            report = self.get(where)
            ear = next((ear for ear in report["ears"] if ear["listener"] == listener), None)
            if ear is not None and ear["duration_ms"] >= seconds * 1000:
                return set(report["heard"][listener])
            if time.monotonic() > deadline:
                listening = ", ".join(ear["listener"] for ear in report["ears"])
                raise ContactCenterError(f"{listener} did not listen for {seconds} s within {timeout} s; in the call are {listening}")
            time.sleep(0.05)

    def wait_heard(self, listener: str, parties: Iterable[str], *, call: int | None = None, timeout: float = PATIENCE) -> None:
        """Waits until a party hears these, all of them and nobody else."""
        number = self.call() if call is None else call
        self.get(f"/calls/{number}/audibility?listener={listener}&heard={','.join(parties)}&timeout_ms={round(timeout * 1000)}")

    # --- Everything else: HTTP ---

    def get(self, path: str) -> Any:
        """A GET; ``get("/help")`` lists the requests."""
        return self.ask("GET", path)

    def post(self, path: str, **body: Any) -> Any:
        """A POST with a body of JSON."""
        return self.ask("POST", path, body)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request; bytes go as they are, anything else as JSON. Raises :class:`ContactCenterError` with the centre's sentence."""
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        request = urllib.request.Request(self.http + path, data=None if method == "GET" else data, method=method)
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=2 * PATIENCE) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as e:
            raise ContactCenterError(f"{method} {path}: {e.code} {e.read().decode()}") from None
        return json.loads(text) if text.startswith(("{", "[")) else text
