//! monipy on sound cards. These tests start a PulseAudio of their own with cards in software; they
//! are `#[ignore]`d because it must be installed: `tests/devices/run.sh`.

mod calls;
mod no_cards;
mod sound_server;
