//! Via: which way a request came and which way its response goes (RFC 3261 section 20.42).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::lexical::{is_blank, is_token, split_once, trim, trim_start};
use super::params::Params;
use super::uri::host_and_port;
use memchr::memchr;

/// The magic cookie every branch of RFC 3261 begins with.
pub const BRANCH_COOKIE: &str = "z9hG4bK";

/// One Via of a message: a view over its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Via<'a> {
    pub(super) transport: &'a [u8],
    pub(super) sent_by: &'a [u8],
    pub(super) host: &'a [u8],
    pub(super) port: Option<u16>,
    pub(super) params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads `SIP/2.0/WSS host[:port];params`, blanks allowed wherever RFC 3261 allows them.
    /// `None` for another protocol or version, a broken host or port, or broken parameters.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (protocol, rest) = split_once(value, b'/')?;
        let (version, rest) = split_once(rest, b'/')?;
        if !trim(protocol).eq_ignore_ascii_case(b"SIP") || trim(version) != b"2.0" {
            return None;
        }
        let rest = trim_start(rest);
        let (transport, rest) = rest.split_at_checked(rest.iter().position(|&byte| is_blank(byte))?)?;
        let (sent_by, params) = rest.split_at_checked(memchr(b';', rest).unwrap_or(rest.len()))?;
        let sent_by = trim(sent_by);
        let (host, port) = host_and_port(sent_by)?;
        is_token(transport).then_some(())?;
        Some(Via { transport, sent_by, host, port, params: Params::checked(params)? })
    }

    /// The transport as written (`WSS`, `UDP` …).
    #[must_use]
    pub fn transport(&self) -> &'a [u8] {
        self.transport
    }

    /// `host[:port]` as written.
    #[must_use]
    pub fn sent_by(&self) -> &'a [u8] {
        self.sent_by
    }

    /// The host; an IPv6 address with its brackets.
    #[must_use]
    pub fn host(&self) -> &'a [u8] {
        self.host
    }

    /// The port, if one is written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// All parameters.
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// The branch that names the transaction; `None` for RFC 2543 clients.
    #[must_use]
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// Is there a branch that RFC 3261 makes unique (the cookie and something after it)?
    #[must_use]
    pub fn has_unique_branch(&self) -> bool {
        self.branch().is_some_and(|branch| {
            branch.len() > BRANCH_COOKIE.len()
                && branch.get(..BRANCH_COOKIE.len()).is_some_and(|start| start.eq_ignore_ascii_case(BRANCH_COOKIE.as_bytes()))
        })
    }

    /// The address a proxy saw the request come from, IPv6 with or without brackets.
    #[must_use]
    pub fn received(&self) -> Option<&'a [u8]> {
        self.params.get("received")
    }
}
