//! The running measurement of one party: what it received, explained by what the others said.

use super::report::{EarReport, Heard};
use super::solve::weights;
use std::collections::{BTreeMap, VecDeque};

/// Frames (20 ms) that are explained together.
const WINDOW_FRAMES: u32 = 10;
/// Windows that make "now": one second.
const RECENT_WINDOWS: usize = 5;
/// A source below this mean square (-60 dBFS) is silent in a window.
const SILENCE: f64 = 1e-6;

/// One source as it sounded in a frame.
pub(crate) struct Said<'a> {
    /// Its seat, which stays the same while the seating does.
    pub(crate) seat: u64,
    /// Its name.
    pub(crate) name: &'a str,
    /// Its samples.
    pub(crate) pcm: &'a [i16],
}

#[derive(Debug, Clone, Copy, Default)]
struct Energy {
    heard: f64,
    said: f64,
    samples: u64,
}

impl Energy {
    fn add(&mut self, other: Energy) {
        self.heard += other.heard;
        self.said += other.said;
        self.samples += other.samples;
    }
}

#[derive(Debug, Default)]
struct Speaker {
    name: String,
    total: Energy,
    recent: VecDeque<Energy>,
}

/// One party's ear.
#[derive(Debug)]
pub(crate) struct Ear {
    sample_rate: u32,
    /// The seats of the window, in the order of the sums.
    seats: Vec<u64>,
    gram: Vec<f64>,
    cross: Vec<f64>,
    frames: u32,
    samples: u64,
    speakers: BTreeMap<u64, Speaker>,
    received: Energy,
    received_recent: VecDeque<Energy>,
    received_window: Energy,
}

/// The inner product of two frames in units of full scale squared.
pub(crate) fn inner(a: &[i16], b: &[i16]) -> f64 {
    let sum: i64 = a.iter().zip(b).map(|(&x, &y)| i64::from(i32::from(x) * i32::from(y))).sum();
    sum as f64 / (32_768.0 * 32_768.0)
}

impl Ear {
    pub(crate) fn new(sample_rate: u32) -> Ear {
        Ear {
            sample_rate,
            seats: Vec::new(),
            gram: Vec::new(),
            cross: Vec::new(),
            frames: 0,
            samples: 0,
            speakers: BTreeMap::new(),
            received: Energy::default(),
            received_recent: VecDeque::new(),
            received_window: Energy::default(),
        }
    }

    /// Forgets what was measured: a new chapter of the call begins.
    pub(crate) fn reset(&mut self) {
        *self = Ear::new(self.sample_rate);
    }

