"""A supervisor's phone for contact centres: log in at a SIP-over-WebSocket server, be barged into live calls, hear them as PCM
and speak into them.

    async with monipy.Supervisor(server="wss://...") as supervisor:
        await supervisor.login("1001", "secret")
        async for call in supervisor.calls():
            await call.answer()
            async for frame in call.audio(rate=16000):
                print(frame.timestamp, frame.samples.max())

``monipy.sync.Supervisor`` is the same without asyncio.
"""

from __future__ import annotations

from . import sync
from ._client import AudioWriter, Call, Recording, Supervisor
from ._errors import (
    AlreadyLoggedIn,
    CallFailed,
    InternalError,
    InvalidArgument,
    InvalidDtmf,
    InvalidState,
    LoginFailed,
    MediaFailed,
    MonipyError,
    NotConnected,
    TimedOut,
)
from ._generated import *  # noqa: F403
from ._generated import Code, Event
from ._model import Reply, Stats
from ._native import AudioFrame, __version__
from ._streams import AudioStream, CallStream, EventStream

#: The vendor's name of the class.
MONIPY = Supervisor
