"""The behaviour suite (tests/behaviour/README.md): the same scenarios as in every other language, on both faces, must give the
same events with the same codes in the same order."""

from __future__ import annotations

import asyncio
import json
import math
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import monipy
import monipy.sync
from conftest import PATIENCE, Centre

EXPECTED: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).resolve().parents[3] / "tests/behaviour/expected.json").read_text()
)


class Phone:
    """A supervisor of either face. Every event is kept, in its order."""

    def __init__(self, supervisor: Any, blocking: bool) -> None:
        self.supervisor = supervisor
        self.blocking = blocking
        self.events: list[monipy.Event] = []
        self._changed = asyncio.Condition()
        self._loop = asyncio.get_running_loop()
        self._then: dict[str, Callable[[], Any]] = {}
        for name in monipy.EVENT_CLASSES:
            supervisor.on(name, self._on_event)

    def _on_event(self, event: monipy.Event) -> None:
        then = self._then.pop(event.name, None)
        if then is not None:
            # Inside the handler, as a user's program does it.
            result = then()
            if not self.blocking:
                asyncio.ensure_future(result)
        if event.name != "stats":
            self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._keep(event)))

    async def _keep(self, event: monipy.Event) -> None:
        async with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def inside(self, name: str, method: str) -> None:
        """Has a method called inside the handler of the next such event."""
        self._then[name] = getattr(self.supervisor, method)

    async def do(self, method: str, *arguments: Any) -> Any:
        """Calls a method and gives its outcome, or the code of what it raised."""
        function = getattr(self.supervisor, method)
        try:
            if self.blocking:
                return await asyncio.to_thread(function, *arguments)
            return await function(*arguments)
        except monipy.MonipyError as e:
            return e.code

    async def until(self, name: str, times: int = 1) -> None:
        """Waits until an event has come so many times."""
        async with self._changed:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._changed.wait_for(lambda: sum(e.name == name for e in self.events) >= times)
            except TimeoutError:
                raise AssertionError(f"no {name} ({times}) in {[(e.name, e.code, e.status) for e in self.events]}") from None

    async def close(self) -> None:
        if self.blocking:
            await asyncio.to_thread(self.supervisor.close)
        else:
            await self.supervisor.close()


