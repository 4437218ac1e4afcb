"""The synchronous face: methods block, handlers run in a thread of their own.

    with monipy.sync.Supervisor(server="wss://...") as supervisor:
        supervisor.on("inComingCall", lambda event: supervisor.answer())
        supervisor.login("1001", "secret")
        for frame in next(supervisor.calls()).audio(rate=16000):
            ...

Handlers of one supervisor are called one after the other, in the order of the events, in its thread "monipy-events"; they may
call any method, and may take their time: signalling and sound never wait for them.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, Unpack, overload

from . import _lifetime, _native
from ._audio import FILE_RATE, as_int16, file_name, resampled
from ._client import CLOSE_TIMEOUT
from ._errors import MonipyError, error_for, login_error
from ._events import Handlers, check_names, make_event, report
from ._generated import Code, Event, EventName, SupervisorOptions
from ._model import BaseCall, BaseRecording, BaseSupervisor, Reply

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._audio import Playable

__all__ = ["AudioStream", "AudioWriter", "Call", "EventStream", "MONIPY", "Recording", "Supervisor"]

H = TypeVar("H", bound=Callable[..., Any])
T = TypeVar("T")


def _main() -> bool:
    """Whether Ctrl-C counts here."""
    return threading.current_thread() is threading.main_thread()


def _reply(pending: _native.Pending, timeout: float | None = None) -> Reply:
    reply = pending.wait(timeout, _main())
    if reply is None:
        raise error_for(Code.TIMEOUT, f"no answer within {timeout} s; it may still come")
    return Reply(*reply)


def _deadline(timeout: float | None) -> float | None:
    if timeout is None:
        return None
    if timeout != timeout:
        raise error_for(Code.INVALID_ARGUMENT, "timeout: not a number; it accepts seconds, or None to wait for ever")
    return time.monotonic() + timeout


class _Stream(Generic[T]):
    """Iterates over items as they come, blocking; one thread at a time."""

    def __init__(self) -> None:
        self._ready: deque[T] = deque()
        self._ended = False

    def _fetch(self, timeout: float | None) -> bool:
        """Waits for items and puts them into ``_ready``; says whether nothing comes after them."""
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        item = self.get()
        if item is None:
            raise StopIteration
        return item

    def get(self, timeout: float | None = None) -> T | None:
        """The next item; None when there is none any more, or ``timeout`` seconds are over first."""
        deadline = _deadline(timeout)
        while not self._ready and not self._ended:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            self._ended = self._fetch(left)
            if not self._ready and deadline is not None and time.monotonic() >= deadline:
                return None
        return self._ready.popleft() if self._ready else None

    def close(self) -> None:
        """Ends the iteration."""
        self._close()
        self._ready.clear()
        self._ended = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class EventStream(_Stream[Event]):
    """``for event in supervisor.events()``: every event from the moment it was asked for."""

    def __init__(self, queue: _native.EventQueue, make: Callable[[str, dict[str, Any]], Event], names: frozenset[str]) -> None:
        super().__init__()
        self._queue = queue
        self._make = make
        self._names = names

    def _fetch(self, timeout: float | None) -> bool:
        events, ended = self._queue.wait(timeout, _main())
        self._ready.extend(self._make(n, f) for n, f in events if not self._names or n in self._names)
        return ended

    def _close(self) -> None:
        self._queue.close()


class AudioStream(_Stream[_native.AudioFrame]):
    """``for frame in call.audio()``: what is heard, without a hole until the call is over."""

    def __init__(self, queue: _native.AudioQueue, sample_rate: int, frame_ms: int) -> None:
        super().__init__()
        self._queue = queue
        self.sample_rate = sample_rate
        self.frame_ms = frame_ms

    def _fetch(self, timeout: float | None) -> bool:
        frames, ended = self._queue.wait(timeout, _main())
        self._ready.extend(frames)
        return ended

    def _close(self) -> None:
        self._queue.close()

    @property
    def dropped(self) -> int:
        """Frames dropped so far because they were not read in time."""
        return self._queue.dropped() or 0


class AudioWriter:
    """A way to speak into a call: mono samples, queued for up to a second. Several writers of one call are mixed."""

    def __init__(self, sink: _native.AudioSink, sample_rate: int) -> None:
        self._sink = sink
        self.sample_rate = sample_rate

    def write_nowait(self, pcm: Buffer) -> int:
        """Queues 16-bit samples, as many as there is room for, and says how many. 0 when the call is over."""
        return self._sink.write(pcm)

    def write(self, pcm: Buffer, timeout: float | None = None) -> int:
        """Queues all samples, blocking while there is no room; says how many were taken before the call or ``timeout`` seconds
        were over."""
        return self._sink.write_all(pcm, timeout, _main())

    def drained(self, timeout: float | None = None) -> bool:
        """Blocks until all that is queued has been sent, or the call is over; False when ``timeout`` seconds are over first."""
        return self._sink.drained(timeout, _main())

    def clear(self) -> None:
        """Forgets what is queued."""
        self._sink.clear()


class Recording(BaseRecording):
    """A call on its way to a file. It ends with the call, or with ``stop``."""

    def stop(self) -> float:
        """Ends it and waits until the file is whole; gives its seconds. Raises ``OSError`` when the disk did not take it."""
        self._recording.stop()
        return self.done()

    def done(self, timeout: float | None = None) -> float:
        """Blocks until the call is over and the file is whole; gives its seconds. ``TimedOut`` after ``timeout`` seconds."""
        if not self._recording.wait(timeout, _main()):
            raise error_for(Code.TIMEOUT, f"the recording goes on after {timeout} s")
        return self._recording.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


class Call(BaseCall):
    """One call of a supervisor. Methods block until their outcome is known; ``TimedOut`` when ``timeout`` seconds pass first."""

    def __init__(self, engine: _native.Engine, id: int, info: dict[str, Any] | None) -> None:
        super().__init__(engine, id, info)
        self._changed = threading.Condition()
        self._seen: dict[str, Event] = {}
        self._closed = False

    def answer(self, timeout: float | None = None) -> Reply:
        """Answers it; returns when the answer is sent. Sound flows from ``callStream`` on, a moment later."""
        return _reply(self._engine.answer(self._id), timeout)

    def reject(self, code: int | None = None, timeout: float | None = None) -> Reply:
        """Refuses it while it rings, with 480 or with a SIP code of one's own (400 to 699)."""
        return _reply(self._engine.reject(self._id, code), timeout)

    def terminate(self, timeout: float | None = None) -> Reply:
        """Ends it in any state."""
        return _reply(self._engine.terminate(self._id), timeout)

    def hold(self, timeout: float | None = None) -> Reply:
        """Puts it on hold; returns when the far side agreed."""
        return _reply(self._engine.hold(self._id), timeout)

    def unhold(self, timeout: float | None = None) -> Reply:
        """Takes it off hold."""
        return _reply(self._engine.unhold(self._id), timeout)

    def mute(self, timeout: float | None = None) -> Reply:
        """Sends silence in place of microphone and application."""
        return _reply(self._engine.mute(self._id), timeout)

    def unmute(self, timeout: float | None = None) -> Reply:
        """Sends sound again."""
        return _reply(self._engine.unmute(self._id), timeout)

    def send_dtmf(self, digits: str, duration_ms: int = 100, gap_ms: int = 70, timeout: float | None = None) -> Reply:
        """Presses keys, 0-9 * # A-D; returns when the last one is queued."""
        return _reply(self._engine.send_dtmf(self._id, digits, duration_ms, gap_ms), timeout)

    def ended(self, timeout: float | None = None) -> Event | None:
        """Blocks until it is over; gives the event that ended it, or None when ``timeout`` seconds are over first."""
        self._wait(lambda: self._end is not None, timeout)
        return self._end

    def streaming(self, timeout: float | None = None) -> Event | None:
        """Blocks until media is established and sound flows (``callStream``); None when ``timeout`` seconds are over first.
        Raises ``InvalidState`` when the call ends first."""
        self._wait(lambda: "callStream" in self._seen or self._end is not None, timeout)
        if "callStream" not in self._seen and self._end is not None:
            raise error_for(Code.INVALID_STATE, f"the call is over: {self._end.status}")
        return self._seen.get("callStream")

    def _wait(self, ready: Callable[[], bool], timeout: float | None) -> None:
        deadline = _deadline(timeout)
        with self._changed:
            while not ready():
                if self._closed:
                    raise error_for(Code.INVALID_STATE, "the supervisor was closed")
                left = 3600.0 if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    return
                # In slices: on Windows a wait cannot be interrupted by Ctrl-C.
                self._changed.wait(min(left, 0.2) if _main() else left)

    def _happened(self, event: Event) -> None:
        with self._changed:
            self._seen.setdefault(event.name, event)
            self._changed.notify_all()

    def _abandoned(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def audio(self, rate: int = 16000, frame_ms: int = 20, party: int | None = None) -> AudioStream:
        """What is heard, as an iterator of frames at ``rate`` (8000, 16000, 24000 or 48000 Hz) of ``frame_ms`` (10, 20, 40 or
        60). May be asked for before the call is answered; frames come from ``callStream`` on, without a hole.
        ``party`` is the number of one party to hear alone, where the server sends them apart: its place in ``parties`` of
        ``callStream``."""
        return AudioStream(self._engine.audio(self._id, rate, frame_ms, party), rate, frame_ms)

    def writer(self, rate: int = 16000) -> AudioWriter:
        """A way to speak into the call, at ``rate``."""
        return AudioWriter(self._engine.audio_writer(self._id, rate), rate)

    def play(self, sound: Playable, rate: int = 16000, timeout: float | None = None) -> int:
        """Speaks a sound file (WAV of any kind, Ogg Opus), or mono samples at ``rate`` (int16, bytes of int16, or floats from -1
        to 1), and returns when they have been sent: how many samples (of a file at 48 kHz), fewer when the call or
        ``timeout`` seconds were over first. It is mixed with the microphone and with what else is said."""
        if (path := file_name(sound)) is not None:
            return self._play_file(path, timeout)
        samples, rate = resampled(as_int16(sound), rate)
        deadline = _deadline(timeout)
        writer = self.writer(rate)
        try:
            taken = writer.write(samples, timeout)
            finished = writer.drained(None if deadline is None else max(0.0, deadline - time.monotonic()))
        except BaseException:
            # Ctrl-C means silence now.
            writer.clear()
            raise
        if not finished:
            writer.clear()
        return taken

    def _play_file(self, path: str, timeout: float | None) -> int:
        playing = self._engine.play(self._id, path)
        try:
            finished = playing.wait(timeout, _main())
        except BaseException:
            playing.stop()
            raise
        if not finished:
            playing.stop()
        return round(playing.result() * FILE_RATE)

    def record(self, path: str | os.PathLike[str], rate: int = 16000) -> Recording:
        """Records the call: to Ogg Opus, straight from the packets of what is heard, for a name that ends in .opus, .ogg or
        .oga; else to a stereo WAV file, what is heard on the left, what is sent on the right. It begins at once and
        ends with the call, with ``stop()``, or with a ``with``. An existing file is replaced."""
        path = os.fspath(path)
        return Recording(self._engine.record(self._id, path, rate), path)


class Supervisor(BaseSupervisor[Call]):
    """A supervisor's phone, for threads. See ``monipy.Supervisor`` for the settings; close it, or use ``with``."""

    def __init__(self, options: Mapping[str, Any] | None = None, /, **settings: Unpack[SupervisorOptions]) -> None:
        super().__init__(options, settings)
        self._lock = threading.RLock()
        self._handlers = Handlers()
        self._call_streams: weakref.WeakSet[_CallStream] = weakref.WeakSet()
        self._queue: _native.EventQueue | None = self._engine.events()
        self._thread: threading.Thread | None = None
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "logged in" if self.is_logged_in else "not logged in"
        return f"<monipy.sync.Supervisor, {state}>"

    def _make_call(self, id: int) -> Call:
        return Call(self._engine, id, self._engine.call_info(id))

    def _call(self, id: int) -> Call:
        with self._lock:
            return super()._call(id)

    def _listen(self) -> None:
        """Starts the thread that brings events, when it is first of use."""
        with self._lock:
            events, self._queue = self._queue, None
            if events is None:
                return
            self._thread = threading.Thread(target=_dispatch, args=(weakref.ref(self), events), name="monipy-events", daemon=True)
        _lifetime.start_thread(self._thread)

    def _deliver(self, name: str, fields: dict[str, Any]) -> None:
        """An event of the engine, in the thread of events."""
        with self._lock:
            call = self._note(name, fields)
            event = make_event(name, fields, call)
            if call is not None and event.terminal:
                self._note_end(call, event)
            streams = list(self._call_streams) if name == "inComingCall" else []
            handlers = self._handlers.take(name)
        if call is not None:
            call._happened(event)
            for stream in streams:
                stream._put(call)
        for handler in handlers:
            try:
                handler(event)
            except BaseException as e:
                # SystemExit too: a handler cannot end the program from this thread.
                report(e, handler)

    def _finish(self) -> None:
        """No event comes any more."""
        with self._lock:
            streams, live = list(self._call_streams), list(self._live.values())
            self._live.clear()
        for stream in streams:
            stream._put(None)
        for call in live:
            call._abandoned()

    def login(self, id: str, password: str, timeout: float | None = None) -> Reply:
        """Connects and registers. Raises ``LoginFailed`` when it is refused or nobody answers, ``AlreadyLoggedIn``."""
        self._listen()
        try:
            return _reply(self._engine.login(id, password), timeout)
        except MonipyError as e:
            raise login_error(e) from None

    def logout(self, timeout: float | None = None) -> Reply:
        """Unregisters and disconnects."""
        return _reply(self._engine.logout(), timeout)

    def call(self, target: str, timeout: float | None = None) -> Call:
        """Places a call to a number, a feature code or a SIP URI; returns when it is under way."""
        before = set(self._engine.calls())
        _reply(self._engine.call_out(target), timeout)
        new = [call for call in self.live_calls if call.id not in before and call.direction == "outgoing"]
        if not new:
            raise error_for(Code.INVALID_STATE, "the call was over before it began")
        return new[-1]

    def answer(self, timeout: float | None = None) -> Reply:
        """Answers the call that rings."""
        return _reply(self._engine.answer(0), timeout)

    def reject(self, code: int | None = None, timeout: float | None = None) -> Reply:
        """Refuses the call that rings."""
        return _reply(self._engine.reject(0, code), timeout)

    def terminate(self, timeout: float | None = None) -> Reply:
        """Ends the current call."""
        return _reply(self._engine.terminate(0), timeout)

    def hold(self, timeout: float | None = None) -> Reply:
        """Puts the current call on hold."""
        return _reply(self._engine.hold(0), timeout)

    def unhold(self, timeout: float | None = None) -> Reply:
        """Takes the current call off hold."""
        return _reply(self._engine.unhold(0), timeout)

    def mute(self, timeout: float | None = None) -> Reply:
        """Mutes the current call."""
        return _reply(self._engine.mute(0), timeout)

    def unmute(self, timeout: float | None = None) -> Reply:
        """Unmutes the current call."""
        return _reply(self._engine.unmute(0), timeout)

    def send_dtmf(self, digits: str, duration_ms: int = 100, gap_ms: int = 70, timeout: float | None = None) -> Reply:
        """Presses keys in the current call."""
        return _reply(self._engine.send_dtmf(0, digits, duration_ms, gap_ms), timeout)

    def events(self, *names: EventName) -> EventStream:
        """Every event from now on, or those of these names. Ask before you log in, to see the login too."""
        return EventStream(self._engine.events(), self._event, check_names(names))

    def _event(self, name: str, fields: dict[str, Any]) -> Event:
        id = fields["call"]
        return make_event(name, fields, None if id is None else self._call(id))

    def wait_for(self, *names: EventName, timeout: float | None = None) -> Event | None:
        """The next event of one of these names; None when ``timeout`` seconds are over first, or it was closed."""
        with self.events(*names) as stream:
            return stream.get(timeout)

    def calls(self) -> Iterator[Call]:
        """Each incoming call from now on, and those that ring already, blocking until there is one."""
        self._listen()
        stream = _CallStream()
        with self._lock:
            self._call_streams.add(stream)
            closed = self._closed
        for call in self.live_calls:
            if call.direction == "incoming" and call.state in ("trying", "ringing"):
                stream._put(call)
        if closed:
            stream._put(None)
        return stream

    @overload
    def on(self, name: EventName, handler: None = None) -> Callable[[H], H]: ...
    @overload
    def on(self, name: EventName, handler: H) -> H: ...
    def on(self, name: EventName, handler: H | None = None) -> H | Callable[[H], H]:
        """Has ``handler(event)`` called for each event of the vendor's name, in the thread of events. Also a decorator:
        ``@supervisor.on("inComingCall")``. What a handler raises goes to ``sys.unraisablehook``."""
        if handler is None:
            return lambda h: self.on(name, h)
        with self._lock:
            self._handlers.add(name, handler)
        self._listen()
        return handler

    def once(self, name: EventName, handler: Callable[..., Any]) -> None:
        """``on`` for the next such event alone."""
        with self._lock:
            self._handlers.add(name, handler, once=True)
        self._listen()

    def off(self, name: EventName, handler: Callable[..., Any] | None = None) -> None:
        """Takes a handler away, or all of the name."""
        with self._lock:
            self._handlers.remove(name, handler)

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Ends the calls, takes the registration back if the server answers within ``timeout`` seconds, and stops. When it
        returns, the last handler has returned (unless it is called by one). Closing twice is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
        self._engine.close(timeout)
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


#: The vendor's name of the class.
MONIPY = Supervisor


class _CallStream(Iterator[Call]):
    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._seen: set[int] = set()

    def _put(self, call: Call | None) -> None:
        if call is None or call.id not in self._seen:
            if call is not None:
                self._seen.add(call.id)
            self._queue.put(call)

    def __next__(self) -> Call:
        while True:
            try:
                # In slices: on Windows a wait cannot be interrupted by Ctrl-C.
                call = self._queue.get(timeout=0.2 if _main() else None)
            except queue.Empty:
                continue
            if call is None:
                # For the next time it is asked.
                self._queue.put(None)
                raise StopIteration
            return call


def _dispatch(supervisor: weakref.ref[Supervisor], events: _native.EventQueue) -> None:
    """The thread of events: one for the supervisor's life, which it does not prolong."""
    ended = False
    while not ended:
        batch, ended = events.wait(None, False)
        alive = supervisor()
        if alive is None:
            return
        for name, fields in batch:
            alive._deliver(name, fields)
        if ended:
            alive._finish()
        # Not kept over the wait: a supervisor must be able to go.
        del alive
