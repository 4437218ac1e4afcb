"""How things end: interpreter exit with live objects, fork, Ctrl-C, garbage. Each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from conftest import PATIENCE, run_python


def assert_clean(result: subprocess.CompletedProcess[str], out: str = "") -> None:
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.strip() == out


@pytest.mark.parametrize("run", range(5))
def test_exit_with_twenty_live_objects(run: int) -> None:
    # Threads in the middle of everything: handlers, a loop with streams, blocked iterations.
    assert_clean(
        run_python("""
            import asyncio, threading, monipy, monipy.sync
            live = []
            for _ in range(10):
                s = monipy.sync.Supervisor(server="ws://127.0.0.1:9")
                s.on("error", lambda e: None)
                events = s.events()
                threading.Thread(target=lambda events=events: list(events), daemon=True).start()
                threading.Thread(target=lambda s=s: list(s.calls()), daemon=True).start()
                live.append((s, events))
            async def main():
                for _ in range(10):
                    s = monipy.Supervisor(server="ws://127.0.0.1:9")
                    s.on("error", lambda e: None)
                    events = s.events()
                    asyncio.ensure_future(anext(events, None))
                    task = asyncio.ensure_future(s.login("1001", "secret"))
                    task.add_done_callback(lambda t: t.cancelled() or t.exception())
                    live.append((s, events))
                await asyncio.sleep(0.05)
            loop = asyncio.new_event_loop()
            loop.run_until_complete(main())
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            print(len(live))
        """),
        "20",
    )


def test_exit_inside_a_handler_of_another_thread() -> None:
    assert_clean(
        run_python("""
            import threading, monipy, monipy.sync
            s = monipy.sync.Supervisor()
            inside = threading.Event()
            s.on("error", lambda e: (inside.set(), threading.Event().wait(0.2)))
            try:
                s.logout()
            except monipy.InvalidState:
                pass
            inside.wait()
        """)
    )


def test_garbage_closes() -> None:
    # Supervisors that nobody holds go, their threads with them.
    assert_clean(
        run_python("""
            import gc, threading, time, monipy, monipy.sync
            for _ in range(50):
                s = monipy.sync.Supervisor()
                s.on("error", print)
            del s
            gc.collect()
            end = time.monotonic() + 30
            while (n := sum(t.name == "monipy-events" for t in threading.enumerate())) and time.monotonic() < end:
                time.sleep(0.01)
            print(n)
        """),
        "0",
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_is_told_and_ends_in_peace() -> None:
    assert_clean(
        run_python("""
            import os, sys, warnings, monipy, monipy.sync
            warnings.simplefilter("ignore", DeprecationWarning)
            s = monipy.sync.Supervisor()
            s.on("error", lambda e: None)
            events = s.events()
            child = os.fork()
            if child == 0:
                said = 0
                for method in (s.logout, s.events, lambda: s.is_logged_in, lambda: events.get(1), monipy.sync.Supervisor, s.close):
                    try:
                        method()
                    except monipy.InvalidState as e:
                        assert e.code == 1002 and "spawn" in e.status
                        said += 1
                del s, events
                sys.exit(40 + said)  # with every hook of a usual exit
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status))
            try:
                s.logout()
            except monipy.InvalidState as e:
                print(e.status)
        """),
        "46\nNeed to log in first",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently there")
@pytest.mark.parametrize(
    "waiting",
    [
        "list(s.events())",
        "list(s.calls())",
        "s.wait_for('login')",
        "s.login('1001', 'secret')",
        "asyncio.run(forever())",
    ],
)
def test_ctrl_c_ends_a_wait(waiting: str) -> None:
    assert_clean(
        run_python(f"""
            import asyncio, os, signal, socket, sys, threading, time, monipy, monipy.sync
            # A server that takes connections and says nothing.
            listener = socket.create_server(("127.0.0.1", 0))
            s = monipy.sync.Supervisor(server=f"ws://127.0.0.1:{{listener.getsockname()[1]}}")
            async def forever():
                async with monipy.Supervisor() as a:
                    async for event in a.events():
                        pass
            main = threading.get_ident()
            def press():
                # Once the main thread waits, and not before.
                while sys._current_frames()[main].f_code.co_name not in ("_fetch", "_reply", "__next__", "select"):
                    time.sleep(0.001)
                os.kill(os.getpid(), signal.SIGINT)
            threading.Thread(target=press).start()
            try:
                {waiting}
            except KeyboardInterrupt:
                print("interrupted")
        """),
        "interrupted",
    )


def test_import_needs_no_library_but_libc() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("ldd is Linux's")
    import monipy._native

    listed = subprocess.run(["ldd", monipy._native.__file__], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0].split("/")[-1].split(".so")[0] for line in listed.splitlines() if line.strip()}
    assert names <= {"linux-vdso", "libc", "libm", "libgcc_s", "libpthread", "libdl", "ld-linux-x86-64", "ld-linux-aarch64", "librt"}


def test_import_brings_no_numpy_and_starts_no_thread() -> None:
    assert_clean(
        run_python("""
            import sys, threading, monipy
            print("numpy" in sys.modules, "asyncio" in sys.modules, threading.active_count())
        """),
        "False True 1",
    )
