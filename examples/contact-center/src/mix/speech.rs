//! The recorded dialogue of `speech/`: two halves of one length that fit each other turn by turn, and
//! what a supervisor may say to them.

use crate::party::Role;
use monipy_core::audio::g711::MULAW_TO_LINEAR;
use std::sync::{Arc, OnceLock};

/// Rate of the recording, Hz.
pub(super) const RATE: u32 = 16_000;

static WAV: &[u8] = include_bytes!("../../speech/dialogue.wav");
static TURNS: &str = include_str!("../../speech/dialogue.tsv");

/// What a party of this role says in the recorded dialogue, mono at 16 kHz: the agent and the
/// customer 28 s that fit each other turn by turn, the supervisor a sentence of its own.
#[must_use]
pub fn recorded_speech(role: Role) -> Arc<[i16]> {
    static PARTS: OnceLock<[Arc<[i16]>; 3]> = OnceLock::new();
    let [agent, customer, supervisor] = PARTS.get_or_init(|| {
        let data = ulaw_data(WAV);
        [Role::Agent, Role::Customer, Role::Supervisor].map(|role| read_part(TURNS, role, data).into())
    });
    match role {
        Role::Agent => agent.clone(),
        Role::Customer => customer.clone(),
        Role::Supervisor => supervisor.clone(),
    }
}

/// The `data` chunk of a WAV file that is known to be G.711 mu-law, mono.
fn ulaw_data(wav: &[u8]) -> &[u8] {
    let mut rest = wav.get(12..).unwrap_or_default();
    while let Some((header, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        if header.starts_with(b"data") {
            return body.get(..length).unwrap_or(body);
        }
        rest = body.get(length + length % 2..).unwrap_or_default();
    }
    &[]
}

/// Lays the turns of one speaker out over the length of the dialogue.
fn read_part(turns: &str, role: Role, data: &[u8]) -> Vec<i16> {
    let mut samples = Vec::new();
    for line in turns.lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let number = |i: usize| fields.get(i).and_then(|f| f.parse::<usize>().ok()).unwrap_or(0);
        match fields.first() {
            Some(&"end") if role != Role::Supervisor => samples.resize(number(1), 0),
            Some(&who) if who == role.as_str() => {
                let (start, from, length) = (number(1), number(2), number(3));
                samples.resize(start, 0);
                samples.extend(data.get(from..from + length).unwrap_or_default().iter().map(|&byte| MULAW_TO_LINEAR[usize::from(byte)]));
            }
            _ => {}
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_speak_in_turn_and_have_one_length() {
        let (agent, customer) = (recorded_speech(Role::Agent), recorded_speech(Role::Customer));
        assert_eq!(agent.len(), customer.len());
        let seconds = agent.len() / RATE as usize;
        assert!((20..40).contains(&seconds), "{seconds}");
        let loud = |pcm: &[i16]| pcm.chunks(320).filter(|c| c.iter().any(|s| s.unsigned_abs() > 500)).count();
        let both = agent.chunks(320).zip(customer.chunks(320));
        let overlap = both.filter(|(a, c)| loud(a) + loud(c) == 2).count();
        assert!(loud(&agent) > 300 && loud(&customer) > 300, "{} {}", loud(&agent), loud(&customer));
        assert!((10..100).contains(&overlap), "frames of both at once: {overlap}");
        assert!((100..300).contains(&loud(&recorded_speech(Role::Supervisor))));
    }
}