    /// Takes a frame: what was received while the others said this.
    pub(crate) fn listen(&mut self, received: &[i16], said: &[Said<'_>]) {
        if !self.seats.iter().copied().eq(said.iter().map(|s| s.seat)) {
            // Somebody came or left: the window so far belongs to another company.
            self.close_window();
            self.seats = said.iter().map(|s| s.seat).collect();
            self.gram = vec![0.0; said.len() * said.len()];
            self.cross = vec![0.0; said.len()];
            for s in said {
                self.speakers.entry(s.seat).or_default().name = s.name.to_owned();
            }
        }
        let n = said.len();
        // People take turns: who says nothing has no products with anything.
        let speaks: Vec<bool> = said.iter().map(|s| s.pcm.iter().any(|&x| x != 0)).collect();
        for (i, a) in said.iter().enumerate().filter(|(i, _)| speaks[*i]) {
            self.cross[i] += inner(a.pcm, received);
            for (j, b) in said.iter().enumerate().skip(i).filter(|(j, _)| speaks[*j]) {
                let product = inner(a.pcm, b.pcm);
                self.gram[i * n + j] += product;
                if i != j {
                    self.gram[j * n + i] += product;
                }
            }
        }
        let energy = inner(received, received);
        self.received_window.add(Energy { heard: energy, said: energy, samples: received.len() as u64 });
        self.samples += received.len() as u64;
        self.frames += 1;
        if self.frames == WINDOW_FRAMES {
            self.close_window();
        }
    }

    fn close_window(&mut self) {
        if self.frames == 0 {
            return;
        }
        let n = self.seats.len();
        let weight = weights(&self.gram, &self.cross);
        for (i, (seat, weight)) in self.seats.iter().zip(weight).enumerate() {
            let said = self.gram[i * n + i];
            let active = said > SILENCE * self.samples as f64;
            let energy = if active { Energy { heard: weight * weight * said, said, samples: self.samples } } else { Energy::default() };
            if let Some(speaker) = self.speakers.get_mut(seat) {
                speaker.total.add(energy);
                push_recent(&mut speaker.recent, energy);
            }
        }
        let received = std::mem::take(&mut self.received_window);
        self.received.add(received);
        push_recent(&mut self.received_recent, received);
        self.gram.fill(0.0);
        self.cross.fill(0.0);
        self.frames = 0;
        self.samples = 0;
    }

    /// What was heard since the last reset.
    pub(crate) fn report(&self, listener: &str, role: &'static str) -> EarReport {
        self.make_report(listener, role, self.received, |s| s.total)
    }

    /// What was heard in the last second.
    pub(crate) fn report_recent(&self, listener: &str, role: &'static str) -> EarReport {
        self.make_report(listener, role, sum(&self.received_recent), |s| sum(&s.recent))
    }

    fn make_report(&self, listener: &str, role: &'static str, received: Energy, pick: impl Fn(&Speaker) -> Energy) -> EarReport {
        let heard = |e: Energy| Heard::from_energy(e.heard, e.said, e.samples, self.sample_rate);
        EarReport {
            listener: listener.to_owned(),
            role,
            measured: "mix",
            duration_ms: received.samples * 1000 / u64::from(self.sample_rate),
            level_dbfs: heard(received).level_dbfs,
            speakers: self.speakers.values().map(|s| (s.name.clone(), heard(pick(s)))).collect(),
        }
    }
}

fn push_recent(recent: &mut VecDeque<Energy>, energy: Energy) {
    if recent.len() == RECENT_WINDOWS {
        recent.pop_front();
    }
    recent.push_back(energy);
}

fn sum(energies: &VecDeque<Energy>) -> Energy {
    let mut total = Energy::default();
    for &e in energies {
        total.add(e);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, amplitude: f64, frame: usize) -> Vec<i16> {
        (frame * 960..(frame + 1) * 960)
            .map(|n| (amplitude * (std::f64::consts::TAU * hz * n as f64 / 48_000.0).sin()).round() as i16)
            .collect()
    }

    #[test]
    fn who_is_in_the_mix_is_heard_at_its_level_and_who_is_not_is_not() {
        let mut ear = Ear::new(48_000);
        for frame in 0..50 {
            let (agent, customer) = (sine(440.0, 4000.0, frame), sine(1000.0, 4000.0, frame));
            let received: Vec<i16> = agent.iter().map(|s| s / 2).collect();
            ear.listen(&received, &[Said { seat: 1, name: "agent", pcm: &agent }, Said { seat: 2, name: "customer", pcm: &customer }]);
        }
        let report = ear.report("supervisor", "supervisor");
        let agent = report.speakers["agent"];
        assert!((agent.gain_db + 6.0).abs() < 0.1 && agent.heard && agent.active_ms == 1000, "{agent:?}");
        assert!((agent.level_dbfs - (-27.3)).abs() < 0.1, "{agent:?}");
        let customer = report.speakers["customer"];
        assert!(!customer.heard && customer.gain_db < -50.0 && customer.active_ms == 1000, "{customer:?}");
    }

    #[test]
    fn pauses_do_not_dilute_the_level_and_recent_forgets() {
        let mut ear = Ear::new(48_000);
        for frame in 0..200 {
            let agent = if frame < 50 { sine(440.0, 4000.0, frame) } else { vec![0; 960] };
            ear.listen(&agent.clone(), &[Said { seat: 1, name: "agent", pcm: &agent }]);
        }
        let total = ear.report("x", "agent").speakers["agent"];
        assert!(total.heard && total.active_ms == 1000 && (total.level_dbfs + 21.3).abs() < 0.1, "{total:?}");
        let recent = ear.report_recent("x", "agent").speakers["agent"];
        assert!(!recent.heard && recent.active_ms == 0, "{recent:?}");
    }
}
