//! The microphone's way: the speaker's echo is taken out, a voice is left in.

use monipy_core::audio::level::dbfs;
use monipy_core::audio::{VoiceProcessing, VoiceProcessor};

const RATE: u32 = 48_000;
const FRAME: usize = 480;

/// Noise in the shape of speech: syllables of a tenth of a second and pauses between, low frequencies loudest.
struct Babble {
    seed: u32,
    low: f32,
    at: usize,
}

impl Babble {
    fn new(seed: u32) -> Babble {
        Babble { seed, low: 0.0, at: 0 }
    }

    fn frame(&mut self, amplitude: f32) -> Vec<i16> {
        (0..FRAME)
            .map(|_| {
                self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let white = (self.seed >> 8) as f32 / 8_388_608.0 - 1.0;
                self.low += 0.15 * (white - self.low);
                let time = self.at as f32 / RATE as f32;
                self.at += 1;
                let syllable = (time * 31.0).sin().max(0.0) * if (time * 0.8).fract() < 0.8 { 1.0 } else { 0.05 };
                (self.low * syllable * amplitude) as i16
            })
            .collect()
    }
}

/// A room: a direct way of 60 ms (card and air) and reflections that die away.
struct Room {
    past: Vec<f32>,
    taps: Vec<(usize, f32)>,
}

impl Room {
    fn new() -> Room {
        let mut taps = vec![(2880, 0.35)];
        let mut seed = 7_u32;
        for i in 1..200 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let delay = 2880 + i * 17 + (seed >> 28) as usize;
            taps.push((delay, 0.12 * (-(i as f32) / 45.0).exp() * if seed & 1 == 0 { 1.0 } else { -1.0 }));
        }
        Room { past: vec![0.0; 8000], taps }
    }

    fn echo(&mut self, played: &[i16]) -> Vec<i16> {
        self.past.extend(played.iter().map(|&s| f32::from(s)));
        let end = self.past.len() - played.len();
        let echo = (0..played.len()).map(|i| self.taps.iter().map(|(d, g)| self.past[end + i - d] * g).sum::<f32>() as i16).collect();
        self.past.drain(..played.len());
        echo
    }
}

#[test]
fn five_seconds_in_the_echo_is_28_db_down() {
    for wanted in [VoiceProcessing { echo_cancellation: true, ..VoiceProcessing::default() }, VoiceProcessing::ALL] {
        let mut voice = VoiceProcessor::new(wanted, RATE).unwrap();
        let (mut far, mut room) = (Babble::new(1), Room::new());
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for tick in 0..1000 {
            let played = far.frame(40_000.0);
            voice.render(&played);
            let mut heard = room.echo(&played);
            if tick >= 500 {
                before.extend_from_slice(&heard);
            }
            voice.capture(&mut heard);
            if tick >= 500 {
                after.extend_from_slice(&heard);
            }
        }
        let reduction = dbfs(&before) - dbfs(&after);
        println!("{wanted:?}: echo {:.1} dBFS, {reduction:.1} dB less after 5 s", dbfs(&before));
        assert!(dbfs(&before) > -45.0, "there was an echo");
        assert!(reduction >= 28.0, "{reduction:.1} dB");
    }
}

#[test]
fn a_voice_is_heard_beside_the_echo_and_without_one() {
    for far_speaks in [false, true] {
        let mut voice = VoiceProcessor::new(VoiceProcessing { echo_cancellation: true, ..VoiceProcessing::default() }, RATE).unwrap();
        let (mut far, mut near, mut room) = (Babble::new(1), Babble::new(99), Room::new());
        let (mut spoken, mut sent) = (Vec::new(), Vec::new());
        for tick in 0..1200 {
            let played = far.frame(if far_speaks { 40_000.0 } else { 0.0 });
            voice.render(&played);
            // The near side begins when the canceller has learnt the room.
            let own = near.frame(if tick >= 600 { 60_000.0 } else { 0.0 });
            let mut heard: Vec<i16> = room.echo(&played).iter().zip(&own).map(|(a, b)| a.saturating_add(*b)).collect();
            voice.capture(&mut heard);
            if tick >= 700 {
                spoken.extend(own);
                sent.extend(heard);
            }
        }
        let loss = dbfs(&spoken) - dbfs(&sent);
        println!("far side speaks: {far_speaks}: the voice is {loss:.1} dB lower than it was");
        assert!(loss.abs() < if far_speaks { 10.0 } else { 3.0 }, "{loss:.1} dB");
    }
}

#[test]
fn what_is_wanted_is_read_from_words() {
    let read = |text| VoiceProcessing::parse(text);
    assert_eq!(read("echo,noise,gain"), Ok(VoiceProcessing::ALL));
    assert_eq!(read(" echo "), Ok(VoiceProcessing { echo_cancellation: true, ..VoiceProcessing::default() }));
    assert_eq!(read("none"), Ok(VoiceProcessing::default()));
    assert_eq!(read("echo,reverb"), Err("reverb".to_owned()));
    assert!(VoiceProcessor::new(VoiceProcessing::default(), RATE).is_none());
}
