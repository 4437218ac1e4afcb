"""The asyncio face."""

from __future__ import annotations

import asyncio
import inspect
import os
import weakref
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from . import _native
from ._audio import FILE_RATE, as_int16, file_name, resampled
from ._errors import MonipyError, error_for, login_error
from ._events import Handlers, check_names, make_event, report
from ._generated import Code, Event, EventName, SupervisorOptions
from ._hub import Box, inbox
from ._model import BaseCall, BaseRecording, BaseSupervisor, Reply
from ._streams import AudioStream, CallStream, EventStream

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._audio import Playable

H = TypeVar("H", bound=Callable[..., Any])

#: Seconds that closing waits for the server to take the registration back.
CLOSE_TIMEOUT = 2.0

#: Events that a call keeps, for those who wait for them.
_KEPT = frozenset(("inComingCall", "callStream", "ended", "hangup"))


async def _reply(pending: _native.Pending) -> Reply:
    return Reply(*await inbox().reply(pending))


class AudioWriter:
    """A way to speak into a call: mono samples, queued for up to a second. Several writers of one call are mixed."""

    def __init__(self, sink: _native.AudioSink, sample_rate: int) -> None:
        self._sink = sink
        self.sample_rate = sample_rate

    def write_nowait(self, pcm: Buffer) -> int:
        """Queues 16-bit samples, as many as there is room for, and says how many. 0 when the call is over."""
        return self._sink.write(pcm)

    async def write(self, pcm: Buffer) -> int:
        """Queues all samples, waiting for room; says how many were taken, fewer when the call is over. When it is cancelled,
        what is queued is forgotten."""
        box = inbox()
        try:
            taken: int = await box.outcome(self._sink.submit_write_all(box.hub, box.id, pcm))
        except asyncio.CancelledError:
            self._sink.cancel(box.hub)
            raise
        return taken

    async def drained(self) -> None:
        """Waits until all that is queued has been sent, or the call is over. When it is cancelled, what is queued is
        forgotten."""
        box = inbox()
        try:
            await box.outcome(self._sink.submit_drained(box.hub, box.id))
        except asyncio.CancelledError:
            self._sink.cancel(box.hub)
            raise

    def clear(self) -> None:
        """Forgets what is queued."""
        self._sink.clear()


class Recording(BaseRecording):
    """A call on its way to a file. It ends with the call, or with ``stop``."""

    async def stop(self) -> float:
        """Ends it and waits until the file is whole; gives its seconds. Raises ``OSError`` when the disk did not take it."""
        self._recording.stop()
        return await self.done()

    async def done(self) -> float:
        """Waits until the call is over and the file is whole; gives its seconds."""
        box = inbox()
        await box.outcome(self._recording.submit_done(box.hub, box.id))
        return self._recording.result()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()


