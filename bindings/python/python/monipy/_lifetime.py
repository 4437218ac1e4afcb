"""The end of things: at the interpreter's exit every supervisor is closed while Python still stands.

A thread that comes back from Rust to an interpreter that is going down hangs or crashes the process; so the hook below
stops all of them first. In a forked child nothing here does anything: the threads belong to the parent.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref

from . import _native

#: Seconds that all supervisors together may take to say goodbye to their servers at exit.
EXIT_TIMEOUT = 2.0

_owner = os.getpid()
_engines: weakref.WeakSet[_Closing] = weakref.WeakSet()
_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_hubs: list[_native.Hub] = []
_log_thread: threading.Thread | None = None


class _Closing:
    """What the registry knows of a supervisor; the supervisor holds it."""

    __slots__ = ("__weakref__", "engine")

    def __init__(self, engine: _native.Engine) -> None:
        self.engine = engine


def register(engine: _native.Engine) -> _Closing:
    """Has the engine closed at exit, for as long as what is returned is held."""
    closing = _Closing(engine)
    _engines.add(closing)
    return closing


def register_hub(hub: _native.Hub) -> None:
    """Has the hub stopped at exit."""
    _hubs.append(hub)


def start_thread(thread: threading.Thread) -> None:
    """Starts a thread that ends when its engine or hub does, and is waited for at exit."""
    _threads.add(thread)
    thread.start()


def start_log_thread(thread: threading.Thread) -> None:
    """Starts the thread that delivers the log; the last one that is stopped."""
    global _log_thread
    _log_thread = thread
    thread.start()


def _at_exit() -> None:
    if os.getpid() != _owner:
        return
    _native.close_all([closing.engine for closing in _engines], EXIT_TIMEOUT)
    for hub in _hubs:
        hub.stop()
    for thread in list(_threads):
        # A handler that never returns must not keep the process.
        thread.join(EXIT_TIMEOUT)
    _native.stop_threads(EXIT_TIMEOUT)
    if _log_thread is not None:
        _native.log_stop()
        _log_thread.join(EXIT_TIMEOUT)


atexit.register(_at_exit)
