//! Filling a gap from both of its ends: what follows a gap is known when it is concealed, so what
//! was invented from the past is led over into what the future says came before it.

/// Leads `invented`, which ends where `next` begins, over into `next` continued backwards by its
/// own pitch, at the place where the two resemble each other most.
pub(super) fn lead_into(invented: &mut [i16], next: &[i16], rate: u32) {
    let ms = |tenths: usize| rate as usize * tenths / 10_000;
    let (window, fade) = (ms(50), ms(50));
    let n = invented.len();
    if n < fade * 2 || next.len() < ms(200) {
        return;
    }
    let decimation = (rate as usize / 8000).max(1);
    let Some((lag, _)) = pitch(next, window, ms(25), ms(150), decimation) else { return };
    // Sample `n - 1 - i` of the gap is `i + 1` before the beginning of `next`.
    let backward: Vec<i16> = (0..n).map(|i| next[(lag - (n - i) % lag) % lag]).collect();
    let mut best = (n - fade, f32::MIN);
    // The past knows the beginning of the gap better.
    let mut at = n * 3 / 10;
    while at + fade <= n {
        let score = likeness(&invented[at..at + fade], &backward[at..at + fade], decimation);
        if score > best.1 {
            best = (at, score);
        }
        at += decimation;
    }
    let at = best.0;
    for i in 0..fade {
        let w = (i as f32 + 0.5) / fade as f32;
        let (a, b) = (f32::from(invented[at + i]), f32::from(backward[at + i]));
        invented[at + i] = (a + (b - a) * w) as i16;
    }
    invented[at + fade..].copy_from_slice(&backward[at + fade..]);
}

/// The lag at which the beginning of `pcm` resembles what follows it, and how much.
fn pitch(pcm: &[i16], window: usize, shortest: usize, longest: usize, step: usize) -> Option<(usize, f32)> {
    let head = pcm.get(..window)?;
    (shortest..=longest)
        .step_by(step)
        .filter_map(|lag| Some((lag, likeness(head, pcm.get(lag..lag + window)?, step))))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

fn likeness(x: &[i16], y: &[i16], step: usize) -> f32 {
    let (mut cross, mut ex, mut ey) = (0.0f32, 1.0f32, 1.0f32);
    for (&a, &b) in x.iter().zip(y).step_by(step) {
        let (a, b) = (f32::from(a), f32::from(b));
        cross += a * b;
        ex += a * a;
        ey += b * b;
    }
    cross / (ex * ey).sqrt()
}
