"""Samples in and out: what is accepted, what is said of what is not."""

from __future__ import annotations

import array
from pathlib import Path

import pytest

import monipy
from monipy import _audio, _native


def test_floats_become_16_bits_and_are_limited() -> None:
    assert list(_audio.as_int16(array.array("f", [0.0, 1.0, -1.0, 2.0, -3.0]))) == [0, 32767, -32767, 32767, -32768]


def test_numpy_arrays_of_any_layout() -> None:
    np = pytest.importorskip("numpy")
    samples = np.arange(10, dtype=np.int16)
    assert bytes(_audio.as_int16(samples)) == samples.tobytes()
    assert bytes(_audio.as_int16(samples[::2])) == samples[::2].tobytes()
    assert list(_audio.as_int16(np.array([0.5], dtype=np.float32))) == [16383] or list(_audio.as_int16(np.array([0.5]))) == [16384]
    for wrong in (samples.reshape(2, 5), samples.astype(np.int32)):
        with pytest.raises(monipy.InvalidArgument, match="sound"):
            _audio.as_int16(wrong)


@pytest.mark.parametrize("wrong", [5, None, ["a"], 2.5])
def test_what_is_no_sound(wrong: object) -> None:
    with pytest.raises(monipy.InvalidArgument):
        _audio.as_int16(wrong)


def test_a_path_is_told_from_samples() -> None:
    assert _audio.file_name("a.wav") == _audio.file_name(Path("a.wav")) == "a.wav"
    assert _audio.file_name(b"\0\0") is None
    assert _audio.file_name(array.array("h", [1])) is None


def test_rates_that_calls_do_not_take_are_converted() -> None:
    second = array.array("h", [0] * 44100)
    samples, rate = _audio.resampled(second, 44100)
    assert rate == 48000
    assert abs(len(samples) // 2 - 48000) <= 48
    assert _audio.resampled(second, 16000) == (second, 16000)
    with pytest.raises(monipy.InvalidArgument, match="rate: 3 Hz"):
        _audio.resampled(second, 3)


def test_half_a_sample() -> None:
    with pytest.raises(monipy.InvalidArgument, match="3 bytes"):
        _native.resample(b"abc", 8000, 16000)
