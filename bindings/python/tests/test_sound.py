"""Samples in and out: what is accepted, what is said of what is not."""

from __future__ import annotations

import array
import wave
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


@pytest.mark.parametrize("wrong", [5, None, "nowhere.wav", ["a"], 2.5])
def test_what_is_no_sound(wrong: object) -> None:
    with pytest.raises((monipy.InvalidArgument, FileNotFoundError)):
        _audio.load(wrong, 16000)  # type: ignore[arg-type]


def write_wav(path: Path, samples: array.array[int], channels: int = 1, rate: int = 44100, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def test_wav_files(tmp_path: Path) -> None:
    stereo = write_wav(tmp_path / "stereo.wav", array.array("h", [100, 300, -100, -300]), channels=2)
    samples, rate = _audio.load(stereo, 8000)
    assert (list(samples), rate) == ([200, -200], 44100)
    with pytest.raises(monipy.InvalidArgument, match="8 bits a sample"):
        _audio.load(write_wav(tmp_path / "eight.wav", array.array("b", [1, 2]), width=1), 8000)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(monipy.InvalidArgument, match="not a PCM WAV file"):
        _audio.load(tmp_path / "text.wav", 8000)


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
