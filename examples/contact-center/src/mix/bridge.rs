//! One call's mix: who sits in it, who hears whom, what was heard.

use super::leg_audio::{LegAudio, Sides};
use super::source::Source;
use super::{FRAME, Frame, RATE};
use crate::audibility::EarReport;
use crate::audibility::ear::{Ear, Said};
use crate::audibility::observed::{self, History};
use crate::mode::Mode;
use crate::party::Role;
use monipy_core::audio::mixer::Mixer;
use monipy_core::audio::wav::WavFile;
use monipy_core::audio::{AudioEvent, level, tone};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Instant;

/// How much of what each party received is kept for [`Bridge::tone`]: one second.
const KEPT: usize = RATE as usize;

/// What moves a seat's mouth.
pub(crate) enum Voice {
    /// A script.
    Script(Source),
    /// A phone's leg; the mode matters for a supervisor's.
    Leg(Box<LegAudio>, Mode),
}

/// A party in the mix.
struct Seat {
    id: u64,
    name: String,
    role: Role,
    voice: Voice,
    /// What it says now.
    said: Frame,
    /// What it receives now.
    received: Frame,
    ear: Ear,
    kept: VecDeque<i16>,
    said_history: History,
    received_history: History,
    recording: Option<WavFile>,
}

/// What a leg's sound has to tell the signalling: call, seat, event.
pub(crate) type LegEvents = tokio::sync::mpsc::UnboundedSender<(u64, u64, AudioEvent)>;

/// What was sent to a listener, and what the others said meanwhile.
pub(crate) struct Histories {
    /// What the listener is.
    pub(crate) role: Role,
    /// The mix that was sent to it.
    pub(crate) sent: Vec<f32>,
    /// What each of the others said, by name.
    pub(crate) said: Vec<(String, Vec<f32>)>,
}

/// The mix of one call.
pub(crate) struct Bridge {
    call: u64,
    seats: Vec<Seat>,
    next_seat: u64,
    frame: u64,
    history_samples: usize,
    record_to: Option<PathBuf>,
    events: LegEvents,
    mixer: Mixer,
    mixed: Vec<i16>,
}

impl Bridge {
    /// A bridge that keeps `history_s` seconds of everything for observed audio, and records what
    /// each party receives as `NAME.wav` into a folder, if there is one.
    pub(crate) fn new(call: u64, history_s: u32, record_to: Option<PathBuf>, events: LegEvents) -> Bridge {
        let history_samples = (history_s * observed::RATE) as usize;
        Bridge {
            call,
            seats: Vec::new(),
            next_seat: 1,
            frame: 0,
            history_samples,
            record_to,
            events,
            mixer: Mixer::default(),
            mixed: Vec::new(),
        }
    }

    /// Seats a party; the measurement begins anew, since the company is another.
    pub(crate) fn sit(&mut self, name: &str, role: Role, voice: Voice) -> u64 {
        let id = self.next_seat;
        self.next_seat += 1;
        let recording = self.record_to.as_ref().and_then(|folder| {
            let path = folder.join(format!("{id}-{}-hears.wav", file_name(name)));
            WavFile::create(&path, 1, RATE).map_err(|e| log::warn!("{} is not recorded: {e}", path.display())).ok()
        });
        self.seats.push(Seat {
            id,
            name: name.to_owned(),
            role,
            voice,
            said: [0; FRAME],
            received: [0; FRAME],
            ear: Ear::new(RATE),
            kept: VecDeque::with_capacity(KEPT),
            said_history: History::new(self.history_samples),
            received_history: History::new(self.history_samples),
            recording,
        });
        self.reset_ears();
        // All histories begin together, so that they stay aligned.
        for seat in &mut self.seats {
            seat.said_history = History::new(self.history_samples);
            seat.received_history = History::new(self.history_samples);
        }
        id
    }

    /// Lets a party leave.
    pub(crate) fn leave(&mut self, id: u64) {
        let before = self.seats.len();
        self.seats.retain(|s| s.id != id);
        if self.seats.len() != before {
            self.reset_ears();
        }
    }

