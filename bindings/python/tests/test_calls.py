"""Calls through the embedded contact centre: frames without a copy, speaking, recording, endings in the middle of a call."""

from __future__ import annotations

import asyncio
import ctypes
import json
import math
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import monipy
import monipy.sync
from conftest import PATIENCE, Centre, run_python
from monipy import _hub


def test_one_party_is_heard_alone_where_they_come_apart(centre_program: str) -> None:
    def share(pcm: array[int], hz: float) -> float:
        phases = [2 * math.pi * hz * n / 8000 for n in range(len(pcm))]
        re, im = sum(s * math.cos(p) for s, p in zip(pcm, phases)), sum(s * math.sin(p) for s, p in zip(pcm, phases))
        return 2 * (re * re + im * im) / (len(pcm) * max(1, sum(s * s for s in pcm)))

    async def third_second(call: monipy.Call, party: int | None) -> array[int]:
        pcm: array[int] = array("h")
        async for frame in call.audio(rate=8000, party=party):
            pcm.frombytes(frame.tobytes())
            if len(pcm) >= 24000:
                break
        return pcm[16000:24000]

    async def main(centre: Centre) -> None:
        async with monipy.Supervisor(centre.settings()) as supervisor:
            await supervisor.login(centre.id, centre.password)
            number = await asyncio.to_thread(centre.call)
            await asyncio.to_thread(lambda: centre.post(f"/calls/{number}/barge", mode="listen", supervisor=centre.id, layout="apart"))
            call = await anext(supervisor.calls())
            await call.answer()
            async with asyncio.timeout(PATIENCE):
                event = await call.streaming()
                agent, customer, both = await asyncio.gather(third_second(call, 0), third_second(call, 1), third_second(call, None))
            assert share(agent, 440) > 0.9
            assert share(customer, 1000) > 0.9
            assert min(share(both, 440), share(both, 1000)) > 0.2
            with pytest.raises(monipy.InvalidArgument, match="party"):
                call.audio(party=8)
            assert event is not None

    with Centre("--agent", "tone:440", "--customer", "tone:1000", program=centre_program) as centre:
        asyncio.run(main(centre))


@asynccontextmanager
async def barged(centre: Centre) -> AsyncIterator[monipy.Call]:
    """A call that was answered, with media up."""
    async with monipy.Supervisor(centre.settings()) as supervisor:
        await supervisor.login(centre.id, centre.password)
        await asyncio.to_thread(centre.barge)
        call = await anext(supervisor.calls())
        assert (call.direction, call.state) in (("incoming", "ringing"), ("incoming", "trying"))
        await call.answer()
        async with asyncio.timeout(PATIENCE):
            await call.streaming()
        yield call


def tone(seconds: float, hz: float = 1000, rate: int = 16000) -> array[int]:
    return array("h", (round(8000 * math.sin(2 * math.pi * hz * n / rate)) for n in range(int(seconds * rate))))


def test_frames_are_views_without_a_copy(centre: Centre) -> None:
    np = pytest.importorskip("numpy")

    async def main() -> None:
        async with barged(centre) as call:
            kept = []
            async for frame in call.audio(rate=16000, frame_ms=10):
                samples = frame.samples
                assert (samples.dtype, samples.shape, samples.flags.writeable) == (np.int16, (160,), False)
                assert np.shares_memory(samples, np.frombuffer(frame, np.int16))
                view = memoryview(frame)
                assert (view.format, view.shape, view.nbytes, view.readonly, len(frame)) == ("h", (160,), 320, True, 160)
                with pytest.raises((BufferError, TypeError)):
                    (ctypes.c_char * 320).from_buffer(frame)
                assert frame.tobytes() == view.tobytes() == samples.tobytes()
                kept.append((samples, frame.tobytes()))
                if len(kept) == 200:
                    break
            # The views keep their sound, though their frames are gone.
            assert all(samples.tobytes() == data for samples, data in kept)
            assert any(np.abs(samples).max() > 500 for samples, _ in kept)

    asyncio.run(main())


def test_frames_without_numpy(centre: Centre) -> None:
    result = run_python(
        """
        import sys
        sys.modules["numpy"] = None
        import asyncio, json, monipy
        async def main():
            async with monipy.Supervisor(json.loads(sys.argv[1])) as s:
                await s.login(sys.argv[2], sys.argv[3])
                call = await anext(s.calls())
                await call.answer()
                async for frame in call.audio(rate=8000):
                    print(type(frame.samples).__name__, frame.samples.format, len(frame.samples))
                    return
        asyncio.run(main())
        """,
        arguments=[json.dumps(with_barge(centre)), centre.id, centre.password],
    )
    assert (result.returncode, result.stderr, result.stdout) == (0, "", "memoryview h 160\n")


def with_barge(centre: Centre) -> dict[str, object]:
    """Settings for a supervisor that is barged in once it has logged in."""
    import threading

    def barge() -> None:
        centre.get(f"/supervisors/{centre.id}?wait=registered&timeout_ms={PATIENCE * 1000}")
        centre.barge()

    threading.Thread(target=barge, daemon=True).start()
    return centre.settings()


