//! Outcomes of methods: [`Reply`] when it went well, [`Error`] when not. Both carry the
//! contract's code and a sentence.

use crate::vocabulary::code;
use std::fmt;

/// What a method ended in when it went well: the same `{code, status}` object in every language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200, or 183 while an answered call is still being set up.
    pub code: u16,
    /// The vendor's words.
    pub status: String,
}

impl Reply {
    pub(crate) fn new(code: u16, status: impl Into<String>) -> Self {
        Reply { code, status: status.into() }
    }
}

/// Why a method failed, by the contract's code, with a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// A code of [`crate::vocabulary::CODES`], or a SIP status code.
    pub code: u16,
    /// What is wrong and what to do about it. Never holds a secret.
    pub status: String,
}

impl Error {
    /// An error with a code of the contract.
    #[must_use]
    pub fn new(code: u16, status: impl Into<String>) -> Self {
        Error { code, status: status.into() }
    }

    pub(crate) fn invalid_argument(status: impl Into<String>) -> Self {
        Error::new(code::INVALID_ARGUMENT, status)
    }

    #[allow(dead_code)]
    pub(crate) fn invalid_state(status: impl Into<String>) -> Self {
        Error::new(code::INVALID_STATE, status)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.status, self.code)
    }
}

impl std::error::Error for Error {}

/// The result of a method.
pub type Result<T, E = Error> = std::result::Result<T, E>;
