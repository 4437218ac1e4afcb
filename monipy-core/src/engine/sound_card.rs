//! Speaker and microphone of a call, between the sound cards' own threads and the media worker.

use crate::audio::{CallAudioControl, CaptureSource, PlaybackSink};
use crate::config::Config;
use monipy_device::{Choice, Failure, Microphone, Notice, SAMPLE_RATE, Session, Speaker, Way};

struct Output(Speaker);

impl PlaybackSink for Output {
    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }
    fn play(&mut self, pcm: &[i16]) {
        self.0.play(pcm);
    }
}

struct Input(Microphone);

impl CaptureSource for Input {
    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }
    fn capture(&mut self, pcm: &mut [i16]) -> usize {
        self.0.capture(pcm)
    }
}

/// The cards that a configuration names.
pub(crate) fn chosen(config: &Config) -> Choice {
    Choice { output: config.output_device.clone(), input: config.input_device.clone() }
}

/// What came of opening the cards, in words for events.
pub(crate) struct Opened {
    /// `None` when nothing could be opened.
    pub(crate) session: Option<Session>,
    /// What could not be opened, and why.
    pub(crate) failed: Option<String>,
}

/// Opens the cards and joins them to a call's sound. Blocks for as long as the sound system takes.
pub(crate) fn open(choice: Choice, control: &CallAudioControl, tell: impl Fn(Notice) + Send + 'static) -> Opened {
    match Session::open(choice, tell) {
        Ok((session, speaker, microphone)) => {
            control.set_device(Some(Box::new(Output(speaker))), Some(Box::new(Input(microphone))));
            let failed = [session.output(), session.input()].into_iter().find_map(Result::err).map(|Failure(why)| why.clone());
            Opened { session: Some(session), failed }
        }
        Err(Failure(why)) => Opened { session: None, failed: Some(why) },
    }
}

/// A notice in words: which card, what became of it.
pub(crate) fn words(notice: &Notice) -> (Way, String, String) {
    match notice {
        Notice::Using { way, name } => (*way, name.clone(), "in use".to_owned()),
        Notice::Lost { way, why } => (*way, String::new(), why.clone()),
    }
}
