//! Tones for callers: when the speaker opens, when ringback begins, what a refusal sounds like.

use super::world::World;
use crate::audio::ComfortTone;
use crate::call::CallId;
use crate::config::{AudioMode, Config};
use crate::engine::machine::{Command, MediaOp};
use crate::sip::ua::Command as UaCommand;

/// A caller with comfort tones whose call to the server was placed.
fn calling(audio_mode: AudioMode) -> World {
    let mut w = World::new(Config { comfort_tones: "europe".into(), audio_mode, ..World::config() });
    w.login();
    w.settle();
    w.give(Command::Call { target: "2002".into() });
    w.settle();
    w
}

fn count(w: &World, wanted: &MediaOp) -> usize {
    w.ops.iter().filter(|(_, op)| op == wanted).count()
}

#[test]
fn a_caller_hears_ringback_and_why_the_call_was_refused() {
    let mut w = calling(AudioMode::Device);
    assert_eq!(count(&w, &MediaOp::OpenDevices), 1, "the speaker is there before the far side rings");
    assert_eq!(count(&w, &MediaOp::Ringback), 1);
    let Some(call) = w.server_call else { panic!("the server saw no call") };
    w.server(UaCommand::Reject { call, code: 486, reason: None, headers: Vec::new() });
    w.settle();
    assert_eq!((count(&w, &MediaOp::CloseWithTone(ComfortTone::Busy)), count(&w, &MediaOp::Close)), (1, 0));
    assert!(w.names().iter().any(|n| n == "ended 486"), "{:?}", w.names());
}

#[test]
fn who_hangs_up_or_plays_no_sound_hears_no_tone() {
    let mut w = calling(AudioMode::Device);
    w.give(Command::Terminate { call: CallId::CURRENT });
    w.settle();
    assert_eq!(count(&w, &MediaOp::Close), 1, "{:?}", w.ops);
    let mut w = calling(AudioMode::Application);
    let Some(call) = w.server_call else { panic!("the server saw no call") };
    w.server(UaCommand::Reject { call, code: 486, reason: None, headers: Vec::new() });
    w.settle();
    assert_eq!((count(&w, &MediaOp::OpenDevices), count(&w, &MediaOp::Ringback), count(&w, &MediaOp::Close)), (0, 0, 1));
}
