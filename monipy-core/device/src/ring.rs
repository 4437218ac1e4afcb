//! Samples between two threads that count time by two clocks. The side that deals in ticks of
//! 10 ms keeps the queue near its target by playing a tick a little longer or shorter than it is:
//! a change of pitch of less than half a percent, which nobody hears, instead of a click now and then.

use rtrb::{Consumer, Producer, RingBuffer};

/// Samples that a ring holds at most: a fifth of a second.
const CAPACITY: usize = 9600;
/// Samples that should wait: two periods of a usual card.
const TARGET: usize = 1440;
/// Samples by which a tick may be longer or shorter.
const MOST_CHANGE: usize = 2;

/// The end that gives ticks to a card.
#[derive(Debug)]
pub(crate) struct Feeder {
    producer: Producer<i16>,
    level: Level,
    scratch: Vec<i16>,
}

/// The end that takes ticks from a card.
#[derive(Debug)]
pub(crate) struct Taker {
    consumer: Consumer<i16>,
    level: Level,
    /// The queue ran dry and fills up again.
    filling: bool,
    scratch: Vec<i16>,
}

/// The card's end of a speaker: plays nothing until there is enough for a while.
#[derive(Debug)]
pub(crate) struct SpeakerEnd {
    consumer: Consumer<i16>,
    filling: bool,
}

/// The card's end of a microphone.
#[derive(Debug)]
pub(crate) struct MicrophoneEnd {
    producer: Producer<i16>,
}

/// How full a queue is, smoothed: cards take and give in lumps.
#[derive(Debug)]
struct Level(f32);

impl Level {
    /// Samples to add to a tick (negative: to take out) so that the queue comes back to its target.
    fn correct(&mut self, now: usize) -> isize {
        self.0 += (now as f32 - self.0) * 0.05;
        let off = self.0 - TARGET as f32;
        if off > 480.0 {
            -(MOST_CHANGE as isize)
        } else if off < -480.0 {
            MOST_CHANGE as isize
        } else {
            0
        }
    }
}

/// A ring from the program to a card.
pub(crate) fn to_card() -> (Feeder, SpeakerEnd) {
    let (producer, consumer) = RingBuffer::new(CAPACITY);
    let feeder = Feeder { producer, level: Level(TARGET as f32), scratch: Vec::with_capacity(512) };
    (feeder, SpeakerEnd { consumer, filling: true })
}

/// A ring from a card to the program.
pub(crate) fn from_card() -> (Taker, MicrophoneEnd) {
    let (producer, consumer) = RingBuffer::new(CAPACITY);
    let taker = Taker { consumer, level: Level(TARGET as f32), filling: true, scratch: Vec::with_capacity(512) };
    (taker, MicrophoneEnd { producer })
}

/// Plays `from` in the time of `to`, by straight lines between samples.
fn stretch(from: &[i16], to: &mut [i16]) {
    let (Some(last), n) = (from.last(), to.len().max(2) - 1) else { return to.fill(0) };
    for (i, sample) in to.iter_mut().enumerate() {
        let at = i * (from.len() - 1);
        let (whole, part) = (at / n, at % n);
        let a = i64::from(*from.get(whole).unwrap_or(last));
        let b = i64::from(*from.get(whole + 1).unwrap_or(last));
        *sample = (a + (b - a) * part as i64 / n as i64) as i16;
    }
}

impl Feeder {
    pub(crate) fn level(&self) -> usize {
        CAPACITY - self.producer.slots()
    }

    pub(crate) fn push(&mut self, pcm: &[i16]) {
        let level = self.level();
        let length = pcm.len().saturating_add_signed(self.level.correct(level));
        if self.producer.slots() < length {
            // The card does not take anything: what waits is old by the time it does.
            return;
        }
        if length == pcm.len() {
            let _ = self.producer.push_entire_slice(pcm);
            return;
        }
        self.scratch.clear();
        self.scratch.resize(length, 0);
        stretch(pcm, &mut self.scratch);
        let _ = self.producer.push_entire_slice(&self.scratch);
    }
}

impl Taker {
    pub(crate) fn pull(&mut self, pcm: &mut [i16]) -> usize {
        let waiting = self.consumer.slots();
        if self.filling && waiting < TARGET {
            return 0;
        }
        if self.filling {
            self.level = Level(waiting as f32);
        }
        // What waits beyond any lump is delay and nothing else.
        let surplus = waiting.saturating_sub(TARGET * 3);
        self.scratch.clear();
        self.scratch.resize(surplus, 0);
        let _ = self.consumer.pop_partial_slice(&mut self.scratch);
        // A fuller queue is emptied by taking more samples for a tick.
        let length = pcm.len().saturating_add_signed(-self.level.correct(waiting - surplus));
        self.filling = waiting - surplus < length;
        if self.filling {
            return 0;
        }
        self.scratch.clear();
        self.scratch.resize(length, 0);
        let _ = self.consumer.pop_partial_slice(&mut self.scratch);
        if length == pcm.len() {
            pcm.copy_from_slice(&self.scratch);
        } else {
            stretch(&self.scratch, pcm);
        }
        pcm.len()
    }
}