    /// Lets a party leave with everything that it needs to sit elsewhere.
    pub(crate) fn take(&mut self, id: u64) -> Option<(String, Role, Voice)> {
        let at = self.seats.iter().position(|s| s.id == id)?;
        let seat = self.seats.remove(at);
        self.reset_ears();
        Some((seat.name, seat.role, seat.voice))
    }

    /// Lets a scripted party leave with its voice.
    pub(crate) fn take_script(&mut self, name: &str) -> Option<Voice> {
        let id = self.seats.iter().find(|s| s.name == name && matches!(s.voice, Voice::Script(_)))?.id;
        self.take(id).map(|(_, _, voice)| voice)
    }

    /// Lets a scripted party leave; false when there is none of that name.
    pub(crate) fn dismiss(&mut self, name: &str) -> bool {
        self.take_script(name).is_some()
    }

    /// Begins the measurement anew.
    pub(crate) fn reset_ears(&mut self) {
        for seat in &mut self.seats {
            seat.ear.reset();
        }
    }

    /// Switches a supervisor's mode; false when there is no such leg.
    pub(crate) fn set_mode(&mut self, id: u64, mode: Mode) -> bool {
        let Some(Seat { voice: Voice::Leg(_, current), .. }) = self.seats.iter_mut().find(|s| s.id == id) else { return false };
        *current = mode;
        self.reset_ears();
        true
    }

    /// The leg at a seat.
    pub(crate) fn leg(&mut self, id: u64) -> Option<&mut LegAudio> {
        match self.seats.iter_mut().find(|s| s.id == id)?.voice {
            Voice::Leg(ref mut leg, _) => Some(leg),
            Voice::Script(_) => None,
        }
    }

    /// Replaces what a scripted party says; false when there is none of that name.
    pub(crate) fn set_source(&mut self, name: &str, source: Source) -> bool {
        for seat in &mut self.seats {
            if seat.name == name
                && let Voice::Script(current) = &mut seat.voice
            {
                *current = source;
                return true;
            }
        }
        false
    }

    /// Takes a frame: everybody speaks, everybody receives, everything is measured.
    pub(crate) fn tick(&mut self, due: Instant) {
        for seat in &mut self.seats {
            match &mut seat.voice {
                Voice::Script(source) => source.fill(self.frame, &mut seat.said),
                Voice::Leg(leg, _) => {
                    seat.said = leg.tick(due);
                    while let Some(event) = leg.poll_event() {
                        // Nobody listens when the centre is stopping.
                        let _ = self.events.send((self.call, seat.id, event));
                    }
                }
            }
            seat.said_history.push_48k(&seat.said);
        }
        for listener in 0..self.seats.len() {
            let sides = self.sides_for(listener);
            let received = match &sides {
                Some(sides) if !self.is_apart(listener) => sides.downmix(),
                _ => self.mix_for(listener, |_| true),
            };
            // The ear is taken out for the moment, since it listens to its neighbours.
            let mut ear = std::mem::replace(&mut self.seats[listener].ear, Ear::new(RATE));
            let said: Vec<Said<'_>> = self
                .seats
                .iter()
                .enumerate()
                .filter(|(speaker, _)| *speaker != listener)
                .map(|(_, s)| Said { seat: s.id, name: &s.name, pcm: &s.said })
                .collect();
            ear.listen(&received, &said);
            let seat = &mut self.seats[listener];
            seat.ear = ear;
            seat.received = received;
            if let Voice::Leg(leg, _) = &mut seat.voice {
                match sides {
                    Some(sides) => leg.give_sides(sides),
                    None => leg.give(&seat.received),
                }
            }
            let overflow = (seat.kept.len() + FRAME).saturating_sub(KEPT);
            seat.kept.drain(..overflow);
            seat.kept.extend(seat.received);
            seat.received_history.push_48k(&seat.received);
            if let Some(recording) = &mut seat.recording
                && let Err(e) = recording.write(&seat.received)
            {
                log::warn!("the recording of {} ends: {e}", seat.name);
                seat.recording = None;
            }
        }
        self.frame += 1;
    }

