//! What is wrong with the sound of a call is told as an event.

use super::scenarios::answered;
use crate::audio::AudioEvent;
use crate::engine::machine::{Input, MediaInput};
use crate::event::EventKind;
use crate::quality::{Warning, WarningKind};

#[test]
fn a_warning_of_the_sound_becomes_an_event() {
    let mut w = answered();
    let call = w.machine.call_infos()[0].id;
    let warning = Warning { kind: WarningKind::HighLoss, raised: true, value: 7.0, threshold: 5.0 };
    w.input(Input::Media(call, MediaInput::Audio(AudioEvent::Warning(warning))));
    let told = w.last(EventKind::Warning).object();
    assert_eq!(told.get("warning").and_then(|v| v.as_str()), Some("high_loss"));
    assert_eq!(told.get("raised").and_then(serde_json::Value::as_bool), Some(true));
    assert_eq!(told.get("threshold").and_then(serde_json::Value::as_f64), Some(5.0));
}
