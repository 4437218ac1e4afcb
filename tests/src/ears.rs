//! A mouth and ears for tones.

use monipy_core::audio::{AudioStream, tone};
use std::time::{Duration, Instant};

/// A sine whose peaks are at `dbfs`, `milliseconds` long.
#[must_use]
pub fn sine(sample_rate: u32, hertz: f64, dbfs: f64, milliseconds: u32) -> Vec<i16> {
    let peak = 32767.0 * 10_f64.powf(dbfs / 20.0);
    tone::ToneGenerator::new(hertz, sample_rate, peak as i16).take((sample_rate / 1000 * milliseconds) as usize)
}

/// Listens until `hertz` is heard at `dbfs` (RMS) or more for 200 ms in a row, or the time is up.
pub async fn hears(stream: &mut AudioStream, hertz: f64, dbfs: f64, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    let mut window: Vec<i16> = Vec::new();
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        let Ok(Some(frame)) = tokio::time::timeout(left, stream.next()).await else { return false };
        window.extend_from_slice(&frame.pcm);
        let want = frame.sample_rate as usize / 5;
        if window.len() >= want {
            if f64::from(tone::measure(&window[window.len() - want..], frame.sample_rate, hertz).level_dbfs) >= dbfs {
                return true;
            }
            window.drain(..window.len() - want / 2);
        }
    }
    false
}