impl SpeakerEnd {
    /// Fills what the card wants; silence where there is nothing.
    pub(crate) fn fill(&mut self, pcm: &mut [i16]) {
        let waiting = self.consumer.slots();
        if self.filling && waiting < TARGET.max(pcm.len()) {
            return pcm.fill(0);
        }
        // What waits beyond any lump is delay and nothing else: cards take a second to begin.
        let most = TARGET + pcm.len();
        if waiting > most + TARGET * 2 {
            for _ in most..waiting {
                let _ = self.consumer.pop();
            }
        }
        let (_, rest) = self.consumer.pop_partial_slice(pcm);
        self.filling = !rest.is_empty();
        rest.fill(0);
    }

    /// What waited for a card that is gone is not for the next one.
    pub(crate) fn forget(&mut self) {
        while self.consumer.pop().is_ok() {}
        self.filling = true;
    }
}

impl MicrophoneEnd {
    /// Takes what the card gives; forgets what does not fit.
    pub(crate) fn take(&mut self, pcm: &[i16]) {
        let _ = self.producer.push_partial_slice(pcm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sine at 48 kHz, from sample `from` on.
    fn sine(from: usize, length: usize) -> Vec<i16> {
        (from..from + length).map(|i| ((i as f32 * 0.05).sin() * 10_000.0) as i16).collect()
    }

    #[test]
    fn a_card_that_is_slower_or_faster_than_the_program_never_runs_dry_or_over() {
        // 300 ppm either way, half an hour: 27 ms a minute and a half of drift would run over.
        for lump in [479_856, 480_144] {
            let (mut feeder, mut end) = to_card();
            let (mut owed, mut silences, mut levels) = (0_usize, 0, Vec::new());
            for tick in 0..180_000 {
                feeder.push(&sine(tick * 480, 480));
                owed += lump;
                let mut pcm = vec![0; owed / 1000];
                owed %= 1000;
                end.fill(&mut pcm);
                if tick > 100 {
                    silences += usize::from(pcm.iter().all(|&s| s == 0));
                    levels.push(feeder.level());
                }
            }
            assert_eq!(silences, 0, "lump {lump}");
            let (low, high) = (levels.iter().min().unwrap(), levels.iter().max().unwrap());
            assert!(*low > 0 && *high < 4800, "lump {lump}: {low} to {high} samples waited");
        }
    }

    #[test]
    fn a_microphone_of_another_clock_gives_a_tick_every_tick() {
        for lump in [479_856, 480_144] {
            let (mut taker, mut end) = from_card();
            let (mut owed, mut at, mut missed) = (0_usize, 0, 0);
            let mut tick_of = [0; 480];
            for tick in 0..180_000 {
                owed += lump;
                end.take(&sine(at, owed / 1000));
                at += owed / 1000;
                owed %= 1000;
                missed += usize::from(taker.pull(&mut tick_of) == 0 && tick > 10);
            }
            assert_eq!(missed, 0, "lump {lump}");
        }
    }

    #[test]
    fn stretching_keeps_both_ends_and_the_shape() {
        let from = sine(0, 482);
        let mut to = [0; 480];
        stretch(&from, &mut to);
        assert_eq!((to[0], to[479]), (from[0], from[481]));
        for (i, sample) in to.iter().enumerate() {
            let expected = (i as f32 * 481.0 / 479.0 * 0.05).sin() * 10_000.0;
            assert!((f32::from(*sample) - expected).abs() < 30.0, "sample {i}");
        }
    }

    #[test]
    fn what_waited_for_a_card_to_begin_is_not_played_late() {
        let (mut feeder, mut end) = to_card();
        // A second in which the card takes nothing.
        for tick in 0..100 {
            feeder.push(&sine(tick * 480, 480));
        }
        assert!(feeder.level() > 8000);
        let mut pcm = [0; 480];
        end.fill(&mut pcm);
        assert_eq!(feeder.level(), TARGET);
    }

    #[test]
    fn a_speaker_that_nobody_plays_forgets_the_newest_and_goes_on() {
        let (mut feeder, mut end) = to_card();
        for tick in 0..1000 {
            feeder.push(&sine(tick * 480, 480));
        }
        assert!(feeder.level() <= CAPACITY);
        end.forget();
        assert_eq!(feeder.level(), 0);
    }
}