    fn is_apart(&self, listener: usize) -> bool {
        matches!(&self.seats[listener].voice, Voice::Leg(leg, _) if leg.is_apart())
    }

    /// What the party at `listener` receives in two channels or on two lines, if it wants them.
    fn sides_for(&mut self, listener: usize) -> Option<Sides> {
        match &self.seats[listener].voice {
            Voice::Leg(leg, _) if leg.wants_sides() => {}
            _ => return None,
        }
        // Supervisors are on both sides in stereo; apart they are on the first line.
        let apart = self.is_apart(listener);
        let left = self.mix_for(listener, |role| role != Role::Customer);
        let right = self.mix_for(listener, |role| role == Role::Customer || (!apart && role != Role::Agent));
        Some(Sides { left, right })
    }

    /// What the party at `listener` receives now of the others whose role is wanted.
    fn mix_for(&mut self, listener: usize, wanted: impl Fn(Role) -> bool) -> Frame {
        let ear = &self.seats[listener];
        if let Voice::Leg(leg, _) = &ear.voice
            && leg.impairment().silence
        {
            return [0; FRAME];
        }
        self.mixer.begin(FRAME);
        for (speaker, seat) in self.seats.iter().enumerate() {
            if speaker != listener && wanted(seat.role) && may_hear(ear.role, seat) {
                self.mixer.add(&seat.said);
            }
        }
        self.mixed.clear();
        self.mixer.finish(&mut self.mixed);
        let mut mix = [0; FRAME];
        for (to, from) in mix.iter_mut().zip(&self.mixed) {
            *to = *from;
        }
        mix
    }

    /// The matrix since the company or a mode changed last.
    pub(crate) fn audibility(&self) -> Vec<EarReport> {
        self.seats.iter().map(|s| s.ear.report(&s.name, s.role.as_str())).collect()
    }

    /// The matrix of the last second.
    pub(crate) fn audibility_recent(&self) -> Vec<EarReport> {
        self.seats.iter().map(|s| s.ear.report_recent(&s.name, s.role.as_str())).collect()
    }

    /// Level in dBFS of a sine in what a party received in the last second; `None`: no such party.
    pub(crate) fn tone(&mut self, listener: &str, hz: f64) -> Option<f64> {
        let seat = self.seats.iter_mut().find(|s| s.name == listener)?;
        Some(f64::from(tone::measure(seat.kept.make_contiguous(), RATE, hz).level_dbfs))
    }

    /// What is needed to explain audio that `listener` received outside.
    pub(crate) fn histories(&self, listener: &str) -> Option<Histories> {
        let seat = self.seats.iter().find(|s| s.name == listener)?;
        let said = self.seats.iter().filter(|s| s.id != seat.id).map(|s| (s.name.clone(), s.said_history.to_vec())).collect();
        Some(Histories { role: seat.role, sent: seat.received_history.to_vec(), said })
    }

    /// Completes the WAV files.
    pub(crate) fn finish_recordings(&mut self) {
        for seat in &mut self.seats {
            if let Some(Err(e)) = seat.recording.take().map(WavFile::finish) {
                log::warn!("the recording of {} is incomplete: {e}", seat.name);
            }
        }
    }

    /// Level of what each party says and receives in this frame, dBFS: for meters.
    pub(crate) fn levels(&self) -> Vec<(String, f64, f64)> {
        self.seats.iter().map(|s| (s.name.clone(), f64::from(level::dbfs(&s.said)), f64::from(level::dbfs(&s.received)))).collect()
    }
}

/// The rule of the modes: everybody hears the parties of the call; a supervisor is heard by whom
/// its mode says.
fn may_hear(listener: Role, speaker: &Seat) -> bool {
    match &speaker.voice {
        Voice::Leg(_, mode) if speaker.role == Role::Supervisor => mode.heard_by(listener),
        Voice::Script(_) | Voice::Leg(..) => true,
    }
}

fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}
