//! What a caller hears of a call's progress (ITU-T E.180): the ringback tone while the far side is
//! called, the busy tone when it is engaged, the congestion tone when the call failed otherwise.
//! Played on this side's speaker alone; never sent, never part of what is heard of the call.

use super::tone::ToneGenerator;
use crate::config::ComfortTones;

/// Peak of each frequency: two together are at -15 dBFS, loud enough for a headset.
const AMPLITUDE: i16 = 4000;

/// Which tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComfortTone {
    /// The far side's phone rings.
    Ringback,
    /// The far side is engaged (486, 600).
    Busy,
    /// The call could not be put through (any other refusal).
    Congestion,
}

impl ComfortTone {
    /// What a caller whose call was refused with this SIP code hears; nothing when nobody refused it.
    #[must_use]
    pub fn of_refusal(sip_code: u16) -> Option<ComfortTone> {
        match sip_code {
            486 | 600 => Some(ComfortTone::Busy),
            // 487 answers a CANCEL of this side.
            487 => None,
            400..=699 => Some(ComfortTone::Congestion),
            _ => None,
        }
    }

    /// Hz that sound together, and the cadence in ms: sound, pause, sound, pause and so on. From the
    /// list of tones that ITU-T publishes with E.180.
    fn shape(self, of: ComfortTones) -> (&'static [f64], &'static [u32]) {
        use ComfortTones as Of;
        match (of, self) {
            (Of::None, _) => (&[], &[]),
            (Of::Europe, ComfortTone::Ringback) => (&[425.0], &[1000, 4000]),
            (Of::Europe, ComfortTone::Busy) => (&[425.0], &[500, 500]),
            (Of::Europe, ComfortTone::Congestion) => (&[425.0], &[250, 250]),
            (Of::India, ComfortTone::Ringback) => (&[400.0], &[400, 200, 400, 2000]),
            (Of::India, ComfortTone::Busy) => (&[400.0], &[750, 750]),
            (Of::India, ComfortTone::Congestion) => (&[400.0], &[250, 250]),
            (Of::Uk, ComfortTone::Ringback) => (&[400.0, 450.0], &[400, 200, 400, 2000]),
            (Of::Uk, ComfortTone::Busy) => (&[400.0], &[375, 375]),
            (Of::Uk, ComfortTone::Congestion) => (&[400.0], &[400, 350, 225, 525]),
            (Of::Us, ComfortTone::Ringback) => (&[440.0, 480.0], &[2000, 4000]),
            (Of::Us, ComfortTone::Busy) => (&[480.0, 620.0], &[500, 500]),
            (Of::Us, ComfortTone::Congestion) => (&[480.0, 620.0], &[250, 250]),
        }
    }
}

/// A tone that goes on for as long as it is asked for more.
#[derive(Debug)]
pub(crate) struct Cadence {
    generators: Vec<ToneGenerator>,
    pattern: &'static [u32],
    /// ms since the cadence began anew.
    at: u32,
}

impl Cadence {
    /// The tone at `sample_rate` Hz; `None` where no tones are wanted.
    pub(crate) fn new(tone: ComfortTone, of: ComfortTones, sample_rate: u32) -> Option<Cadence> {
        let (frequencies, pattern) = tone.shape(of);
        let generators: Vec<_> = frequencies.iter().map(|&hz| ToneGenerator::new(hz, sample_rate, AMPLITUDE)).collect();
        (!generators.is_empty()).then_some(Cadence { generators, pattern, at: 0 })
    }

    /// The next 10 ms into `pcm`, whose length says the rate.
    pub(crate) fn fill(&mut self, pcm: &mut [i16]) {
        pcm.fill(0);
        let mut end = 0;
        let part = self.pattern.iter().position(|ms| {
            end += ms;
            self.at < end
        });
        if part.is_some_and(|part| part % 2 == 0) {
            let mut one = vec![0; pcm.len()];
            for generator in &mut self.generators {
                generator.fill(&mut one);
                pcm.iter_mut().zip(&one).for_each(|(sum, sample)| *sum = sum.saturating_add(*sample));
            }
        }
        let whole: u32 = self.pattern.iter().sum();
        self.at = (self.at + 10) % whole.max(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_which_tone() {
        let told: Vec<_> = [486, 600, 480, 503, 487, 200].map(ComfortTone::of_refusal).into();
        let (busy, other) = (Some(ComfortTone::Busy), Some(ComfortTone::Congestion));
        assert_eq!(told, [busy, busy, other, other, None, None]);
    }
}
