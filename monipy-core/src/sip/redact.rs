//! Takes the secrets out of a message before it goes to the SIP trace: digest answers, ICE
//! passwords, DTLS fingerprints, SDES keys, and the telephone numbers of people. What is left still tells the story.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::header_name::HeaderName;
use super::lexical::{List, text};
use std::borrow::Cow;

const HIDDEN: &str = "***";

/// The message as text with its secrets replaced by `***`. Works on anything, well formed or not.
#[must_use]
pub fn redact(message: &[u8]) -> String {
    let message = text(message);
    let mut out = String::with_capacity(message.len());
    // Does a folded line belong to a header with secrets in it?
    let mut secret = false;
    for line in message.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        let end = line.get(content.len()..).unwrap_or_default();
        if content.starts_with([' ', '\t']) {
            out.push_str(if secret { " ***" } else { content });
        } else {
            let (name, value) = content.split_once(':').unwrap_or((content, ""));
            secret = is_secret(name.trim());
            if secret {
                out.push_str(name);
                out.push_str(": ");
                out.push_str(&redact_authorization(value.trim()));
            } else if speaks_of_people(name.trim()) {
                out.push_str(&redact_numbers(content));
            } else {
                out.push_str(&redact_sdp_line(content));
            }
        }
        out.push_str(end);
    }
    out
}

fn is_secret(name: &str) -> bool {
    matches!(
        HeaderName::parse(name.as_bytes()),
        HeaderName::Authorization | HeaderName::ProxyAuthorization | HeaderName::AuthenticationInfo
    )
}

/// Headers (and the start line of a request, which has no name) that may hold a telephone number: those
/// of people, and those that this room does not know. Headers that it knows hold ids and figures, and a
/// trace is read by them; so is a session description.
fn speaks_of_people(name: &str) -> bool {
    let description = name.as_bytes().get(1) == Some(&b'=');
    !description
        && matches!(HeaderName::parse(name.as_bytes()), HeaderName::From | HeaderName::To | HeaderName::Contact | HeaderName::Other)
}

/// Shortest row of digits that is taken for a telephone number, and how many of its digits stay.
const NUMBER: usize = 7;
const KEPT: usize = 2;

/// The text with the digits of telephone numbers replaced by `*`, but for the last two. A number is a
/// row of seven digits or more that is no part of a longer word. A field of JSON that is a number (a
/// time) is none.
#[must_use]
pub fn redact_numbers(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(at);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (digits, after) = digits.split_at(end);
        out.push_str(before);
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let alone =
            !out.ends_with(word) && !after.starts_with(word) && !out.ends_with("\":") && !out.ends_with('.') && !after.starts_with('.');
        if digits.len() >= NUMBER && alone {
            let hidden = digits.len() - KEPT;
            out.extend(std::iter::repeat_n('*', hidden));
            out.push_str(digits.get(hidden..).unwrap_or_default());
        } else {
            out.push_str(digits);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Of a digest answer only parameters known to be harmless are kept; of other schemes nothing.
fn redact_authorization(value: &str) -> String {
    const HARMLESS: [&str; 9] = ["username", "realm", "nonce", "uri", "algorithm", "opaque", "qop", "nc", "stale"];
    let (scheme, rest) = match value.split_once([' ', '\t']) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("Digest") => (Some(scheme), rest),
        _ => (None, value),
    };
    let mut parts = Vec::new();
    for element in List::new(rest.as_bytes()) {
        let element = text(element);
        let (name, _) = element.split_once('=').unwrap_or((HIDDEN, ""));
        let name = name.trim();
        let harmless = HARMLESS.iter().any(|known| name.eq_ignore_ascii_case(known));
        parts.push(if harmless {
            element.into_owned()
        } else if name.contains([' ', '"']) {
            HIDDEN.to_owned()
        } else {
            format!("{name}={HIDDEN}")
        });
    }
    match scheme {
        Some(scheme) => format!("{scheme} {}", parts.join(", ")),
        None if value.is_empty() => String::new(),
        None => HIDDEN.to_owned(),
    }
}

fn redact_sdp_line(line: &str) -> Cow<'_, str> {
    const SECRETS: [&str; 4] = ["a=ice-pwd:", "a=fingerprint:", "a=key-mgmt:", "k="];
    for prefix in SECRETS {
        if starts_with_ignoring_case(line, prefix) {
            return Cow::Owned(format!("{}{HIDDEN}", line.get(..prefix.len()).unwrap_or_default()));
        }
    }
    if starts_with_ignoring_case(line, "a=crypto:") {
        // The tag and the suite tell what was agreed; the rest is key.
        let kept: Vec<&str> = line.split_ascii_whitespace().take(2).collect();
        return Cow::Owned(format!("{} {HIDDEN}", kept.join(" ")));
    }
    Cow::Borrowed(line)
}

fn starts_with_ignoring_case(line: &str, prefix: &str) -> bool {
    line.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}
