//! What can go wrong for the user of a centre.

use std::fmt;

/// Why something could not be done, in a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CentreError {
    /// What kind of thing it is.
    pub kind: ErrorKind,
    /// The sentence.
    pub message: String,
}

/// Kinds of [`CentreError`]; each has the HTTP status that control answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// An argument does not hold: 400.
    Invalid,
    /// There is no such party, call, leg or supervisor: 404.
    Unknown,
    /// It is there, but not in a state for this: 409.
    State,
    /// It did not happen in time: 504.
    Timeout,
    /// A port, file or thread could not be had: 500.
    System,
}

impl ErrorKind {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            ErrorKind::Invalid => 400,
            ErrorKind::Unknown => 404,
            ErrorKind::State => 409,
            ErrorKind::Timeout => 504,
            ErrorKind::System => 500,
        }
    }
}

impl CentreError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> CentreError {
        CentreError { kind, message: message.into() }
    }
    pub(crate) fn invalid(message: impl Into<String>) -> CentreError {
        CentreError::new(ErrorKind::Invalid, message)
    }
    pub(crate) fn unknown(message: impl Into<String>) -> CentreError {
        CentreError::new(ErrorKind::Unknown, message)
    }
    pub(crate) fn state(message: impl Into<String>) -> CentreError {
        CentreError::new(ErrorKind::State, message)
    }
    pub(crate) fn system(message: impl Into<String>) -> CentreError {
        CentreError::new(ErrorKind::System, message)
    }
}

impl fmt::Display for CentreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CentreError {}

/// The result of what a centre is asked to do.
pub type Result<T, E = CentreError> = std::result::Result<T, E>;
