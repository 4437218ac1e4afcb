//! Bytes of a stranger to a session with sections and attributes (RFC 8866 5). Nothing is judged
//! here but size and shape; whatever is not understood is skipped.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::media::transport::OfferError;

/// Greatest description that is read. Chromium with 1,500 candidates stays below.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// Most `m=` sections; more is not a phone call.
pub(crate) const MAX_SECTIONS: usize = 64;
/// Longest line that is looked at; longer attribute lines are skipped.
pub(crate) const MAX_LINE: usize = 1024;
/// Most attributes kept of a section (and of the session).
const MAX_ATTRIBUTES: usize = 4096;
/// Most formats kept of an `m=` line.
const MAX_FORMATS: usize = 128;

/// An `a=` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    /// Empty for a property attribute.
    pub(crate) value: String,
}

/// Attributes of one level, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes(Vec<Attribute>);

impl Attributes {
    fn push(&mut self, line: &str) {
        if self.0.len() >= MAX_ATTRIBUTES {
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        self.0.push(Attribute { name: name.trim().to_ascii_lowercase(), value: value.trim().to_owned() });
    }
    /// The first value under this (lower-case) name.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|a| a.name == name).map(|a| a.value.as_str())
    }
    /// All values under this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |a| a.name == name).map(|a| a.value.as_str())
    }
    pub(crate) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }
    /// The last attribute with one of these names: its name.
    pub(crate) fn last_of(&self, names: &[&str]) -> Option<&str> {
        self.0.iter().rev().find(|a| names.contains(&a.name.as_str())).map(|a| a.name.as_str())
    }
}

/// An `m=` line and what follows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MediaSection {
    /// `audio`, `video`, ..., in lower case.
    pub(crate) media: String,
    pub(crate) port: u16,
    pub(crate) protocol: String,
    pub(crate) formats: Vec<String>,
    /// `i=`.
    pub(crate) title: Option<String>,
    pub(crate) attributes: Attributes,
}

/// A description, split but not judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) attributes: Attributes,
    pub(crate) sections: Vec<MediaSection>,
}

/// Splits a description.
///
/// # Errors
/// 488 for what is no SDP, or a greater one than any phone sends.
pub(crate) fn parse(bytes: &[u8]) -> Result<Session, OfferError> {
    if bytes.len() > MAX_BYTES {
        return Err(OfferError::not_acceptable("the description is too large"));
    }
    if bytes.contains(&0) {
        return Err(OfferError::not_acceptable("the description holds a NUL"));
    }
    let mut session = Session::default();
    let mut lines = bytes.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty());
    if lines.next() != Some(b"v=0") {
        return Err(OfferError::not_acceptable("the description does not begin with v=0"));
    }
    let mut origin = false;
    for line in lines {
        let Some((kind, rest)) = split_line(line) else { continue };
        match kind {
            b'm' => {
                if session.sections.len() >= MAX_SECTIONS {
                    return Err(OfferError::not_acceptable("too many media sections"));
                }
                session.sections.push(media_line(rest)?);
            }
            // Long attributes (keys of other mechanisms, padding) are nothing we read; ICE credentials
            // that long are refused where they are found missing.
            _ if line.len() > MAX_LINE => {}
            b'o' => origin |= session.sections.is_empty() && rest.split_whitespace().count() >= 6,
            b'a' => match session.sections.last_mut() {
                Some(section) => section.attributes.push(rest),
                None => session.attributes.push(rest),
            },
            b'i' => {
                if let Some(section) = session.sections.last_mut() {
                    section.title = Some(rest.trim().to_owned());
                }
            }
            _ => {}
        }
    }
    if !origin {
        return Err(OfferError::not_acceptable("the description has no usable o= line"));
    }
    if session.sections.is_empty() {
        return Err(OfferError::not_acceptable("the description has no media"));
    }
    Ok(session)
}

/// The letter and the rest of a line; none when the line has no such shape or is no text.
fn split_line(line: &[u8]) -> Option<(u8, &str)> {
    match line {
        [kind, b'=', rest @ ..] => {
            // Titles may be in any charset; an attribute that matters is ASCII.
            let text = match std::str::from_utf8(rest) {
                Ok(text) => text,
                Err(e) => std::str::from_utf8(rest.get(..e.valid_up_to())?).ok()?,
            };
            Some((*kind, text))
        }
        _ => None,
    }
}

fn media_line(rest: &str) -> Result<MediaSection, OfferError> {
    let mut words = rest.split_ascii_whitespace();
    let (Some(media), Some(port), Some(protocol)) = (words.next(), words.next(), words.next()) else {
        return Err(OfferError::not_acceptable("an m= line is malformed"));
    };
    // "9/2" would be two ports; the first one counts.
    let port = port.split('/').next().unwrap_or("");
    let Ok(port) = port.parse::<u16>() else {
        return Err(OfferError::not_acceptable("an m= line has a port that is none"));
    };
    Ok(MediaSection {
        media: media.chars().take(32).collect::<String>().to_ascii_lowercase(),
        port,
        protocol: protocol.chars().take(64).collect(),
        formats: words.take(MAX_FORMATS).map(|f| f.chars().take(64).collect()).collect(),
        title: None,
        attributes: Attributes::default(),
    })
}