def test_the_loop_is_woken_once_for_many_frames(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    wakes = 0
    deliver = _hub.Inbox.deliver

    def counted(self: _hub.Inbox, items: list[tuple[int, object]]) -> None:
        nonlocal wakes
        wakes += 1
        deliver(self, items)

    async def main() -> None:
        nonlocal wakes
        async with barged(centre) as call:
            monkeypatch.setattr(_hub.Inbox, "deliver", counted)
            count = 0
            async for _ in call.audio(rate=8000, frame_ms=20, latency_ms=200):
                count += 1
                if count == 100:
                    break
            assert wakes <= 100 // 10 + 2

    asyncio.run(main())


def test_a_slow_reader_loses_the_oldest_and_is_told(centre: Centre) -> None:
    async def main() -> None:
        async with barged(centre) as call:
            slow = call.audio(rate=8000, frame_ms=20)
            first = await anext(slow)
            count = 0
            # Two seconds pass by the call's own clock.
            async for _ in call.audio(rate=8000, frame_ms=20):
                count += 1
                if count == 100:
                    break
            assert slow.dropped > 0
            timestamps = [first.timestamp]
            async for frame in slow:
                timestamps.append(frame.timestamp)
                if len(timestamps) == 20:
                    break
            steps = {b - a for a, b in zip(timestamps, timestamps[1:])}
            assert 160 in steps and max(steps) > 160 and all(s % 160 == 0 for s in steps)

    asyncio.run(main())


def test_play_is_heard_and_can_be_cancelled(centre: Centre, tmp_path: Path) -> None:
    async def main() -> None:
        async with barged(centre) as call:
            # At a rate that calls do not take, in a file.
            path = tmp_path / "tone.wav"
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 44100, 0, "NONE", ""))
                file.writeframes(tone(0.5, rate=44100).tobytes())
            assert abs(await call.play(path) - 24000) < 100
            # Ogg Opus, as a call is recorded.
            recording = call.record(tmp_path / "call.opus")
            async with asyncio.timeout(PATIENCE):
                while recording.seconds < 1:
                    await asyncio.sleep(0.02)
            seconds = await recording.stop()
            assert abs(await call.play(tmp_path / "call.opus") - seconds * 48000) < 48000 * 0.1
            (tmp_path / "text.wav").write_text("no sound")
            for wrong in ("text.wav", "nowhere.wav"):
                with pytest.raises(monipy.InvalidArgument, match="cannot be played"):
                    await call.play(tmp_path / wrong)
            assert await call.play([0.0] * 0 or array("f", [0.1] * 8000), rate=8000) == 8000

            task = asyncio.ensure_future(call.play(tone(600)))
            while call.stats is not None and call.stats.sent_level_dbfs < -30:
                await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with asyncio.timeout(PATIENCE):
                while call.stats is not None and call.stats.sent_level_dbfs > -60:
                    await asyncio.sleep(0.02)
            assert call.state == "answered"

    asyncio.run(main())


