"""Sound to and from files and arrays: whatever holds samples becomes 16-bit mono samples at a rate."""

from __future__ import annotations

import array
import os
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _native
from ._errors import error_for
from ._generated import Code

if TYPE_CHECKING:
    from typing_extensions import Buffer

    #: Samples of a frame: a numpy array of int16, or a memoryview where numpy is not installed. It is ``Any``, so that
    #: programs type-check with and without numpy's types.
    Samples: TypeAlias = Any
    #: What can be played: the path of a WAV or Ogg Opus file, 16-bit samples, bytes of them, or floats from -1 to 1.
    Playable: TypeAlias = "str | os.PathLike[str] | Buffer"

RATES = (8000, 16000, 24000, 48000)

#: Hz at which files go into a call.
FILE_RATE = 48000


def file_name(sound: Playable) -> str | None:
    """The path of a sound file, which the engine reads; None for samples."""
    if not isinstance(sound, (str, os.PathLike)):
        return None
    path = os.fspath(sound)
    return path if isinstance(path, str) else os.fsdecode(path)


def as_int16(sound: Any) -> Any:
    """Something with a buffer of 16-bit samples or of bytes of them; floats from -1 to 1 are scaled."""
    try:
        view = memoryview(sound)
    except TypeError:
        raise error_for(
            Code.INVALID_ARGUMENT, f"sound: {type(sound).__name__} given; it wants the path of a sound file, 16-bit samples, or floats"
        ) from None
    if view.ndim != 1:
        raise error_for(Code.INVALID_ARGUMENT, f"sound: {view.ndim} dimensions; it wants one channel, in one dimension")
    if not view.c_contiguous:
        view = memoryview(view.tobytes()).cast(view.format)  # type: ignore[call-overload]
    if view.format in ("f", "d"):
        return array.array("h", (max(-32768, min(32767, round(s * 32767))) for s in view.tolist()))
    if view.format not in ("h", "B", "b", "c"):
        raise error_for(Code.INVALID_ARGUMENT, f"sound: items of format {view.format!r}; it wants int16, bytes of int16, or floats")
    return view


def resampled(samples: Any, rate: int) -> tuple[Any, int]:
    """(samples, rate) at a rate that a call takes: what comes at another, 44,100 Hz say, is converted to 48 kHz."""
    if rate in RATES:
        return samples, rate
    return _native.resample(samples, rate, 48000), 48000
