//! The microphone's way into a call: echo cancellation, noise suppression and gain control, by
//! `sonora`, WebRTC's audio processing in Rust. In frames of 10 ms at the microphone's rate.

use sonora::config::{AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, NoiseSuppression};
use sonora::{AudioProcessing, Config, StreamConfig};

/// What is done to the microphone's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VoiceProcessing {
    /// Takes out what the speaker plays.
    pub echo_cancellation: bool,
    /// Takes out steady noise.
    pub noise_suppression: bool,
    /// Brings quiet and loud voices to a like level.
    pub gain_control: bool,
}

impl VoiceProcessing {
    /// Everything.
    pub const ALL: VoiceProcessing = VoiceProcessing { echo_cancellation: true, noise_suppression: true, gain_control: true };

    /// Reads `echo,noise,gain` in any selection, or `none`.
    ///
    /// # Errors
    /// The word that is none of them.
    pub fn parse(text: &str) -> Result<VoiceProcessing, String> {
        let mut wanted = VoiceProcessing::default();
        for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            match word {
                "echo" => wanted.echo_cancellation = true,
                "noise" => wanted.noise_suppression = true,
                "gain" => wanted.gain_control = true,
                "none" => {}
                other => return Err(other.to_owned()),
            }
        }
        Ok(wanted)
    }

    fn does_anything(self) -> bool {
        self != VoiceProcessing::default()
    }
}

/// The processing of one microphone. [`VoiceProcessor::render`] takes what the speaker plays,
/// [`VoiceProcessor::capture`] changes what the microphone gave in the same 10 ms.
pub struct VoiceProcessor {
    processing: AudioProcessing,
    samples: usize,
    scratch: Vec<i16>,
}

impl std::fmt::Debug for VoiceProcessor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VoiceProcessor").field("samples", &self.samples).finish_non_exhaustive()
    }
}

impl VoiceProcessor {
    /// For speaker and microphone at `sample_rate`; `None` when nothing is wanted.
    #[must_use]
    pub fn new(wanted: VoiceProcessing, sample_rate: u32) -> Option<VoiceProcessor> {
        if !wanted.does_anything() {
            return None;
        }
        let config = Config {
            high_pass_filter: Some(HighPassFilter::default()),
            echo_canceller: wanted.echo_cancellation.then(EchoCanceller::default),
            noise_suppression: wanted.noise_suppression.then(NoiseSuppression::default),
            gain_controller2: wanted
                .gain_control
                .then(|| GainController2 { adaptive_digital: Some(AdaptiveDigital::default()), ..GainController2::default() }),
            ..Config::default()
        };
        let stream = StreamConfig::new(sample_rate, 1);
        let processing = AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build();
        Some(VoiceProcessor { processing, samples: sample_rate as usize / 100, scratch: Vec::new() })
    }

    /// Takes 10 ms of what the speaker plays.
    pub fn render(&mut self, pcm: &[i16]) {
        if pcm.len() == self.samples {
            self.scratch.clear();
            self.scratch.resize(self.samples, 0);
            // It refuses only frames of another length.
            let _ = self.processing.process_render_i16(pcm, &mut self.scratch);
        }
    }

    /// Changes 10 ms of what the microphone gave.
    pub fn capture(&mut self, pcm: &mut [i16]) {
        if pcm.len() != self.samples {
            return;
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(pcm);
        if self.processing.process_capture_i16(&self.scratch, pcm).is_err() {
            pcm.copy_from_slice(&self.scratch);
        }
    }
}