def test_a_writer_takes_a_second_and_no_more(centre: Centre) -> None:
    async def main() -> None:
        async with barged(centre) as call:
            writer = call.writer(16000)
            assert 16000 <= writer.write_nowait(tone(3)) < 48000
            writer.clear()
            with pytest.raises(monipy.InvalidArgument):
                writer.write_nowait(b"abc")
            with pytest.raises(monipy.InvalidArgument, match="sample_rate"):
                call.writer(11025)
            with pytest.raises(monipy.InvalidArgument, match="frame_ms"):
                call.audio(frame_ms=7)
            end = asyncio.ensure_future(call.ended())
            await call.terminate()
            assert (await end).name == "hangup"
            # The sound of the call goes a moment after the call.
            async with asyncio.timeout(PATIENCE):
                while writer.write_nowait(tone(0.01)) > 0:
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_recording_holds_both_sides_together(centre: Centre, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        async with barged(centre) as call:
            recording = call.record(path, rate=8000)
            await call.play(tone(1.0, rate=8000), rate=8000)
            async with asyncio.timeout(PATIENCE):
                while recording.seconds < 3:
                    await asyncio.sleep(0.05)
            await call.terminate()
            seconds = await recording.done()
            assert seconds >= 3
            with wave.open(str(path)) as file:
                assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
                assert file.getnframes() == round(seconds * 8000)
                both = array("h", file.readframes(file.getnframes()))
            left, right = both[::2], both[1::2]
            assert max(left) > 500
            sounding = [i for i, s in enumerate(right) if abs(s) > 500]
            assert 0.9 <= (sounding[-1] - sounding[0]) / 8000 <= 1.2
            # Those 1000 Hz are ours: nothing else is on the right.
            assert max(map(abs, right)) < 9000

            with pytest.raises(monipy.InvalidState):
                call.record(path)

    asyncio.run(main())


def test_a_recording_in_ogg_opus_is_paused_marked_and_reported_on(centre: Centre, tmp_path: Path) -> None:
    async def hear(call: monipy.Call, seconds: float) -> None:
        """Waits in the call's own time."""
        left = seconds * 50
        async for _ in call.audio(rate=8000, frame_ms=20):
            left -= 1
            if left <= 0:
                return

    async def main() -> None:
        async with barged(centre) as call:
            recording = call.record(tmp_path / "call.opus")
            await hear(call, 1.5)
            recording.pause()
            assert recording.paused
            await hear(call, 1)
            recording.resume()
            await hear(call, 1.5)
            seconds = await recording.stop()
            assert 1.5 <= seconds <= 3.6
            data = (tmp_path / "call.opus").read_bytes()
            assert data.count(b"OpusHead") == 2
            assert b"COMMENT=monipy: goes on after a pause of " in data
            recording.report(tmp_path / "call.html")
            assert "<h1>Call in call.opus</h1>" in (tmp_path / "call.html").read_text()
            stats = call.stats
            assert stats is not None and stats.packets_received > 0 and stats.loss_percent >= 0

    asyncio.run(main())


def test_sound_cards_are_listed_or_there_is_no_sound_system() -> None:
    try:
        devices = monipy.devices()
    except monipy.MediaFailed as e:
        assert e.code == 415
    else:
        assert all(d.name and d.kind in ("input", "output") for d in devices)


def test_a_recording_that_cannot_be(centre: Centre, tmp_path: Path) -> None:
    async def main() -> None:
        async with barged(centre) as call:
            with pytest.raises(monipy.InvalidArgument, match="nowhere"):
                call.record(tmp_path / "nowhere" / "call.wav")
            async with call.record(tmp_path / "short.wav") as recording:
                pass
            assert recording.seconds < 5
            with wave.open(str(tmp_path / "short.wav")) as file:
                assert file.getnchannels() == 2

    asyncio.run(main())


def test_closing_ends_everything_that_goes_on(centre: Centre) -> None:
    async def main() -> None:
        async with barged(centre) as call:
            supervisor = asyncio.current_task()
            frames = call.audio()
            await anext(frames)
            reading = asyncio.ensure_future(drain(frames))
            ended = asyncio.ensure_future(call.ended())
            assert supervisor is not None
        assert (await ended).name == "hangup"
        assert await reading >= 0
        assert call.state == "ended"
        assert call.end is not None and call.end.terminal
        with pytest.raises(monipy.InvalidState):
            await call.hold()
        # What was known of it stays.
        assert call.from_ == "agent"

    asyncio.run(main())


async def drain(frames: monipy.AudioStream) -> int:
    return sum([1 async for _ in frames])


def test_exit_in_the_middle_of_a_call(centre: Centre) -> None:
    for face in ("monipy.sync.Supervisor", "monipy.Supervisor"):
        result = run_python(
            f"""
            import asyncio, json, sys, threading, monipy, monipy.sync
            s = {face}(json.loads(sys.argv[1]))
            if {face} is monipy.sync.Supervisor:
                s.login(sys.argv[2], sys.argv[3])
                call = next(s.calls())
                frames = call.audio()
                call.answer()
                next(frames)
                threading.Thread(target=lambda: list(frames), daemon=True).start()
                call.record(sys.argv[4])
                print(call.state)
            else:
                async def main():
                    await s.login(sys.argv[2], sys.argv[3])
                    call = await anext(s.calls())
                    frames = call.audio()
                    await call.answer()
                    await anext(frames)
                    call.record(sys.argv[4])
                    print(call.state)
                asyncio.run(main())
            """,
            arguments=[json.dumps(with_barge(centre)), centre.id, centre.password, "/dev/null"],
        )
        assert (result.returncode, result.stderr, result.stdout) == (0, "", "answered\n")
        # The server was told: registration and call are gone.
        centre.get(f"/supervisors/{centre.id}?wait=unregistered&timeout_ms={PATIENCE * 1000}")
        legs = centre.get("/status")["legs"]
        assert {centre.leg(leg["id"], "ended")["stage"] for leg in legs} == {"ended"}


def test_two_supervisors_side_by_side(centre: Centre) -> None:
    centre.post("/supervisors", id="bob", password="word")

    async def main() -> None:
        async with monipy.Supervisor(centre.settings()) as ann, monipy.Supervisor(centre.settings()) as bob:
            await ann.login(centre.id, centre.password)
            await bob.login("bob", "word")
            await asyncio.to_thread(centre.barge, "listen", "bob")
            call = await anext(bob.calls())
            assert ann.live_calls == []
            await call.answer()
            assert (await anext(call.audio(latency_ms=0))).sample_rate == 16000
            await ann.logout()
            assert bob.is_logged_in and not ann.is_logged_in

    asyncio.run(main())


def test_a_supervisor_made_outside_of_the_loop(centre: Centre) -> None:
    # As in a notebook, whose loop runs already when a cell awaits.
    supervisor = monipy.Supervisor(centre.settings())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(supervisor.login(centre.id, centre.password))
    assert supervisor.is_logged_in
    loop.run_until_complete(supervisor.close())
    loop.close()
