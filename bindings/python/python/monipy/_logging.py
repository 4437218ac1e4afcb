"""The library's log, in Python's ``logging``: loggers below "monipy". Warnings and errors come always, the rest, SIP messages
included (secrets redacted), with ``debug=True``."""

from __future__ import annotations

import logging
import sys
import threading

from . import _lifetime, _native


def start(debug: bool) -> None:
    """Has the log delivered; with ``debug`` all of it, to standard error when the program has set up no handler."""
    logger = logging.getLogger("monipy")
    if debug:
        if not logger.hasHandlers():
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            logger.addHandler(handler)
        if not logger.isEnabledFor(logging.DEBUG):
            logger.setLevel(logging.DEBUG)
    if _native.log_start(debug):
        _lifetime.start_log_thread(threading.Thread(target=_run, name="monipy-log", daemon=True))


def _run() -> None:
    while (lines := _native.log_wait()) is not None:
        for level, target, message in lines:
            # What a handler raises is logging's own business, but for what is no Exception.
            try:
                logging.getLogger(_name(target)).log(level, "%s", message)
            except Exception as e:
                _native.report(e, None)


def _name(target: str) -> str:
    """The logger's name for a module of Rust."""
    if target.startswith("monipy_core"):
        return target.replace("monipy_core", "monipy", 1)
    return target if target.startswith("monipy") else f"monipy.{target}"
