//! What a scripted party says, frame by frame.

use super::synth::{self, VoiceOf};
use super::{FRAME, Frame, RATE, dialogue, speech};
use crate::party::{Role, Sound};
use monipy_core::audio::resample::Resampler;
use monipy_core::audio::tone::ToneGenerator;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

/// Peak of a tone: -20 dBFS RMS.
const TONE_AMPLITUDE: i16 = 4634;
/// Longest recording taken, seconds.
const LONGEST_SECONDS: usize = 600;

/// A sound that goes on for ever.
pub(crate) enum Source {
    Silence,
    Tone(ToneGenerator),
    Pcm(Arc<[i16]>),
}

impl Source {
    /// Prepares a party's sound at the centre's rate; `seed` is the call's.
    ///
    /// # Errors
    /// A sentence about a file that cannot be read, or a frequency or rate out of range.
    pub(crate) fn new(sound: &Sound, role: Role, seed: u64) -> Result<Source, String> {
        match sound {
            // A phone makes its own.
            Sound::Silence | Sound::Phone => Ok(Source::Silence),
            Sound::Dialogue(shape) => at_rate(&dialogue::half(seed, *shape, role), synth::RATE).map(Source::Pcm),
            Sound::Say(words) => say(words, role, seed),
            Sound::Tone(hz) if (20.0..=20_000.0).contains(hz) => Ok(Source::Tone(ToneGenerator::new(*hz, RATE, TONE_AMPLITUDE))),
            Sound::Tone(hz) => Err(format!("a tone of {hz} Hz; it accepts 20 to 20000 Hz")),
            Sound::Speech => Ok(Source::Pcm(speech_at_rate(role))),
            Sound::Pcm { sample_rate, samples } => Ok(Source::Pcm(at_rate(samples, *sample_rate)?)),
            Sound::Wav(path) => read_wav(path),
        }
    }

    /// Writes frame number `frame` of the call; frames are asked for in order.
    pub(crate) fn fill(&mut self, frame: u64, pcm: &mut Frame) {
        let start = frame * FRAME as u64;
        match self {
            Source::Silence => pcm.fill(0),
            Source::Tone(tone) => tone.fill(pcm),
            Source::Pcm(samples) if samples.is_empty() => pcm.fill(0),
            Source::Pcm(samples) => {
                let mut at = (start % samples.len() as u64) as usize;
                for sample in pcm.iter_mut() {
                    *sample = samples[at];
                    at += 1;
                    if at == samples.len() {
                        at = 0;
                    }
                }
            }
        }
    }
}

/// The dialogue at the centre's rate; resampled once per process, since every call speaks it.
fn speech_at_rate(role: Role) -> Arc<[i16]> {
    static HALVES: OnceLock<[Arc<[i16]>; 2]> = OnceLock::new();
    let [agent, customer] = HALVES.get_or_init(|| {
        let half = |role| at_rate(&speech::recorded_speech(role), speech::RATE).unwrap_or_else(|_| Arc::new([]));
        [half(Role::Agent), half(Role::Customer)]
    });
    if role == Role::Agent { agent.clone() } else { customer.clone() }
}

/// Words by espeak-ng, or by the centre's own synthesiser; then a pause.
fn say(words: &str, role: Role, seed: u64) -> Result<Source, String> {
    const PAUSE: usize = RATE as usize * 3 / 2;
    let spoken = match espeak(words, role) {
        Some(Source::Pcm(spoken)) => spoken,
        _ => at_rate(&synth::speak(words, VoiceOf::role(role), seed), synth::RATE)?,
    };
    let mut samples = spoken.to_vec();
    samples.resize(spoken.len() + PAUSE, 0);
    Ok(Source::Pcm(samples.into()))
}

/// The words as espeak-ng speaks them; none where it is not installed, or has nothing to say.
fn espeak(words: &str, role: Role) -> Option<Source> {
    let voice = match role {
        Role::Agent => "en-gb-x-rp+f2",
        Role::Customer => "en-us+m3",
        Role::Supervisor => "en-gb-scotland+f4",
    };
    let folder = tempfile::tempdir().ok()?;
    let file = folder.path().join("words.wav");
    let mut child = Command::new("espeak-ng")
        .args(["-v", voice, "--stdin", "-w"])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // Words too long for the pipe are cut: a party repeats itself anyway.
    let text: String = words.chars().take(2000).collect();
    let written = child.stdin.take().map(|mut input| input.write_all(text.as_bytes()));
    let done = child.wait().ok()?;
    (done.success() && matches!(written, Some(Ok(())))).then(|| read_wav(&file).ok()).flatten()
}

fn read_wav(path: &Path) -> Result<Source, String> {
    let failed = |e: hound::Error| format!("{}: {e}; a PCM WAV file is needed", path.display());
    let mut reader = hound::WavReader::open(path).map_err(failed)?;
    let spec = reader.spec();
    let frames = (LONGEST_SECONDS * spec.sample_rate as usize).min(reader.duration() as usize);
    let channels = usize::from(spec.channels.max(1));
    let samples: Result<Vec<i16>, hound::Error> = match spec.sample_format {
        hound::SampleFormat::Float => {
            reader.samples::<f32>().step_by(channels).take(frames).map(|s| s.map(|s| (s * 32_767.0) as i16)).collect()
        }
        hound::SampleFormat::Int => {
            let bits = u32::from(spec.bits_per_sample);
            reader
                .samples::<i32>()
                .step_by(channels)
                .take(frames)
                .map(|s| s.map(|s| if bits >= 16 { (s >> (bits - 16)) as i16 } else { (s << (16 - bits)) as i16 }))
                .collect()
        }
    };
    at_rate(&samples.map_err(failed)?, spec.sample_rate).map(Source::Pcm).map_err(|e| format!("{}: {e}", path.display()))
}

/// Samples of any rate from 8 to 48 kHz at the centre's.
fn at_rate(samples: &[i16], sample_rate: u32) -> Result<Arc<[i16]>, String> {
    if !(8000..=48_000).contains(&sample_rate) || samples.len() > LONGEST_SECONDS * sample_rate as usize {
        return Err(format!("{sample_rate} Hz, {} samples; it accepts 8000 to 48000 Hz and ten minutes at most", samples.len()));
    }
    let mut out = Vec::with_capacity((samples.len() as u64 * u64::from(RATE) / u64::from(sample_rate)) as usize + FRAME);
    Resampler::new(sample_rate, RATE).process(samples, &mut out);
    Ok(out.into())
}
