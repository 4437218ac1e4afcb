//! Which audio line a packet belongs to, where several share one transport (RFC 9143 9.2): by the
//! MID that it carries, else by its source, else by its payload type.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::transport::PartyLine;

/// Most audio lines of one call that are taken.
pub(crate) const MAX_LINES: usize = 8;
/// The header extension that carries the MID (RFC 9143 15.1).
pub(crate) const MID_EXTENSION: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// Sources that are remembered; beyond that the oldest is forgotten.
const MAX_SOURCES: usize = 64;

/// The tables of one call with several lines.
#[derive(Debug)]
pub(crate) struct Demux {
    lines: Vec<PartyLine>,
    /// Of which line a source is, as packets have shown or the description says.
    sources: Vec<(u32, u8)>,
    /// Number of the last packet of each line; 0 before the first.
    heard: Vec<u64>,
    packets: u64,
}

impl Demux {
    /// Tables for these lines.
    pub(crate) fn new(lines: &[PartyLine]) -> Demux {
        let lines: Vec<PartyLine> = lines.iter().take(MAX_LINES).cloned().collect();
        let sources = (0_u8..).zip(&lines).flat_map(|(line, l)| l.ssrcs.iter().map(move |s| (*s, line))).take(MAX_SOURCES).collect();
        Demux { heard: vec![0; lines.len()], lines, sources, packets: 0 }
    }

    /// Whether it was made for these lines.
    pub(crate) fn is_for(&self, lines: &[PartyLine]) -> bool {
        self.lines == lines
    }

    /// The id of the header extension with the MID.
    pub(crate) fn mid_extension(&self) -> Option<u8> {
        self.lines.iter().find_map(|l| l.mid_extension)
    }

    /// The line of an authenticated packet. None for a MID that no line has.
    ///
    /// RFC 9143 drops what nothing points to; a server that says nothing at all of its sources would
    /// then not be heard. Such a source gets the line that has been silent for longest, which is the
    /// first unheard one at the beginning, and later the one whose source has changed.
    pub(crate) fn line_of(&mut self, ssrc: u32, payload_type: u8, mid: Option<&[u8]>) -> Option<u8> {
        let line = match mid {
            Some(mid) => self.position(|l| l.mid.as_ref().is_some_and(|m| m.as_bytes() == mid))?,
            None => self
                .sources
                .iter()
                .find(|(s, _)| *s == ssrc)
                .map(|(_, line)| *line)
                .or_else(|| self.by_payload_type(payload_type))
                .or_else(|| self.silent_longest())?,
        };
        self.packets += 1;
        if let Some(heard) = self.heard.get_mut(usize::from(line)) {
            *heard = self.packets;
        }
        match self.sources.iter_mut().find(|(s, _)| *s == ssrc) {
            Some(known) => known.1 = line,
            None => {
                if self.sources.len() >= MAX_SOURCES {
                    self.sources.remove(0);
                }
                self.sources.push((ssrc, line));
            }
        }
        Some(line)
    }

    fn position(&self, wanted: impl Fn(&PartyLine) -> bool) -> Option<u8> {
        self.lines.iter().position(wanted).and_then(|at| u8::try_from(at).ok())
    }

    /// The one line that has this payload type, if only one has.
    fn by_payload_type(&self, payload_type: u8) -> Option<u8> {
        let has = |l: &PartyLine| l.formats.iter().any(|f| f.payload_type == payload_type || f.telephone_event == Some(payload_type));
        (self.lines.iter().filter(|l| has(l)).count() == 1).then(|| self.position(has))?
    }

    fn silent_longest(&self) -> Option<u8> {
        (0_u8..).zip(&self.heard).min_by_key(|(_, heard)| **heard).map(|(line, _)| line)
    }
}

/// The value of a header extension (RFC 8285) in the extension block of an RTP packet: `profile` and
/// what follows the length.
pub(crate) fn extension(profile: u16, mut block: &[u8], wanted: u8) -> Option<&[u8]> {
    let two_bytes = match profile {
        0xbede => false,
        0x1000..=0x100f => true,
        _ => return None,
    };
    while let Some((&first, rest)) = block.split_first() {
        if first == 0 {
            block = rest;
            continue;
        }
        let (id, length, rest) = if two_bytes {
            let (&length, rest) = rest.split_first()?;
            (first, usize::from(length), rest)
        } else {
            (first >> 4, usize::from(first & 0x0f) + 1, rest)
        };
        if !two_bytes && id == 15 {
            return None;
        }
        let (value, rest) = rest.split_at_checked(length)?;
        if id == wanted {
            return Some(value);
        }
        block = rest;
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::config::Codec;
    use crate::media::transport::AudioFormat;

    fn line(mid: &str, ssrcs: &[u32], payload_type: u8) -> PartyLine {
        PartyLine {
            mid: Some(mid.into()),
            mid_extension: Some(3),
            ssrcs: ssrcs.to_vec(),
            formats: vec![AudioFormat { codec: Codec::Opus, payload_type, telephone_event: None }],
            ..PartyLine::default()
        }
    }

    #[test]
    fn the_mid_goes_before_the_source_and_moves_it() {
        let mut demux = Demux::new(&[line("a", &[1], 111), line("b", &[2], 111)]);
        assert_eq!(demux.line_of(2, 111, None), Some(1));
        assert_eq!(demux.line_of(2, 111, Some(b"a")), Some(0));
        assert_eq!(demux.line_of(2, 111, None), Some(0), "a later packet of the source needs no MID");
        assert_eq!(demux.line_of(9, 111, Some(b"stranger")), None);
    }

    #[test]
    fn a_payload_type_of_one_line_alone_decides() {
        let mut demux = Demux::new(&[line("a", &[], 111), line("b", &[], 96)]);
        assert_eq!(demux.line_of(7, 96, None), Some(1));
        assert_eq!(demux.line_of(8, 111, None), Some(0));
    }

    #[test]
    fn a_source_that_nothing_points_to_gets_the_line_that_is_silent() {
        let mut demux = Demux::new(&[line("a", &[], 111), line("b", &[], 111)]);
        assert_eq!(demux.line_of(7, 111, None), Some(0));
        assert_eq!(demux.line_of(8, 111, None), Some(1));
        assert_eq!(demux.line_of(7, 111, None), Some(0));
        assert_eq!(demux.line_of(9, 111, None), Some(1), "the source of the second line has changed");
    }

    #[test]
    fn extensions_of_both_kinds_are_read_and_torn_ones_are_not() {
        let one = [0x21, b'x', b'y', 0, 0x30, b'1', 0, 0];
        assert_eq!(extension(0xbede, &one, 3), Some(&b"1"[..]));
        assert_eq!(extension(0xbede, &one, 2), Some(&b"xy"[..]));
        let two = [200, 2, b'a', b'b', 0, 5, 0, 7, 1, b'z'];
        assert_eq!(extension(0x1000, &two, 200), Some(&b"ab"[..]));
        assert_eq!(extension(0x1000, &two, 7), Some(&b"z"[..]));
        for n in 0..two.len() {
            let _ = extension(0x1000, &two[..n], 7);
            let _ = extension(0xbede, &two[..n], 7);
        }
        assert_eq!(extension(0xbede, &[0xf0, 1, 0x10, 2], 1), None, "15 ends the list");
    }
}
