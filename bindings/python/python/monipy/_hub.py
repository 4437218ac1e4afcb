"""asyncio's side of waiting: one thread of the process waits for what all loops wait for, and hands each loop what has
come about in one batch, with one wake-up."""

from __future__ import annotations

import asyncio
import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

from . import _lifetime, _native

_ids = itertools.count(1)
_lock = threading.Lock()
_hub: _native.Hub | None = None
_by_id: weakref.WeakValueDictionary[int, Box] = weakref.WeakValueDictionary()
_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Inbox] = weakref.WeakKeyDictionary()


class Box:
    """Where the hub puts what somebody waits for."""

    def __init__(self) -> None:
        self.id = next(_ids)
        self.hub = _running_hub()
        _by_id[self.id] = self

    def _post(self, items: list[tuple[int, Any]]) -> None:
        """Called in the hub's thread with (token, outcome) of what has come about."""
        raise NotImplementedError


class Inbox(Box):
    """What one event loop waits for: a function per token."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._expected: dict[int, Callable[[Any], None]] = {}
        # Weak, so that a loop that nobody uses can go.
        self._loop = weakref.ref(loop)

    def expect(self, token: int, then: Callable[[Any], None]) -> None:
        """Has ``then`` called with the outcome, in the loop's thread."""
        self._expected[token] = then

    async def outcome(self, token: int) -> Any:
        """The outcome; raises when it is an exception."""
        loop = self._loop()
        assert loop is not None
        future: asyncio.Future[Any] = loop.create_future()

        def settle(outcome: Any) -> None:
            if future.done():
                return
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        self._expected[token] = settle
        return await future

    async def reply(self, pending: _native.Pending) -> Any:
        """The outcome of a method."""
        return await self.outcome(pending.submit(self.hub, self.id))

    def deliver(self, items: list[tuple[int, Any]]) -> None:
        """Called in the loop's thread."""
        for token, outcome in items:
            then = self._expected.pop(token, None)
            if then is not None:
                then(outcome)

    def _post(self, items: list[tuple[int, Any]]) -> None:
        loop = self._loop()
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self.deliver, items)
        except RuntimeError:
            # The loop is closed: nobody waits there any more.
            self._expected.clear()


def inbox() -> Inbox:
    """The inbox of the running loop."""
    loop = asyncio.get_running_loop()
    found = _by_loop.get(loop)
    if found is None:
        found = _by_loop[loop] = Inbox(loop)
    return found


def _running_hub() -> _native.Hub:
    global _hub
    with _lock:
        if _hub is None:
            hub = _native.Hub()
            _lifetime.register_hub(hub)
            _lifetime.start_thread(threading.Thread(target=_run, args=(hub,), name="monipy-asyncio", daemon=True))
            _hub = hub
        return _hub


def _run(hub: _native.Hub) -> None:
    while (batches := hub.wait()) is not None:
        for box_id, items in batches:
            box = _by_id.get(box_id)
            if box is not None:
                box._post(items)
            # Not kept over the wait: a supervisor must be able to go.
            del box