async def ask(work: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """Something of the centre, which blocks."""
    return await asyncio.to_thread(work, *arguments, **more)


async def log_in(phone: Phone, centre: Centre) -> None:
    assert await phone.do("login", centre.id, centre.password) == (200, "Logged in successfully")
    await phone.until("login")


async def barged(phone: Phone, centre: Centre) -> int:
    """A barge that was answered inside the handler, with media up."""
    phone.inside("inComingCall", "answer")
    leg: int = await ask(centre.barge)
    await phone.until("answered")
    await phone.until("callStream")
    await ask(centre.leg, leg, "media")
    return leg


async def login(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    assert await phone.do("logout") == (200, "Logged out successfully")
    await phone.until("disconnected")


async def wrong_password(phone: Phone, centre: Centre) -> None:
    assert await phone.do("login", centre.id, "wrong") == 401
    await phone.until("disconnected")


async def too_many_connections(phone: Phone, centre: Centre) -> None:
    await ask(centre.post, "/misbehaviours", name="unavailable", retry_after=0, times=1)
    assert await phone.do("login", centre.id, centre.password) == 405
    # The link stays, and the engine tries again later by itself.
    await phone.until("loginFailed")


async def already_logged_in(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    assert await phone.do("login", centre.id, centre.password) == 1001
    await phone.until("error")


async def logout_before_login(phone: Phone, centre: Centre) -> None:
    assert await phone.do("logout") == 1002
    await phone.until("error")


async def answer_without_call(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    for method in ("answer", "reject", "terminate"):
        assert await phone.do(method) == 1002
    await phone.until("error", 3)


async def barge_answered(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    leg = await barged(phone, centre)
    await heard(phone, centre)
    await ask(centre.ask, "DELETE", f"/legs/{leg}")
    await phone.until("ended")


async def barge_rejected(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    await ask(centre.barge)
    await phone.until("ringing")
    assert (await phone.do("reject"))[0] == 200
    await phone.until("hangup")


async def ringing_timed_out(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    await ask(centre.barge)
    await phone.until("hangup")


async def caller_gives_up(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    await ask(centre.post, "/misbehaviours", name="cancel-before-answer", times=1)
    await ask(centre.barge)
    await phone.until("ended")


async def terminate(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    await barged(phone, centre)
    assert (await phone.do("terminate"))[0] == 200
    await phone.until("hangup")
    assert await phone.do("terminate") == 1002
    await phone.until("error")


async def terminate_in_incoming(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    phone.inside("inComingCall", "terminate")
    await ask(centre.barge)
    await phone.until("hangup")


async def hold_near(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    await barged(phone, centre)
    assert (await phone.do("hold"))[0] == 200
    assert phone.supervisor.on_hold
    assert await phone.do("hold") == 1002
    assert (await phone.do("unhold"))[0] == 200
    await phone.until("unhold")
    assert not phone.supervisor.on_hold


async def hold_far(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    leg = await barged(phone, centre)
    await ask(centre.post, f"/legs/{leg}/hold")
    await phone.until("hold")
    assert phone.supervisor.current_call.held_by_other
    await ask(centre.post, f"/legs/{leg}/unhold")
    await phone.until("unhold")
    await phone.do("terminate")
    await phone.until("hangup")


async def mute(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    await barged(phone, centre)
    assert (await phone.do("mute"))[0] == 200
    assert phone.supervisor.on_mute
    assert (await phone.do("unmute"))[0] == 200
    assert not phone.supervisor.on_mute
    await phone.do("terminate")
    await phone.until("hangup")


async def dtmf(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    leg = await barged(phone, centre)
    assert await phone.do("send_dtmf", "12x") == 1005
    await ask(centre.post, f"/legs/{leg}/dtmf", digits="24*")
    await phone.until("dtmf", 3)
    assert (await phone.do("send_dtmf", "159#"))[0] == 200
    await keys_seen(centre, leg, "159#")
    await phone.do("terminate")
    await phone.until("hangup")


async def keys_seen(centre: Centre, leg: int, keys: str) -> None:
    """Waits until the centre's timeline has the keys that the phone pressed."""
    async with asyncio.timeout(PATIENCE):
        while True:
            seen = "".join(e["text"] for e in await ask(centre.get, "/timeline") if e["kind"] == "dtmf" and e["leg"] == leg)
            if keys in seen:
                return
            await asyncio.sleep(0.05)


async def second_call(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    await barged(phone, centre)
    await ask(centre.barge)
    await phone.until("missed")
    await phone.do("terminate")
    await phone.until("hangup")


async def server_lost(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    await ask(centre.post, "/misbehaviours", name="server-gone", seconds=0.2)
    await phone.until("login", 2)


async def outgoing(phone: Phone, centre: Centre) -> None:
    await ask(centre.call)
    await log_in(phone, centre)
    call = await phone.do("call", "*80")
    assert call.direction == "outgoing"
    await phone.until("answered")
    await phone.until("callStream")
    await phone.do("terminate")
    await phone.until("hangup")


async def audio(phone: Phone, centre: Centre) -> None:
    await log_in(phone, centre)
    await barged(phone, centre)
    await heard(phone, centre)
    tone = array("h", (round(8000 * math.sin(2 * math.pi * 2500 * n / 16000)) for n in range(3 * 16000)))
    call = phone.supervisor.current_call
    play = asyncio.to_thread(call.play, tone) if phone.blocking else call.play(tone)
    playing = asyncio.ensure_future(play)
    path = f"/calls/{await ask(centre.call)}/tone?listener=agent&hz=2500"
    loudest = -127.0
    async with asyncio.timeout(PATIENCE):
        while loudest < -30:
            loudest = max(loudest, (await ask(centre.get, path))["level_dbfs"])
            if playing.done():
                assert loudest >= -30, loudest
            await asyncio.sleep(0.05)
    assert await playing == len(tone)
    await phone.do("terminate")
    await phone.until("hangup")


async def heard(phone: Phone, centre: Centre) -> None:
    """Agent and customer are both in what is read."""
    call = phone.supervisor.current_call
    async with asyncio.timeout(2 * PATIENCE):
        while True:
            # A stream for each look: while the centre computes, nobody reads.
            stream = call.audio(rate=16000)
            pcm = bytearray()
            timestamp = None
            while len(pcm) < 2 * 2 * 16000:
                frame = await (asyncio.to_thread(next, stream) if phone.blocking else anext(stream))
                # Without a hole, at the rate that was asked for.
                assert (frame.sample_rate, len(frame)) == (16000, 320)
                assert timestamp is None or frame.timestamp == timestamp + 320
                timestamp = frame.timestamp
                pcm += memoryview(frame).cast("B")
            if phone.blocking:
                stream.close()
            else:
                await stream.aclose()
            report = await ask(centre.ask, "POST", f"/calls/{await ask(centre.call)}/ears/supervisor?rate=16000", bytes(pcm))
            if {"agent", "customer"} <= set(report["heard"]):
                return


SCENARIOS: dict[str, Callable[[Phone, Centre], Awaitable[None]]] = {
    scenario.__name__: scenario
    for scenario in (
        login,
        wrong_password,
        too_many_connections,
        already_logged_in,
        logout_before_login,
        answer_without_call,
        barge_answered,
        barge_rejected,
        ringing_timed_out,
        caller_gives_up,
        terminate,
        terminate_in_incoming,
        hold_near,
        hold_far,
        mute,
        dtmf,
        second_call,
        server_lost,
        outgoing,
        audio,
    )
}
SETTINGS: dict[str, dict[str, Any]] = {"ringing_timed_out": {"ringTime": 1}}


def compare(name: str, events: list[monipy.Event]) -> None:
    """By the rules of tests/behaviour/README.md."""
    came = list(events)
    for i in range(len(came) - 1):
        if (came[i].name, came[i + 1].name) == ("callStream", "answered"):
            came[i], came[i + 1] = came[i + 1], came[i]
    said = [(e.name, e.code, e.status) for e in came]
    at = 0
    for step in EXPECTED[name]:
        fits = at < len(came) and matches(step, came[at])
        if fits:
            at += 1
        else:
            assert step.get("optional"), f"{name}: at {at} came {said[at : at + 1]}, not {step}; all: {said}"
    assert at == len(came), f"{name}: too much: {said[at:]}"


def matches(step: dict[str, Any], event: monipy.Event) -> bool:
    codes = step["code"] if isinstance(step["code"], list) else [step["code"]]
    if step["event"] != event.name or event.code not in codes:
        return False
    return all(getattr(event, {"type": "type_"}.get(k, k), None) == v for k, v in step.items() if k not in ("event", "code", "optional"))


@pytest.mark.parametrize("face", ["asyncio", "sync"])
@pytest.mark.parametrize("name", EXPECTED)
def test_scenario(name: str, face: str, contact_center: Centre) -> None:
    centre = contact_center

    async def main() -> None:
        settings = centre.settings(reconnect_min_ms=50, **SETTINGS.get(name, {}))
        blocking = face == "sync"
        phone = Phone(monipy.sync.Supervisor(settings) if blocking else monipy.Supervisor(settings), blocking)
        try:
            await SCENARIOS[name](phone, centre)
            events = list(phone.events)
        finally:
            await phone.close()
        seqs = [e.seq for e in phone.events]
        assert seqs == list(range(1, len(seqs) + 1))
        compare(name, events)

    asyncio.run(main())