class Call(BaseCall):
    """One call of a supervisor."""

    def __init__(self, engine: _native.Engine, id: int, info: dict[str, Any] | None) -> None:
        super().__init__(engine, id, info)
        self._seen: dict[str, Event] = {}
        self._waiters: list[tuple[str, asyncio.Future[Event]]] = []

    async def answer(self) -> Reply:
        """Answers it; returns when the answer is sent. Sound flows from ``callStream`` on, a moment later."""
        return await _reply(self._engine.answer(self._id))

    async def reject(self, code: int | None = None) -> Reply:
        """Refuses it while it rings, with 480 or with a SIP code of one's own (400 to 699)."""
        return await _reply(self._engine.reject(self._id, code))

    async def terminate(self) -> Reply:
        """Ends it in any state."""
        return await _reply(self._engine.terminate(self._id))

    async def hold(self) -> Reply:
        """Puts it on hold; returns when the far side agreed."""
        return await _reply(self._engine.hold(self._id))

    async def unhold(self) -> Reply:
        """Takes it off hold."""
        return await _reply(self._engine.unhold(self._id))

    async def mute(self) -> Reply:
        """Sends silence in place of microphone and application."""
        return await _reply(self._engine.mute(self._id))

    async def unmute(self) -> Reply:
        """Sends sound again."""
        return await _reply(self._engine.unmute(self._id))

    async def send_dtmf(self, digits: str, duration_ms: int = 100, gap_ms: int = 70) -> Reply:
        """Presses keys, 0-9 * # A-D; returns when the last one is queued."""
        return await _reply(self._engine.send_dtmf(self._id, digits, duration_ms, gap_ms))

    async def ended(self) -> Event:
        """Waits until it is over; gives the event that ended it, ``ended`` or ``hangup``."""
        return self._end or await self._reached("")

    async def streaming(self) -> Event:
        """Waits until media is established and sound flows (``callStream``). Raises ``InvalidState`` when it ends first."""
        event = self._seen.get("callStream") or self._end or await self._reached("callStream")
        if event.terminal:
            raise error_for(Code.INVALID_STATE, f"the call is over: {event.status}")
        return event

    async def _reached(self, name: str) -> Event:
        """The first event of this name, or the one that ends the call."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        waiter = (name, future)
        self._waiters.append(waiter)
        try:
            return await future
        finally:
            self._waiters.remove(waiter)

    def _happened(self, event: Event) -> None:
        self._seen.setdefault(event.name, event)
        for name, future in self._waiters:
            if (name == event.name or event.terminal) and not future.done():
                future.set_result(event)

    def _abandoned(self) -> None:
        for _, future in self._waiters:
            if not future.done():
                future.set_exception(error_for(Code.INVALID_STATE, "the supervisor was closed"))

    def audio(self, rate: int = 16000, frame_ms: int = 20, latency_ms: int = 60, party: int | None = None) -> AudioStream:
        """What is heard, as an asynchronous iterator of frames at ``rate`` (8000, 16000, 24000 or 48000 Hz) of ``frame_ms``
        (10, 20, 40 or 60). May be asked for before the call is answered; frames come from ``callStream`` on, without a hole.
        The event loop is woken once per ``latency_ms`` of sound, not for every frame; 0 for as soon as can be.
        ``party`` is the number of one party to hear alone, where the server sends them apart: its place in ``parties`` of
        ``callStream``."""
        return AudioStream(self._engine.audio(self._id, rate, frame_ms, party), rate, frame_ms, latency_ms)

    def writer(self, rate: int = 16000) -> AudioWriter:
        """A way to speak into the call, at ``rate``."""
        return AudioWriter(self._engine.audio_writer(self._id, rate), rate)

    async def play(self, sound: Playable, rate: int = 16000) -> int:
        """Speaks a sound file (WAV of any kind, Ogg Opus), or mono samples at ``rate`` (int16, bytes of int16, or floats from -1
        to 1), and returns when they have been sent: how many samples (of a file at 48 kHz), fewer when the call ended. It
        is mixed with the microphone and with what else is said. When it is cancelled, it falls silent."""
        if (path := file_name(sound)) is not None:
            return await self._play_file(path)
        # Converting a rate takes a while.
        samples, rate = await asyncio.to_thread(_prepared, sound, rate)
        writer = self.writer(rate)
        taken = await writer.write(samples)
        await writer.drained()
        return taken

    async def _play_file(self, path: str) -> int:
        # A file may lie on a slow disk.
        playing = await asyncio.to_thread(self._engine.play, self._id, path)
        box = inbox()
        try:
            await box.outcome(playing.submit_done(box.hub, box.id))
        except asyncio.CancelledError:
            playing.stop()
            raise
        return round(playing.result() * FILE_RATE)

    def record(self, path: str | os.PathLike[str], rate: int = 16000) -> Recording:
        """Records the call: to Ogg Opus, straight from the packets of what is heard, for a name that ends in .opus, .ogg or
        .oga; else to a stereo WAV file, what is heard on the left, what is sent on the right. It begins at once and
        ends with the call, with ``stop()``, or with an ``async with``. An existing file is replaced."""
        path = os.fspath(path)
        return Recording(self._engine.record(self._id, path, rate), path)


def _prepared(sound: Playable, rate: int) -> tuple[Any, int]:
    return resampled(as_int16(sound), rate)


class Supervisor(BaseSupervisor[Call]):
    """A supervisor's phone, for asyncio.

    It takes settings by Python's names, or by those of the vendor's constructor (``ringTime``, ``autoReboot``), as keywords or
    in a dict. Nothing is connected until ``login``. Close it, or use ``async with``.
    """

    def __init__(self, options: Mapping[str, Any] | None = None, /, **settings: Unpack[SupervisorOptions]) -> None:
        super().__init__(options, settings)
        self._handlers = Handlers()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._call_streams: weakref.WeakSet[CallStream] = weakref.WeakSet()
        self._pump: _Pump | None = _Pump(self, self._engine.events())

    def __repr__(self) -> str:
        state = "closed" if self._pump is None else "logged in" if self.is_logged_in else "not logged in"
        return f"<monipy.Supervisor, {state}>"

    def _make_call(self, id: int) -> Call:
        return Call(self._engine, id, self._engine.call_info(id))

    def _listen(self) -> None:
        if self._pump is not None:
            self._pump.start()

    def _deliver(self, name: str, fields: dict[str, Any]) -> None:
        """An event of the engine, in the loop's thread."""
        call = self._note(name, fields)
        event: Event | None = None
        if call is not None and name in _KEPT:
            event = make_event(name, fields, call)
            if event.terminal:
                self._note_end(call, event)
            call._happened(event)
            if name == "inComingCall":
                for stream in list(self._call_streams):
                    stream._put(call)
        handlers = self._handlers.take(name)
        if not handlers:
            return
        event = event or make_event(name, fields, call)
        for handler in handlers:
            try:
                result = handler(event)
                if inspect.isawaitable(result):
                    self._run(result, handler)
            except Exception as e:
                report(e, handler)

    def _run(self, work: Awaitable[Any], handler: Any) -> None:
        task = asyncio.ensure_future(work)
        # The loop keeps tasks by weak references alone.
        self._tasks.add(task)

        def done(task: asyncio.Future[Any]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (e := task.exception()) is not None:
                report(e, handler)

        task.add_done_callback(done)

    def _finish(self) -> None:
        """No event comes any more."""
        for stream in list(self._call_streams):
            stream._finish()
        for call in list(self._live.values()):
            call._abandoned()
        self._live.clear()

    async def login(self, id: str, password: str) -> Reply:
        """Connects and registers. Raises ``LoginFailed`` when it is refused or nobody answers, ``AlreadyLoggedIn``."""
        self._listen()
        try:
            return await _reply(self._engine.login(id, password))
        except MonipyError as e:
            raise login_error(e) from None

    async def logout(self) -> Reply:
        """Unregisters and disconnects."""
        self._listen()
        return await _reply(self._engine.logout())

    async def call(self, target: str) -> Call:
        """Places a call to a number, a feature code or a SIP URI; returns when it is under way."""
        self._listen()
        before = set(self._engine.calls())
        await _reply(self._engine.call_out(target))
        new = [call for call in self.live_calls if call.id not in before and call.direction == "outgoing"]
        if not new:
            raise error_for(Code.INVALID_STATE, "the call was over before it began")
        return new[-1]

    async def answer(self) -> Reply:
        """Answers the call that rings."""
        self._listen()
        return await _reply(self._engine.answer(0))

    async def reject(self, code: int | None = None) -> Reply:
        """Refuses the call that rings."""
        self._listen()
        return await _reply(self._engine.reject(0, code))

    async def terminate(self) -> Reply:
        """Ends the current call."""
        self._listen()
        return await _reply(self._engine.terminate(0))

    async def hold(self) -> Reply:
        """Puts the current call on hold."""
        return await _reply(self._engine.hold(0))

    async def unhold(self) -> Reply:
        """Takes the current call off hold."""
        return await _reply(self._engine.unhold(0))

    async def mute(self) -> Reply:
        """Mutes the current call."""
        return await _reply(self._engine.mute(0))

    async def unmute(self) -> Reply:
        """Unmutes the current call."""
        return await _reply(self._engine.unmute(0))

    async def send_dtmf(self, digits: str, duration_ms: int = 100, gap_ms: int = 70) -> Reply:
        """Presses keys in the current call."""
        return await _reply(self._engine.send_dtmf(0, digits, duration_ms, gap_ms))

    def events(self, *names: EventName) -> EventStream:
        """Every event from now on, or those of these names. Ask before you log in, to see the login too."""
        self._listen()
        return EventStream(self._engine.events(), self._event, check_names(names))

    def _event(self, name: str, fields: dict[str, Any]) -> Event:
        id = fields["call"]
        return make_event(name, fields, None if id is None else self._call(id))

    async def wait_for(self, *names: EventName) -> Event:
        """The next event of one of these names. (Bound the time with ``asyncio.timeout``.)"""
        async with self.events(*names) as stream:
            async for event in stream:
                return event
        raise error_for(Code.INVALID_STATE, "the supervisor was closed")

    def calls(self) -> CallStream:
        """Each incoming call from now on, and those that ring already."""
        self._listen()
        stream = CallStream()
        if self._pump is None or self._pump.ended:
            stream._finish()
            return stream
        self._call_streams.add(stream)
        for call in self.live_calls:
            if call.direction == "incoming" and call.state in ("trying", "ringing"):
                stream._put(call)
        return stream

    @overload
    def on(self, name: EventName, handler: None = None) -> Callable[[H], H]: ...
    @overload
    def on(self, name: EventName, handler: H) -> H: ...
    def on(self, name: EventName, handler: H | None = None) -> H | Callable[[H], H]:
        """Has ``handler(event)`` called in the event loop for each event of the vendor's name; it may be a coroutine function.
        Also a decorator: ``@supervisor.on("inComingCall")``."""
        self._listen()
        if handler is None:
            return lambda h: self.on(name, h)
        self._handlers.add(name, handler)
        return handler

    def once(self, name: EventName, handler: Callable[..., Any]) -> None:
        """``on`` for the next such event alone."""
        self._listen()
        self._handlers.add(name, handler, once=True)

    def off(self, name: EventName, handler: Callable[..., Any] | None = None) -> None:
        """Takes a handler away, or all of the name."""
        self._handlers.remove(name, handler)

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Ends the calls, takes the registration back if the server answers within ``timeout`` seconds, and stops. Iterations
        over events, calls and frames end. Closing twice is fine."""
        pump, self._pump = self._pump, None
        if pump is None:
            return
        box = inbox()
        await box.outcome(self._engine.submit_close(box.hub, box.id, timeout))
        pump.flush()
        self._finish()

    async def __aenter__(self) -> Self:
        self._listen()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


class _Pump(Box):
    """Brings events from the engine's queue to a supervisor, in batches, in the thread of the loop it was first used in. It
    does not keep the supervisor alive."""

    def __init__(self, supervisor: Supervisor, queue: _native.EventQueue) -> None:
        super().__init__()
        self._supervisor = weakref.ref(supervisor)
        self._queue = queue
        self._loop: asyncio.AbstractEventLoop | None = None
        # Something came for a loop that was closed.
        self._missed = False
        self.ended = False

    def start(self) -> None:
        """Begins, when a loop is running and no other that still goes has it."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._loop is loop or self.ended or (self._loop is not None and not self._loop.is_closed()):
            return
        first, self._loop = self._loop is None, loop
        if first:
            self._queue.arm(self.hub, self.id)
        elif self._missed:
            self._missed = False
            self._flush_and_arm()

    def _post(self, items: list[tuple[int, Any]]) -> None:
        loop = self._loop
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self._flush_and_arm)
        except RuntimeError:
            self._missed = True

    def _flush_and_arm(self) -> None:
        self.flush()
        if not self.ended:
            self._queue.arm(self.hub, self.id)

    def flush(self) -> None:
        """Delivers what waits."""
        supervisor = self._supervisor()
        if supervisor is None:
            self.ended = True
            return
        while not self.ended:
            events, ended = self._queue.take()
            for name, fields in events:
                supervisor._deliver(name, fields)
            if ended:
                self.ended = True
                supervisor._finish()
            if not events:
                return
