"""What the asyncio face and the synchronous face have in common: what can be read without waiting."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from . import _lifetime, _logging, _native
from ._errors import error_for
from ._generated import Code, Event
from ._options import settings

#: States of a call, in their order.
CallState = Literal["trying", "ringing", "answering", "answered", "ended"]

#: Events kept for calls that nobody has asked for yet.
_REMEMBERED_ENDS = 256


class Reply(NamedTuple):
    """What a method ended in when it went well."""

    code: int
    """200, or 183 while an answered call is still being set up."""
    status: str
    """The vendor's words."""


class Stats(NamedTuple):
    """Figures of one call; counters run from the call's beginning."""

    packets_received: int
    packets_sent: int
    bytes_received: int
    bytes_sent: int
    packets_lost: int
    """RTP packets that never came, before error correction."""
    packets_recovered: int
    """Lost packets that in-band FEC restored."""
    concealed_ms: int
    """Milliseconds of sound that had to be invented."""
    jitter_ms: float
    """Interarrival jitter (RFC 3550 6.4.1)."""
    playout_delay_ms: float
    """What the jitter buffer adds now."""
    round_trip_ms: float | None
    """From RTCP reports, once known."""
    mos: float
    """Listening quality, 1 to 4.5, by the E-model (ITU-T G.107)."""
    level_dbfs: float
    """Level of what is heard; -127 for silence."""
    sent_level_dbfs: float
    """Level of what is sent; -127 for silence."""
    clipped_samples: int
    """Samples of what was heard at full scale."""
    sounding_samples_sent: int
    """Samples other than zero that were sent: stands still while the call is muted."""
    loss_percent: float
    """Packets lost in the last second, before error correction."""
    concealed_percent: float
    """Sound invented in the last second."""


class Device(NamedTuple):
    """A speaker or a microphone of this machine."""

    name: str
    """The name people know it by, as the settings ``output_device`` and ``input_device`` take it."""
    id: str
    """The name the system knows it by; empty where it has none."""
    kind: Literal["output", "input"]
    """Speaker or microphone."""
    is_default: bool
    """What the system takes when nobody chooses."""


def devices() -> list[Device]:
    """Every speaker and microphone there is now. Raises ``MediaFailed`` where the machine has no sound system. Takes milliseconds,
    and seconds where a sound server does not answer."""
    return [Device(name, id, "output" if kind == "output" else "input", default) for name, id, kind, default in _native.devices()]


class BaseRecording:
    """A call on its way to a file."""

    def __init__(self, recording: _native.Recording, path: str) -> None:
        self._recording = recording
        self.path = path

    @property
    def seconds(self) -> float:
        """What is in the file so far."""
        return self._recording.seconds()

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._recording.paused()

    def pause(self) -> None:
        """Leaves out what is said from now on, for privacy; the pause is marked in the file."""
        self._recording.set_paused(True)

    def resume(self) -> None:
        """Goes on after ``pause``."""
        self._recording.set_paused(False)

    def report(self, path: str | os.PathLike[str]) -> None:
        """Writes a page of HTML about what was recorded so far: levels, delay, loss, quality and a timeline."""
        self._recording.report(os.fspath(path))


class BaseCall:
    """One call. What is read here never blocks; a call that is over keeps what was known of it."""

    def __init__(self, engine: _native.Engine, id: int, info: dict[str, Any] | None) -> None:
        self._engine = engine
        self._id = id
        self._last: dict[str, Any] = info or {}
        self._end: Event | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__module__.removesuffix('._client')}.Call {self._id} {self.direction} {self.state} from {self.from_!r}>"

    def _info(self) -> dict[str, Any]:
        info = self._engine.call_info(self._id)
        if info is not None:
            self._last = info
        return self._last

    @property
    def id(self) -> int:
        """Its number within its supervisor, as in ``event.call``; never reused."""
        return self._id

    @property
    def state(self) -> CallState:
        """Where it stands."""
        info = self._engine.call_info(self._id)
        state: CallState = "ended" if info is None else info["state"]
        return state

    @property
    def direction(self) -> Literal["incoming", "outgoing"]:
        """Which way it was set up."""
        direction: Literal["incoming", "outgoing"] = self._info().get("direction", "incoming")
        return direction

    @property
    def on_hold(self) -> bool:
        """This side holds it."""
        return bool(self._info().get("on_hold", False))

    @property
    def held_by_other(self) -> bool:
        """The far side holds it."""
        return bool(self._info().get("held_by_other", False))

    @property
    def muted(self) -> bool:
        """Silence is sent in place of microphone and application."""
        return bool(self._info().get("muted", False))

    @property
    def from_(self) -> str:
        """Who calls: the display name, else the user part; for an outgoing call the target."""
        return str(self._info().get("from_", ""))

    @property
    def from_uri(self) -> str:
        """The SIP URI of the From header."""
        return str(self._info().get("from_uri", ""))

    @property
    def call_id(self) -> str:
        """The contact centre's id of the call: X-Call-ID, else X-cmi-uuid, else the SIP Call-ID."""
        return str(self._info().get("call_id", ""))

    @property
    def team_name(self) -> str | None:
        """X-Team-Name."""
        return self._info().get("team_name")

    @property
    def to_number(self) -> str | None:
        """X-To-Number."""
        return self._info().get("to_number")

    @property
    def transfer_from(self) -> str | None:
        """X-Transfer-From."""
        return self._info().get("transfer_from")

    @property
    def transfer(self) -> str | None:
        """X-Transfer."""
        return self._info().get("transfer")

    @property
    def headers(self) -> Mapping[str, str]:
        """Every X- header of the INVITE by its name as sent."""
        headers: Mapping[str, str] = self._info().get("headers", {})
        return headers

    @property
    def stats(self) -> Stats | None:
        """Its figures now; None when it is over."""
        stats = self._engine.stats(self._id)
        return None if stats is None else Stats(**stats)

    @property
    def end(self) -> Event | None:
        """The event that ended it, ``ended`` or ``hangup``; None while it goes on."""
        return self._end


