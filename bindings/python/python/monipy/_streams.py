"""Asynchronous iterators over queues of the engine: many items are taken per wake-up of the loop."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from . import _native
from ._generated import Event
from ._hub import Inbox, inbox

if TYPE_CHECKING:
    from ._client import Call

T = TypeVar("T")


class _Stream(Generic[T]):
    """Iterates over items; one task at a time. ``aclose``, or leaving an ``async with``, lets go of the queue."""

    def __init__(self) -> None:
        self._ready: deque[T] = deque()
        self._ended = False
        self._armed = False
        self._box: Inbox | None = None
        self._waiter: asyncio.Future[None] | None = None

    # What kinds of queue differ in.
    def _take(self) -> bool:
        """Puts what waits into ``_ready``; says whether nothing comes after it."""
        raise NotImplementedError

    def _arm(self, box: Inbox) -> int | None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            if self._ready:
                return self._ready.popleft()
            if self._ended:
                raise StopAsyncIteration
            self._ended = self._take()
            if not self._ready and not self._ended:
                await self._wait()

    async def _wait(self) -> None:
        box = inbox()
        if self._armed and box is not self._box:
            raise RuntimeError(f"{type(self).__name__} is bound to another event loop")
        if not self._armed:
            token = self._arm(box)
            if token is None:
                # Closed between two looks.
                self._ended = True
                return
            self._armed = True
            self._box = box
            # Weak: a stream that nobody iterates over any more can go.
            on_ready = weakref.WeakMethod(self._on_ready)

            def then(_: Any) -> None:
                method = on_ready()
                if method is not None:
                    method()

            box.expect(token, then)
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _on_ready(self) -> None:
        self._armed = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def aclose(self) -> None:
        """Ends the iteration."""
        self._end()

    def _end(self) -> None:
        self._close()
        self._ready.clear()
        self._ended = True
        self._wake()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def __del__(self) -> None:
        try:
            self._close()
        except Exception:
            # An object half made, or a forked child.
            pass


class EventStream(_Stream[Event]):
    """``async for event in supervisor.events()``: every event from the moment it was asked for. When it is not read in time,
    events that do not change the state of a call are dropped, and an ``overflow`` event says how many."""

    def __init__(self, queue: _native.EventQueue, make: Any, names: frozenset[str]) -> None:
        super().__init__()
        self._queue = queue
        self._make = make
        self._names = names

    def _take(self) -> bool:
        while True:
            events, ended = self._queue.take()
            for name, fields in events:
                if not self._names or name in self._names:
                    self._ready.append(self._make(name, fields))
            # A batch of which nothing was wanted is no reason to wait.
            if self._ready or ended or not events:
                return ended

    def _arm(self, box: Inbox) -> int | None:
        return self._queue.arm(box.hub, box.id)

    def _close(self) -> None:
        self._queue.close()


class AudioStream(_Stream[_native.AudioFrame]):
    """``async for frame in call.audio()``: what is heard, without a hole until the call is over. When it is not read in time
    (about a second), the oldest frames are dropped; the frames' timestamps show the gap."""

    def __init__(self, queue: _native.AudioQueue, sample_rate: int, frame_ms: int, latency_ms: int) -> None:
        super().__init__()
        self._queue = queue
        self._batch = max(1, latency_ms // frame_ms)
        self._dropped = 0
        self.sample_rate = sample_rate
        self.frame_ms = frame_ms

    def _take(self) -> bool:
        frames, ended = self._queue.take()
        self._ready.extend(frames)
        return ended

    def _arm(self, box: Inbox) -> int | None:
        return self._queue.arm(box.hub, box.id, self._batch)

    def _close(self) -> None:
        self._queue.close()

    @property
    def dropped(self) -> int:
        """Frames dropped so far because they were not read in time."""
        self._dropped = self._queue.dropped() or self._dropped
        return self._dropped


class CallStream(_Stream["Call"]):
    """``async for call in supervisor.calls()``: each incoming call, those that ring already among them."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[int] = set()

    def _put(self, call: Call) -> None:
        if call.id not in self._seen and not self._ended:
            self._seen.add(call.id)
            self._ready.append(call)
            self._wake()

    def _take(self) -> bool:
        return False

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _finish(self) -> None:
        """No call comes any more; those that were put in are still given."""
        self._ended = True
        self._wake()

    def _close(self) -> None:
        pass
