"""Handlers by the vendor's names: where they run, in which order, and what becomes of one that raises."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest

import monipy
import monipy.sync


class Unraisable:
    """Collects what is told to sys.unraisablehook."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: list[BaseException] = []
        self.came = threading.Event()
        monkeypatch.setattr(sys, "unraisablehook", self._hook)

    def _hook(self, args: Any) -> None:
        self.errors.append(args.exc_value)
        self.came.set()


def test_a_handler_that_raises_is_reported_and_the_next_one_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    unraisable = Unraisable(monkeypatch)
    seen: list[monipy.Event] = []
    both = threading.Event()

    def bad(event: monipy.Event) -> None:
        raise RuntimeError("a handler's own mistake")

    def good(event: monipy.Event) -> None:
        seen.append(event)
        if len(seen) == 2:
            both.set()

    with monipy.sync.Supervisor() as supervisor:
        supervisor.on("error", bad)
        supervisor.on("error", good)
        for _ in range(2):
            with pytest.raises(monipy.InvalidState):
                supervisor.logout()
        assert both.wait(60)
    assert [str(e) for e in unraisable.errors] == ["a handler's own mistake"] * 2
    assert [e.code for e in seen] == [1002, 1002]
    assert seen[0].seq < seen[1].seq


def test_a_hook_that_raises_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    def hook(args: Any) -> None:
        raise RuntimeError("worse")

    monkeypatch.setattr(sys, "unraisablehook", hook)
    came = threading.Event()

    def bad(event: monipy.Event) -> None:
        came.set()
        raise SystemExit(3)

    with monipy.sync.Supervisor() as supervisor:
        supervisor.on("error", bad)
        for _ in range(2):
            came.clear()
            with pytest.raises(monipy.InvalidState):
                supervisor.logout()
            assert came.wait(60)


def test_handlers_run_in_one_thread_of_their_own_and_may_call_and_close() -> None:
    threads: list[threading.Thread] = []
    closed = threading.Event()
    supervisor = monipy.sync.Supervisor()

    @supervisor.on("error")
    def _(event: monipy.Event) -> None:
        threads.append(threading.current_thread())
        with pytest.raises(monipy.InvalidState):
            supervisor.terminate()
        supervisor.close()
        closed.set()

    with pytest.raises(monipy.InvalidState):
        supervisor.logout()
    assert closed.wait(60)
    assert threads[0].name == "monipy-events"
    assert threads[0] is not threading.current_thread()


def test_asyncio_handlers_run_in_the_loop_and_may_be_coroutines(monkeypatch: pytest.MonkeyPatch) -> None:
    unraisable = Unraisable(monkeypatch)

    async def main() -> None:
        here = threading.current_thread()
        async with monipy.Supervisor() as supervisor:
            plain: asyncio.Future[threading.Thread] = asyncio.get_running_loop().create_future()
            slow: asyncio.Future[threading.Thread] = asyncio.get_running_loop().create_future()

            async def coroutine(event: monipy.Event) -> None:
                await asyncio.sleep(0)
                slow.set_result(threading.current_thread())
                raise RuntimeError("in a task")

            supervisor.once("error", coroutine)
            supervisor.once("error", lambda e: plain.set_result(threading.current_thread()))
            for _ in range(2):
                with pytest.raises(monipy.InvalidState):
                    await supervisor.logout()
            assert await plain is here
            assert await slow is here
            assert await asyncio.to_thread(unraisable.came.wait, 60)

    asyncio.run(main())
    assert [str(e) for e in unraisable.errors] == ["in a task"]


def test_off_takes_away() -> None:
    seen: list[int] = []
    done = threading.Event()
    with monipy.sync.Supervisor() as supervisor:
        gone = supervisor.on("error", lambda e: seen.append(1))
        supervisor.on("error", lambda e: seen.append(2) or done.set())
        supervisor.off("error", gone)
        with pytest.raises(monipy.InvalidState):
            supervisor.logout()
        assert done.wait(60)
    assert seen == [2]


def test_names_that_are_none() -> None:
    supervisor = monipy.sync.Supervisor()
    with pytest.raises(monipy.InvalidArgument, match="incomingcall.*inComingCall"):
        supervisor.on("incomingcall", print)  # type: ignore[call-overload]
    with pytest.raises(monipy.InvalidArgument, match="handler"):
        supervisor.on("ended", 3)  # type: ignore[type-var]
    supervisor.close()


def test_every_stream_of_events_has_every_event() -> None:
    async def main() -> None:
        async with monipy.Supervisor() as supervisor:
            streams = [supervisor.events(), supervisor.events("error")]
            for _ in range(300):
                with pytest.raises(monipy.InvalidState):
                    await supervisor.logout()
            for stream in streams:
                seqs = []
                async for event in stream:
                    seqs.append(event.seq)
                    if len(seqs) == 300:
                        break
                assert seqs == sorted(seqs)

    asyncio.run(main())


def test_an_event_that_was_waited_for_in_vain_is_not_lost() -> None:
    async def main() -> None:
        async with monipy.Supervisor() as supervisor:
            events = supervisor.events()
            # Given up before anything came: what comes later is still there.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.01)
            with pytest.raises(monipy.InvalidState):
                await supervisor.logout()
            event = await asyncio.wait_for(anext(events), 60)
            assert event.name == "error"

    asyncio.run(main())


def test_a_blocking_wait_ends_in_time() -> None:
    with monipy.sync.Supervisor() as supervisor:
        assert supervisor.wait_for("login", timeout=0.01) is None
        events = supervisor.events()
        assert events.get(timeout=0) is None
        with pytest.raises(monipy.InvalidArgument):
            events.get(timeout=float("nan"))
        with pytest.raises(monipy.InvalidState):
            supervisor.logout()
        event = events.get(timeout=60)
        assert event is not None and event.name == "error"


def test_one_supervisor_in_two_loops_one_after_the_other() -> None:
    supervisor = monipy.Supervisor()
    seen: list[str] = []

    async def main() -> None:
        came = asyncio.Event()
        supervisor.once("error", lambda e: (seen.append(e.name), came.set()))
        with pytest.raises(monipy.InvalidState):
            await supervisor.logout()
        await asyncio.wait_for(came.wait(), 60)

    asyncio.run(main())
    asyncio.run(main())
    asyncio.run(supervisor.close())
    assert seen == ["error", "error"]
