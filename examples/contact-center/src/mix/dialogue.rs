//! Questions and answers made up from the run's seed: turns, overlaps, dead air.

use super::synth::{self, VoiceOf};
use crate::party::Role;
use crate::random::Random;
use std::fmt;
use std::str::FromStr;

/// How a made-up dialogue goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Share of the turns that begin before the other has finished, 0 to 1.
    pub overlap: f64,
    /// Length of the silence that one turn in four ends in, seconds, 0 to 30.
    pub dead_air: f64,
    /// Questions, each with its answer, before it repeats; 1 to 20.
    pub questions: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Shape { overlap: 0.2, dead_air: 2.0, questions: 5 }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "overlap={},dead_air={},questions={}", self.overlap, self.dead_air, self.questions)
    }
}

impl FromStr for Shape {
    type Err = String;
    fn from_str(s: &str) -> Result<Shape, String> {
        let mut shape = Shape::default();
        for pair in s.split(',').filter(|p| !p.is_empty()) {
            let wrong = || format!("dialogue: {pair:?} is none of overlap=0.2 (0 to 1), dead_air=2 (seconds to 30), questions=5 (1 to 20)");
            let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
            let number: f64 = value.trim().parse().map_err(|_| wrong())?;
            match key.trim() {
                "overlap" if (0.0..=1.0).contains(&number) => shape.overlap = number,
                "dead_air" if (0.0..=30.0).contains(&number) => shape.dead_air = number,
                "questions" if (1.0..=20.0).contains(&number) => shape.questions = number as u32,
                _ => return Err(wrong()),
            }
        }
        Ok(shape)
    }
}

const QUESTIONS: [&str; 8] = [
    "Good morning, how may I help you?",
    "Could you tell me your booking number?",
    "When did you travel, and where to?",
    "Did anybody offer you another train?",
    "Shall I send the money to the same card?",
    "Is there a number where we can reach you?",
    "May I put you on hold for a moment?",
    "Is there anything else that I can do?",
];
const ANSWERS: [&str; 8] = [
    "Hello. My train was cancelled, and nobody told me.",
    "Yes, it is 7 4 1, 9 0 2.",
    "Last Monday, to Oxford, in the afternoon.",
    "No. I waited for two hours, and then I went home.",
    "Yes please, that would be very good.",
    "Of course. You can call this one at any time.",
    "All right, but not for long.",
    "No, thank you. You have been very kind.",
];

/// A turn: who speaks, from which sample on, what.
struct Turn {
    role: Role,
    start: usize,
    pcm: Vec<i16>,
}

fn turns(seed: u64, shape: Shape) -> (Vec<Turn>, usize) {
    let mut random = Random::new(seed, 0xD1A1);
    let seconds = |s: f64| (s * f64::from(synth::RATE)) as usize;
    let mut list = Vec::new();
    let (mut end, mut from) = (seconds(0.3), 0);
    for turn in 0..shape.questions as usize * 2 {
        let role = if turn % 2 == 0 { Role::Agent } else { Role::Customer };
        let words = if role == Role::Agent { QUESTIONS } else { ANSWERS };
        if turn % 2 == 0 {
            // An answer fits its question.
            from = if turn == 0 { 0 } else { (random.next() % words.len() as u64) as usize };
        }
        let pcm = synth::speak(words[from], VoiceOf::role(role), seed.wrapping_add(turn as u64));
        let gap = if turn > 0 && random.fraction() < shape.overlap {
            -(0.3 + 0.5 * random.fraction())
        } else if random.next().is_multiple_of(4) {
            shape.dead_air
        } else {
            0.2 + 0.5 * random.fraction()
        };
        let start = if gap < 0.0 { end.saturating_sub(seconds(-gap)) } else { end + seconds(gap) };
        end = end.max(start + pcm.len());
        list.push(Turn { role, start, pcm });
    }
    (list, end + seconds(0.5))
}

/// One party's half, mono at [`synth::RATE`]; both halves have one length.
pub(crate) fn half(seed: u64, shape: Shape, role: Role) -> Vec<i16> {
    let (turns, length) = turns(seed, shape);
    let mut samples = vec![0; length];
    for turn in turns.iter().filter(|t| t.role == role) {
        for (to, from) in samples.iter_mut().skip(turn.start).zip(&turn.pcm) {
            *to = *from;
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loud(pcm: &[i16]) -> Vec<bool> {
        pcm.chunks(320).map(|c| c.iter().any(|s| s.unsigned_abs() > 500)).collect()
    }

    #[test]
    fn overlaps_and_dead_air_are_what_was_asked_for() {
        let measure = |shape: Shape| {
            let [agent, customer] = [Role::Agent, Role::Customer].map(|role| loud(&half(3, shape, role)));
            assert_eq!(agent.len(), customer.len());
            let both = agent.iter().zip(&customer).filter(|(a, c)| **a && **c).count();
            let (mut longest, mut run) = (0, 0);
            for (a, c) in agent.iter().zip(&customer) {
                run = if *a || *c { 0 } else { run + 1 };
                longest = longest.max(run);
            }
            (both, longest)
        };
        let (both, longest) = measure(Shape { overlap: 0.0, dead_air: 0.3, questions: 6 });
        assert!(both == 0 && longest < 70, "{both} frames together, {longest} of silence");
        let (both, _) = measure(Shape { overlap: 1.0, dead_air: 0.3, questions: 6 });
        assert!(both > 30, "{both} frames together");
        let (_, longest) = measure(Shape { overlap: 0.0, dead_air: 5.0, questions: 6 });
        assert!(longest >= 245, "{longest} frames of silence");
    }

    #[test]
    fn the_seed_decides() {
        let shape = Shape::default();
        assert_eq!(half(1, shape, Role::Agent), half(1, shape, Role::Agent));
        assert_ne!(half(1, shape, Role::Agent), half(2, shape, Role::Agent));
    }

    #[test]
    fn shapes_are_read_and_what_is_wrong_is_said() {
        assert_eq!("".parse::<Shape>().unwrap(), Shape::default());
        let shape: Shape = "overlap=0.5,dead_air=4".parse().unwrap();
        assert_eq!((shape.overlap, shape.dead_air), (0.5, 4.0));
        assert_eq!(shape.to_string().parse::<Shape>().unwrap(), shape);
        for wrong in ["overlap=2", "overlap", "pause=1", "dead_air=x"] {
            assert!(wrong.parse::<Shape>().unwrap_err().contains("overlap=0.2"), "{wrong}");
        }
    }
}
