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

# A name that is imported as itself is part of the public face.
from . import sync as sync
from ._client import (
    AudioWriter as AudioWriter,
    Call as Call,
    Recording as Recording,
    Supervisor as Supervisor,
)
from ._errors import (
    AlreadyLoggedIn as AlreadyLoggedIn,
    CallFailed as CallFailed,
    InternalError as InternalError,
    InvalidArgument as InvalidArgument,
    InvalidDtmf as InvalidDtmf,
    InvalidState as InvalidState,
    LoginFailed as LoginFailed,
    MediaFailed as MediaFailed,
    MonipyError as MonipyError,
    NotConnected as NotConnected,
    TimedOut as TimedOut,
)
from ._generated import *  # noqa: F403
from ._model import (
    Device as Device,
    Reply as Reply,
    Stats as Stats,
    devices as devices,
)
from ._native import (
    AudioFrame as AudioFrame,
    __version__ as __version__,
)
from ._streams import (
    AudioStream as AudioStream,
    CallStream as CallStream,
    EventStream as EventStream,
)

#: The vendor's name of the class.
MONIPY = Supervisor