C = TypeVar("C", bound=BaseCall)


class BaseSupervisor(Generic[C]):
    """A supervisor; what is read here never blocks."""

    def __init__(self, options: Mapping[str, Any] | None, keywords: Mapping[str, Any]) -> None:
        named = settings(options, keywords)
        _logging.start(named.get("debug") is True)
        self._engine = _native.Engine(named)
        self._closing = _lifetime.register(self._engine)
        self._calls: weakref.WeakValueDictionary[int, C] = weakref.WeakValueDictionary()
        # Calls that go on are kept, so that whoever asks later finds how they ended.
        self._live: dict[int, C] = {}
        self._ends: dict[int, Event] = {}

    def _make_call(self, id: int) -> C:
        raise NotImplementedError

    def _call(self, id: int) -> C:
        call = self._calls.get(id)
        if call is None:
            call = self._make_call(id)
            call._end = self._ends.get(id)
            self._calls[id] = call
        return call

    def _note(self, name: str, fields: dict[str, Any]) -> C | None:
        """Keeps the book of calls; gives the call that an event belongs to."""
        id = fields["call"]
        if id is None:
            return None
        call = self._call(id)
        if name in ("trying", "inComingCall"):
            self._live[id] = call
        return call

    def _note_end(self, call: C, event: Event) -> None:
        call._end = event
        self._live.pop(call.id, None)
        self._ends[call.id] = event
        while len(self._ends) > _REMEMBERED_ENDS:
            del self._ends[next(iter(self._ends))]

    @property
    def is_logged_in(self) -> bool:
        """Registered now."""
        return self._engine.is_logged_in()

    @property
    def is_connected(self) -> bool:
        """The link to the server is up."""
        return self._engine.is_connected()

    @property
    def current_call(self) -> C | None:
        """The call that rings, else the newest that is not over."""
        info = self._engine.call_info(0)
        return None if info is None else self._call(info["id"])

    @property
    def live_calls(self) -> list[C]:
        """Every call that is not over, oldest first."""
        return [self._call(id) for id in self._engine.calls()]

    def call_of(self, event: Event | int) -> C:
        """The call of an event, or of a number as in ``event.call``."""
        id = event.call if isinstance(event, Event) else event
        if id is None:
            raise error_for(Code.INVALID_ARGUMENT, "event: it belongs to no call")
        return self._call(id)

    def set_output_device(self, name: str | None) -> None:
        """Uses this speaker, by the name or id that ``devices`` gives, or the default: at once in calls that are up, and in later
        ones. A card that is not there is waited for. Calls tell what came of it by the event ``device``."""
        self._engine.set_output_device(name)

    def set_input_device(self, name: str | None) -> None:
        """Uses this microphone. As ``set_output_device``."""
        self._engine.set_input_device(name)

    @property
    def on_hold(self) -> bool:
        """This side holds the current call."""
        info = self._engine.call_info(0)
        return info is not None and bool(info["on_hold"])

    @property
    def on_mute(self) -> bool:
        """The current call is muted."""
        info = self._engine.call_info(0)
        return info is not None and bool(info["muted"])

    @property
    def call_id(self) -> str | None:
        """The contact centre's id of the current call."""
        info = self._engine.call_info(0)
        return None if info is None else str(info["call_id"])
