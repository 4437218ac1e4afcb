"""Settings: by Python's names and the vendor's, and what is said of wrong ones."""

from __future__ import annotations

import pytest

import monipy


def test_the_vendors_names_and_pythons_say_the_same() -> None:
    for settings in ({"ringTime": 0}, {"ring_time": 0}):
        with pytest.raises(monipy.InvalidArgument, match="ring_time: 0; it accepts 1 to 3600"):
            monipy.Supervisor(settings)
    monipy.MONIPY({"name": "Ann", "debug": False, "autoplay": True, "autoReboot": True, "ringTime": 30})


def test_keywords_go_before_the_dict() -> None:
    with pytest.raises(monipy.InvalidArgument, match="frame_ms: 7"):
        monipy.Supervisor({"frameMs": 20}, frame_ms=7)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ring_tiem": 3}, "did you mean ring_time"),
        ({"ring_time": "soon"}, "ring_time: str given"),
        ({"ring_time": True}, "ring_time: bool given"),
        ({"ring_time": -1}, "ring_time"),
        ({"ring_time": 2**40}, "ring_time"),
        ({"name": 7}, "name: int given; it wants a str"),
        ({"name": "a\r\nX: y"}, "name: control characters"),
        ({"codecs": ["opus", "mp3"]}, "codecs: .*mp3"),
        ({"codecs": []}, "codecs"),
        ({"ice_servers": [{"username": "x"}]}, "ice_servers"),
        ({"ice_servers": "stun:a"}, "ice_servers"),
        ({"audio_mode": "loud"}, "audio_mode"),
        ({"comfort_tones": "mars"}, "comfort_tones"),
        ({"server": "http://example.com"}, "server"),
        ({"server": "ws://user:secret@example.com"}, "server"),
        ({"local_address": "here"}, "local_address"),
        ({"invite_headers": {"X-A": "b\nc"}}, "invite_headers"),
        ({"invite_headers": 5}, "invite_headers"),
        ({"ca_file": "/nowhere/ca.pem"}, "ca_file"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], says: str) -> None:
    with pytest.raises(monipy.InvalidArgument, match=says) as raised:
        monipy.Supervisor(settings)
    assert raised.value.code == monipy.Code.INVALID_ARGUMENT == 1003
    assert isinstance(raised.value, ValueError)
    assert "secret" not in str(raised.value)


def test_everything_can_be_given() -> None:
    monipy.Supervisor(
        name="Ann",
        server="wss://sip.example.com:7443/ws",
        domain="example.com",
        ice_servers=[{"url": "turn:turn.example.com:3478", "username": "u", "credential": "c"}],
        codecs=["PCMU", "opus"],
        audio_mode="application",
        sample_rate=16000,
        frame_ms=10,
        invite_headers={"X-Team": "blue"},
        local_address="127.0.0.1",
        stats_interval_ms=1000,
        comfort_tones="us",
        max_calls=3,
        input_device=None,
    )


def test_the_table_and_the_reader_know_the_same_settings() -> None:
    # Each setting of the table is read: a value of a wrong kind is refused with the setting's name, never as unknown.
    for name in monipy.CONFIG_JS_NAMES.values():
        with pytest.raises(monipy.InvalidArgument, match=name) as raised:
            monipy.Supervisor({name: object()})
        assert "no such setting" not in raised.value.status
