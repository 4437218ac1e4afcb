//! Key presses in INFO: `application/dtmf-relay` (`Signal=5`, `Duration=160`), as most servers send
//! and take them.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

/// The key and its length in ms; the length is kept within 40 and 6000, 100 when missing.
pub(super) fn parse(body: &[u8]) -> Option<(char, u32)> {
    let text = String::from_utf8_lossy(body);
    let mut key = None;
    let mut duration = 100;
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        let value = value.trim();
        if name.trim().eq_ignore_ascii_case("signal") {
            key = signal(value);
        } else if name.trim().eq_ignore_ascii_case("duration") {
            duration = value.parse::<u32>().unwrap_or(100);
        }
    }
    key.map(|key| (key, duration.clamp(40, 6000)))
}

/// A key by itself, or by its event number (10 is `*`, 11 is `#`, 12 to 15 are A to D).
fn signal(value: &str) -> Option<char> {
    let key = match value {
        "10" => '*',
        "11" => '#',
        "12" => 'A',
        "13" => 'B',
        "14" => 'C',
        "15" => 'D',
        _ => {
            let mut letters = value.chars();
            let key = letters.next()?.to_ascii_uppercase();
            letters.next().is_none().then_some(key)?
        }
    };
    is_key(key).then_some(key)
}

/// One of the sixteen keys.
pub(super) fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}

/// The body of an INFO, as JsSIP writes it.
pub(super) fn body(key: char, duration_ms: u32) -> String {
    format!("Signal={key}\r\nDuration={duration_ms}")
}
