//! What a user agent is told before it starts.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

/// Which side of a WebSocket connection the user agent stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A phone: it registers at the server at the other end of its connection.
    Client,
    /// A server: it holds one accepted connection. It surfaces REGISTER to its host and places
    /// calls to the contact that registered over this connection.
    Server,
}

/// Bounds of what the far side can make the user agent keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Server transactions at a time; requests beyond get 503. Default: 32.
    pub server_transactions: usize,
    /// Client transactions at a time; commands beyond fail with 503. Default: 32.
    pub client_transactions: usize,
    /// Largest message taken, bytes; longer ones are dropped. Default: 256 KiB.
    pub message_bytes: usize,
    /// Record-Route entries taken into a route set; a request with more gets 400. Default: 64.
    pub route_set: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { server_transactions: 32, client_transactions: 32, message_bytes: 256 * 1024, route_set: 64 }
    }
}

/// What a user agent is told before it starts. [`UaConfig::client`] and [`UaConfig::server`] fill
/// in everything but the names.
#[derive(Debug, Clone, PartialEq)]
pub struct UaConfig {
    /// Which side of the connection this is.
    pub role: Role,
    /// User part of the address of record (the login id). [`crate::sip::ua::Command::Register`] may replace it.
    pub user: String,
    /// Host part of the address of record (the SIP domain).
    pub domain: String,
    /// Display name of the From header.
    pub display_name: Option<String>,
    /// The User-Agent header. Default: `PIOPIYJS`.
    pub user_agent: String,
    /// The connection is `wss`: Via says `SIP/2.0/WSS`.
    pub secure: bool,
    /// Host of Via and Contact. `None`: 12 random characters and `.invalid` (RFC 7118 5).
    pub host: Option<String>,
    /// User part of the Contact. `None`: 8 random characters.
    pub contact_user: Option<String>,
    /// Route of requests outside a dialog: the server's `host[:port]` as in its URL, from which
    /// `<sip:host[:port];transport=ws;lr>` is made. `None`: no Route.
    pub preloaded_route: Option<String>,
    /// UUID of `+sip.instance`, without `urn:uuid:`. `None`: a random one.
    pub instance_id: Option<String>,
    /// Registration lifetime asked for. Default: 300 s.
    pub register_expires: Duration,
    /// Extra headers of every REGISTER.
    pub register_headers: Vec<(String, String)>,
    /// Extra headers of every INVITE that begins a call.
    pub invite_headers: Vec<(String, String)>,
    /// How long an incoming call rings before 408. Default: 60 s.
    pub ring_time: Duration,
    /// Calls at a time; one more gets 486. Default: 1 (client), 64 (server).
    pub max_calls: usize,
    /// Answer REGISTER, SUBSCRIBE, PUBLISH and MESSAGE outside a dialog with 405 (false, a phone)
    /// or surface them as [`crate::sip::ua::UaEvent::Request`] (true, a server).
    pub surface_requests: bool,
    /// Accept any user in the Request-URI (true, a server) or only ours, else 404 (false, a phone).
    pub any_request_user: bool,
    /// Bounds of what the far side can make us keep.
    pub limits: Limits,
}

impl UaConfig {
    /// A phone with the vendor's defaults. `server` is `host[:port]` of the WebSocket URL.
    #[must_use]
    pub fn client(user: impl Into<String>, domain: impl Into<String>, server: impl Into<String>, secure: bool) -> Self {
        UaConfig {
            role: Role::Client,
            user: user.into(),
            domain: domain.into(),
            display_name: None,
            user_agent: "PIOPIYJS".into(),
            secure,
            host: None,
            contact_user: None,
            preloaded_route: Some(server.into()),
            instance_id: None,
            register_expires: Duration::from_secs(300),
            register_headers: Vec::new(),
            invite_headers: Vec::new(),
            ring_time: Duration::from_secs(60),
            max_calls: 1,
            surface_requests: false,
            any_request_user: false,
            limits: Limits::default(),
        }
    }

    /// One accepted connection of a server. `host` (`host[:port]`) stands in Via and Contact.
    #[must_use]
    pub fn server(user: impl Into<String>, domain: impl Into<String>, host: impl Into<String>, secure: bool) -> Self {
        UaConfig {
            role: Role::Server,
            host: Some(host.into()),
            contact_user: Some("centre".into()),
            preloaded_route: None,
            user_agent: "monipy".into(),
            max_calls: 64,
            surface_requests: true,
            any_request_user: true,
            limits: Limits { server_transactions: 256, client_transactions: 256, ..Limits::default() },
            ..UaConfig::client(user, domain, String::new(), secure)
        }
    }
}
