//! Request methods (RFC 3261 and the extensions a user agent meets).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::lexical::is_token;
use std::fmt;

/// A request method. Methods are case sensitive: `invite` is not INVITE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    Info,
    Update,
    Refer,
    Notify,
    Subscribe,
    Message,
    Publish,
    Prack,
    /// Any other token.
    Other(Box<str>),
}

impl Method {
    /// The method of these bytes; `None` when they are no token.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            b"INVITE" => Method::Invite,
            b"ACK" => Method::Ack,
            b"BYE" => Method::Bye,
            b"CANCEL" => Method::Cancel,
            b"REGISTER" => Method::Register,
            b"OPTIONS" => Method::Options,
            b"INFO" => Method::Info,
            b"UPDATE" => Method::Update,
            b"REFER" => Method::Refer,
            b"NOTIFY" => Method::Notify,
            b"SUBSCRIBE" => Method::Subscribe,
            b"MESSAGE" => Method::Message,
            b"PUBLISH" => Method::Publish,
            b"PRACK" => Method::Prack,
            other if is_token(other) => Method::Other(std::str::from_utf8(other).ok()?.into()),
            _ => return None,
        })
    }

    /// The method as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Register => "REGISTER",
            Method::Options => "OPTIONS",
            Method::Info => "INFO",
            Method::Update => "UPDATE",
            Method::Refer => "REFER",
            Method::Notify => "NOTIFY",
            Method::Subscribe => "SUBSCRIBE",
            Method::Message => "MESSAGE",
            Method::Publish => "PUBLISH",
            Method::Prack => "PRACK",
            Method::Other(other) => other,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
