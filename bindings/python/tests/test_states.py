"""Methods in the wrong state: an exception with the contract's code, and the supervisor goes on."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable

import pytest

import monipy
import monipy.sync

NOT_LOGGED_IN: list[tuple[str, Callable[[monipy.Supervisor], Awaitable[object]]]] = [
    ("answer", lambda s: s.answer()),
    ("reject", lambda s: s.reject()),
    ("terminate", lambda s: s.terminate()),
    ("logout", lambda s: s.logout()),
    ("hold", lambda s: s.hold()),
    ("unhold", lambda s: s.unhold()),
    ("mute", lambda s: s.mute()),
    ("unmute", lambda s: s.unmute()),
    ("call", lambda s: s.call("1002")),
]


@pytest.mark.parametrize(("name", "method"), NOT_LOGGED_IN, ids=[n for n, _ in NOT_LOGGED_IN])
def test_without_a_login(name: str, method: Callable[[monipy.Supervisor], Awaitable[object]]) -> None:
    async def main() -> None:
        async with monipy.Supervisor(audio_mode="application") as supervisor:
            for _ in range(2):
                with pytest.raises(monipy.InvalidState) as raised:
                    await method(supervisor)
                assert raised.value.code == 1002
                assert raised.value.status

    asyncio.run(main())


def test_the_same_without_asyncio() -> None:
    with monipy.sync.Supervisor(audio_mode="application") as supervisor:
        for method in (supervisor.answer, supervisor.reject, supervisor.terminate, supervisor.logout):
            with pytest.raises(monipy.InvalidState) as raised:
                method()
            assert raised.value.code == 1002


def test_the_vendors_words() -> None:
    async def main() -> None:
        async with monipy.Supervisor() as supervisor:
            with pytest.raises(monipy.InvalidState, match="Need to log in first"):
                await supervisor.logout()
            with pytest.raises(monipy.InvalidState, match="No ongoing calls to terminate"):
                await supervisor.terminate()
            with pytest.raises(monipy.InvalidState, match="No ongoing calls to reject"):
                await supervisor.reject()

    asyncio.run(main())


@pytest.mark.parametrize("id", ["", "a b\r\n", "x" * 100_000])
def test_an_id_that_cannot_be_sent(id: str, closed_port: str) -> None:
    async def main() -> None:
        async with monipy.Supervisor(server=closed_port) as supervisor:
            with pytest.raises(monipy.InvalidArgument) as raised:
                await supervisor.login(id, "secret-word")
            assert "secret-word" not in str(raised.value)

    asyncio.run(main())


def test_a_lone_surrogate_is_no_text(closed_port: str) -> None:
    async def main() -> None:
        async with monipy.Supervisor(server=closed_port) as supervisor:
            with pytest.raises(UnicodeEncodeError):
                await supervisor.login("\ud800", "secret")
            assert not supervisor.is_logged_in

    asyncio.run(main())


def test_exceptions_have_a_family() -> None:
    assert issubclass(monipy.LoginFailed, monipy.MonipyError)
    assert issubclass(monipy.AlreadyLoggedIn, monipy.InvalidState)
    assert issubclass(monipy.InvalidDtmf, monipy.InvalidArgument)
    assert issubclass(monipy.TimedOut, TimeoutError)
    error = pickle.loads(pickle.dumps(monipy.LoginFailed(401, "Invalid Login ID or Password")))
    assert (type(error), error.code, error.status) == (monipy.LoginFailed, 401, "Invalid Login ID or Password")
    assert str(error) == "Invalid Login ID or Password (code 401)"


def test_a_closed_supervisor_says_so() -> None:
    async def main() -> None:
        supervisor = monipy.Supervisor()
        async with supervisor:
            events = supervisor.events()
            calls = supervisor.calls()
        # What iterated has ended.
        assert [e async for e in events if e.name not in ("error", "disconnected")] == []
        assert [c async for c in calls] == []
        assert [c async for c in supervisor.calls()] == []
        with pytest.raises(monipy.InvalidState):
            await supervisor.login("1001", "secret")
        await supervisor.close()
        assert "closed" in repr(supervisor)

    asyncio.run(main())

    supervisor = monipy.sync.Supervisor()
    calls = supervisor.calls()
    supervisor.close()
    supervisor.close()
    assert list(calls) == []
    with pytest.raises(monipy.InvalidState):
        supervisor.login("1001", "secret")


def test_sound_of_a_call_that_is_not_there() -> None:
    supervisor = monipy.sync.Supervisor()
    call = supervisor.call_of(77)
    assert call.state == "ended" and call.stats is None
    for method in (call.audio, call.writer, lambda: call.record("never.wav"), call.answer, call.terminate):
        with pytest.raises(monipy.InvalidState):
            method()
    supervisor.close()


def test_a_server_that_is_not_there(closed_port: str) -> None:
    async def main() -> None:
        async with monipy.Supervisor(server=closed_port) as supervisor:
            # Either it gives up by itself or we do; the loop stays free meanwhile.
            task = asyncio.ensure_future(supervisor.login("1001", "secret"))
            done, _ = await asyncio.wait([task], timeout=1)
            if done:
                assert isinstance(task.exception(), monipy.LoginFailed)
            task.cancel()
            assert not supervisor.is_connected

    asyncio.run(main())
