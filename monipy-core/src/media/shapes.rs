//! The shapes of DTLS records and STUN messages, as far as the guard looks at them.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub(super) const HANDSHAKE: u8 = 22;
pub(super) const ALERT: u8 = 21;
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const CLIENT_HELLO: u8 = 1;

/// Whether a datagram begins with a plain ClientHello.
pub(super) fn is_client_hello(datagram: &[u8]) -> bool {
    Record::parse(datagram).is_some_and(|r| r.kind == HANDSHAKE && r.handshake == Some(CLIENT_HELLO))
}

/// The first record of a DTLS datagram (RFC 6347 4.1).
pub(super) struct Record {
    pub(super) kind: u8,
    pub(super) epoch: u16,
    pub(super) handshake: Option<u8>,
}

impl Record {
    pub(super) fn parse(datagram: &[u8]) -> Option<Record> {
        let header = datagram.first_chunk::<13>()?;
        let [kind, major, _, epoch_high, epoch_low, _, _, _, _, _, _, length_high, length_low] = *header;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        if major != 0xfe || datagram.len() < 13 + length {
            return None;
        }
        let epoch = u16::from_be_bytes([epoch_high, epoch_low]);
        Some(Record { kind, epoch, handshake: if epoch == 0 { datagram.get(13).copied() } else { None } })
    }
}

pub(super) const BINDING: u16 = 0x001;
pub(super) const ALLOCATE: u16 = 0x003;
pub(super) const USERNAME: u16 = 0x0006;
pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
pub(super) const DATA: u16 = 0x0013;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Request,
    Indication,
    Success,
    Failure,
}

/// A STUN message (RFC 8489 5) whose attributes all lie within it.
pub(super) struct Stun<'a> {
    kind: u16,
    pub(super) id: [u8; 12],
    attributes: &'a [u8],
}

impl<'a> Stun<'a> {
    pub(super) fn parse(datagram: &'a [u8]) -> Option<Stun<'a>> {
        let header = datagram.first_chunk::<20>()?;
        let [t0, t1, l0, l1, 0x21, 0x12, 0xa4, 0x42, id @ ..] = *header else { return None };
        let attributes = datagram.get(20..)?;
        if usize::from(u16::from_be_bytes([l0, l1])) != attributes.len() || attributes.len() % 4 != 0 {
            return None;
        }
        let message = Stun { kind: u16::from_be_bytes([t0, t1]), id, attributes };
        let mut walked = 0;
        for (kind, value) in message.iter() {
            if kind == ERROR_CODE && value.len() < 4 {
                return None;
            }
            walked += 4 + value.len().next_multiple_of(4);
        }
        // An attribute that claims more than there is ends the walk early.
        (walked == attributes.len()).then_some(message)
    }

    fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let [t0, t1, l0, l1] = *rest.first_chunk::<4>()?;
            let length = usize::from(u16::from_be_bytes([l0, l1]));
            let value = rest.get(4..4 + length)?;
            rest = rest.get(4 + length.next_multiple_of(4)..)?;
            Some((u16::from_be_bytes([t0, t1]), value))
        })
    }

    pub(super) fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        self.iter().find(|(k, _)| *k == kind).map(|(_, value)| value)
    }
    pub(super) fn has(&self, kind: u16) -> bool {
        self.attribute(kind).is_some()
    }
    pub(super) fn class(&self) -> Class {
        match self.kind & 0x0110 {
            0x0000 => Class::Request,
            0x0010 => Class::Indication,
            0x0100 => Class::Success,
            _ => Class::Failure,
        }
    }
    pub(super) fn method(&self) -> u16 {
        (self.kind & 0x000f) | (self.kind & 0x00e0) >> 1 | (self.kind & 0x3e00) >> 2
    }
}
