//! Lists the sound cards, plays a tone on the default speaker for two seconds and says how loud the
//! microphone was meanwhile: `cargo run -p monipy-device --example cards`.

use monipy_device::{Choice, SAMPLE_RATE, Session, devices};
use std::time::{Duration, Instant};

fn main() -> Result<(), monipy_device::Failure> {
    for device in devices()? {
        println!("{:?} {:?} ({:?}){}", device.way, device.name, device.id, if device.is_default { ", default" } else { "" });
    }
    let (session, mut speaker, mut microphone) = Session::open(Choice::default(), |notice| println!("{notice:?}"))?;
    println!("speaker: {:?}, microphone: {:?}", session.output(), session.input());
    let (mut at, mut peak, mut ticks) = (0_u32, 0, 0);
    let mut next = Instant::now();
    let mut pcm = [0_i16; SAMPLE_RATE as usize / 100];
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(2);
    for _ in 0..seconds * 100 {
        for sample in &mut pcm {
            *sample = ((at as f32 * std::f32::consts::TAU * 440.0 / SAMPLE_RATE as f32).sin() * 8000.0) as i16;
            at += 1;
        }
        speaker.play(&pcm);
        ticks += usize::from(microphone.capture(&mut pcm) > 0);
        peak = pcm.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0).max(peak);
        next += Duration::from_millis(10);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    println!("{ticks} of {} ticks heard, peak {peak}; {} ms wait to be played", seconds * 100, speaker.queued_ms());
    Ok(())
}
