//! Where a centre is reached, and what phones log in with.

use crate::error::{CentreError, Result};
use crate::party::Role;
use serde::Serialize;
use std::path::PathBuf;

/// What a phone logs in with. Made up for the run: no secret of anybody's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// Login id, and the phone's name in the audibility matrix.
    pub id: String,
    /// Password.
    pub password: String,
    /// What it is: supervisors are asked into calls, agents and customers are parties of them.
    pub role: Role,
}

/// Where a centre is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoints {
    /// SIP over WebSocket, plain.
    pub ws: String,
    /// SIP over WebSocket over TLS.
    pub wss: String,
    /// HTTP control.
    pub http: String,
    /// PEM file of the authority that signed the certificate of `wss`.
    pub ca_file: PathBuf,
    /// The SIP domain and digest realm.
    pub domain: String,
    /// The voice feed over socket.io.
    pub feed: String,
    /// The token that a client of the feed names in its query.
    pub feed_token: String,
}

/// Looks whether a login id can be one.
pub(crate) fn check_id(id: &str) -> Result<()> {
    if id.is_empty() || id.len() > 64 || !id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c)) {
        return Err(CentreError::invalid(format!("{id:?} is not a login id; it takes letters, digits and - _ . +, 64 at most")));
    }
    Ok(())
}
