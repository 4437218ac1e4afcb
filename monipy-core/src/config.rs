//! The configuration of a supervisor: the vendor's five options with the vendor's defaults, and
//! ours beside them. [`Config::validate`] names the field that is wrong and what it accepts.

use crate::audio::VoiceProcessing;
use crate::error::{Error, Result};
use std::net::IpAddr;
use std::path::PathBuf;

/// An audio codec that a call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Opus (RFC 6716, RFC 7587): 48 kHz, with in-band error correction.
    Opus,
    /// G.711 mu-law (RFC 3551, payload type 0).
    Pcmu,
    /// G.711 A-law (RFC 3551, payload type 8).
    Pcma,
}

impl Codec {
    /// The encoding name of the SDP `rtpmap`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }

    /// The codec with this encoding name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Codec> {
        [Codec::Opus, Codec::Pcmu, Codec::Pcma].into_iter().find(|c| c.name().eq_ignore_ascii_case(name))
    }
}

/// Where a call's sound goes to and comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AudioMode {
    /// The machine's speaker and microphone; the application may take and give PCM as well.
    #[default]
    Device,
    /// The application alone.
    Application,
    /// Nothing is decoded. Silence is sent, but for files that are played and what the application's
    /// writers are given.
    None,
}

/// Whose comfort tones a caller hears on the speaker: ringback, busy, congestion (ITU-T E.180).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ComfortTones {
    /// None are played.
    #[default]
    None,
    /// 425 Hz.
    Europe,
    /// 400 Hz.
    India,
    /// 400 and 450 Hz.
    Uk,
    /// 440, 480 and 620 Hz.
    Us,
}

impl ComfortTones {
    /// Every choice, with its name in settings.
    const NAMES: [(&'static str, ComfortTones); 5] = [
        ("none", ComfortTones::None),
        ("europe", ComfortTones::Europe),
        ("india", ComfortTones::India),
        ("uk", ComfortTones::Uk),
        ("us", ComfortTones::Us),
    ];

    /// The choice with this name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<ComfortTones> {
        Self::NAMES.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, tones)| tones)
    }
}

/// A STUN or TURN server.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct IceServer {
    /// `stun:host[:port]`, `turn:host[:port][?transport=udp|tcp]` or `turns:host[:port]`.
    pub url: String,
    /// TURN user name; empty for STUN.
    pub username: String,
    /// TURN password; empty for STUN. Never printed.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("url", &self.url).field("username", &self.username).finish_non_exhaustive()
    }
}

/// Everything a supervisor can be told before it starts. `Config::default()` is the vendor's.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Display name of the supervisor (SIP From display name). Default: none.
    pub name: Option<String>,
    /// Log the library's inner life, SIP messages included, secrets redacted. Default: false.
    pub debug: bool,
    /// Play on the machine's speaker and use its microphone. Default: true. When false, the
    /// mode `Device` means `Application`.
    pub autoplay: bool,
    /// Start again by itself after a failure that reconnection cannot mend. Default: false.
    pub auto_reboot: bool,
    /// Seconds an incoming call rings before it is given up, 1 to 3600. Default: 60.
    pub ring_time: u32,

    /// `ws://` or `wss://` URL of the server (RFC 7118). Default: `wss://supersbc.telecmi.com`.
    pub server: String,
    /// SIP domain when it differs from the server's host.
    pub domain: Option<String>,
    /// STUN and TURN servers. Default: `stun:stunind.telecmi.com`.
    pub ice_servers: Vec<IceServer>,
    /// PEM file of certificate authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Name that the server's certificate must carry, when it differs from the URL's host.
    pub tls_server_name: Option<String>,
    /// Accept any certificate. Logs a warning. Default: false.
    pub insecure_tls: bool,
    /// Registration lifetime asked for, seconds, 10 to 7200. Default: 300.
    pub register_expires: u32,
    /// Codecs in order of preference. Default: Opus, PCMU, PCMA.
    pub codecs: Vec<Codec>,
    /// Calls at a time, 1 to 1000; one more gets 486 Busy Here. Default: 1.
    pub max_calls: u32,
    /// Microphone, by its name; none for the system's default.
    pub input_device: Option<String>,
    /// Speaker, by its name; none for the system's default.
    pub output_device: Option<String>,
    /// Where sound goes to and comes from. Default: device.
    pub audio_mode: AudioMode,
    /// Rate of the application's PCM in Hz (mono): 8000, 16000, 24000 or 48000. Default: 48000.
    pub sample_rate: u32,
    /// Frame length of the application's PCM in ms: 10 or 20. Default: 20.
    pub frame_ms: u32,
    /// Lower bound of the playout delay, ms. Default: 0.
    pub jitter_min_ms: u32,
    /// Upper bound of the playout delay, ms, 20 to 2000. Default: 500.
    pub jitter_max_ms: u32,
    /// Least wait before a reconnection, ms. Default: 200.
    pub reconnect_min_ms: u32,
    /// Greatest wait before a reconnection, ms. Default: 30,000.
    pub reconnect_max_ms: u32,
    /// Extra headers of an outgoing INVITE.
    pub invite_headers: Vec<(String, String)>,
    /// Extra headers of REGISTER.
    pub register_headers: Vec<(String, String)>,
    /// User-Agent header. Default: `PIOPIYJS`, which deployed servers know.
    pub user_agent: String,
    /// Events that may wait for a slow handler, 16 to 65,536. Default: 1024.
    pub event_queue: u32,
    /// Pace of `stats` events, ms; 0 for none, else at least 200. Default: 0.
    pub stats_interval_ms: u32,
    /// What is done to the microphone's sound: `echo`, `noise`, `gain` with commas between, or
    /// `none`. Default: all three.
    pub voice_processing: String,
    /// Whose tones a caller hears on the speaker (audio mode `device`) while the far side rings and
    /// when it refuses: `europe`, `india`, `uk`, `us`, or `none`. The sound cards are opened when the call is
    /// placed then, and stay open for four seconds after a refusal. Default: `none`.
    pub comfort_tones: String,
    /// IP address that media sockets bind to; none for every interface.
    pub local_address: Option<IpAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            name: None,
            debug: false,
            autoplay: true,
            auto_reboot: false,
            ring_time: 60,
            server: "wss://supersbc.telecmi.com".into(),
            domain: None,
            ice_servers: vec![IceServer { url: "stun:stunind.telecmi.com".into(), ..IceServer::default() }],
            ca_file: None,
            tls_server_name: None,
            insecure_tls: false,
            register_expires: 300,
            codecs: vec![Codec::Opus, Codec::Pcmu, Codec::Pcma],
            max_calls: 1,
            input_device: None,
            output_device: None,
            audio_mode: AudioMode::Device,
            sample_rate: 48_000,
            frame_ms: 20,
            jitter_min_ms: 0,
            jitter_max_ms: 500,
            reconnect_min_ms: 200,
            reconnect_max_ms: 30_000,
            invite_headers: Vec::new(),
            register_headers: Vec::new(),
            user_agent: "PIOPIYJS".into(),
            event_queue: 1024,
            stats_interval_ms: 0,
            voice_processing: "echo,noise,gain".into(),
            comfort_tones: "none".into(),
            local_address: None,
        }
    }
}

impl Config {
    /// Where sound really goes: `autoplay: false` turns `Device` into `Application`.
    #[must_use]
    pub fn effective_audio_mode(&self) -> AudioMode {
        match self.audio_mode {
            AudioMode::Device if !self.autoplay => AudioMode::Application,
            mode => mode,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// Code 1003; the sentence names the first field that is wrong and what it accepts.
    pub fn validate(&self) -> Result<()> {
        let url = url::Url::parse(&self.server).map_err(|e| {
            Error::invalid_argument(format!(
                "server: {:?} is not a URL ({e}); it accepts ws://host[:port][/path] or wss://...",
                self.server
            ))
        })?;
        if !matches!(url.scheme(), "ws" | "wss") || url.host_str().is_none_or(str::is_empty) {
            return Err(Error::invalid_argument(format!(
                "server: {:?} must be ws://host[:port][/path] or wss://host[:port][/path]",
                self.server
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::invalid_argument("server: put the user id and password into login(), not into the URL"));
        }
        range("ring_time", self.ring_time, 1, 3600)?;
        range("register_expires", self.register_expires, 10, 7200)?;
        range("max_calls", self.max_calls, 1, 1000)?;
        range("event_queue", self.event_queue, 16, 65_536)?;
        range("jitter_min_ms", self.jitter_min_ms, 0, 1000)?;
        range("jitter_max_ms", self.jitter_max_ms, 20, 2000)?;
        range("reconnect_min_ms", self.reconnect_min_ms, 10, 600_000)?;
        range("reconnect_max_ms", self.reconnect_max_ms, 10, 3_600_000)?;
        if self.jitter_min_ms > self.jitter_max_ms {
            return Err(Error::invalid_argument("jitter_min_ms: must not be greater than jitter_max_ms"));
        }
        if self.reconnect_min_ms > self.reconnect_max_ms {
            return Err(Error::invalid_argument("reconnect_min_ms: must not be greater than reconnect_max_ms"));
        }
        if !matches!(self.sample_rate, 8000 | 16_000 | 24_000 | 48_000) {
            return Err(Error::invalid_argument(format!("sample_rate: {} Hz; it accepts 8000, 16000, 24000 or 48000", self.sample_rate)));
        }
        if !matches!(self.frame_ms, 10 | 20) {
            return Err(Error::invalid_argument(format!("frame_ms: {} ms; it accepts 10 or 20", self.frame_ms)));
        }
        if self.stats_interval_ms != 0 {
            range("stats_interval_ms", self.stats_interval_ms, 200, 3_600_000)?;
        }
        if let Err(word) = VoiceProcessing::parse(&self.voice_processing) {
            return Err(Error::invalid_argument(format!("voice_processing: {word:?}; it accepts echo, noise, gain, or none")));
        }
        if ComfortTones::from_name(&self.comfort_tones).is_none() {
            let given = &self.comfort_tones;
            return Err(Error::invalid_argument(format!("comfort_tones: {given:?}; it accepts europe, india, uk, us, or none")));
        }
        if self.codecs.is_empty() {
            return Err(Error::invalid_argument("codecs: name at least one of opus, PCMU, PCMA"));
        }
        for server in &self.ice_servers {
            let scheme = server.url.split(':').next().unwrap_or_default();
            if !matches!(scheme, "stun" | "stuns" | "turn" | "turns") || server.url.len() <= scheme.len() + 1 {
                return Err(Error::invalid_argument(format!(
                    "ice_servers: {:?} must be stun:host[:port], turn:host[:port] or turns:host[:port]",
                    server.url
                )));
            }
            if scheme.starts_with("turn") && (server.username.is_empty() || server.credential.is_empty()) {
                return Err(Error::invalid_argument(format!("ice_servers: {:?} needs a username and a credential", server.url)));
            }
        }
        let text = [
            ("name", self.name.as_deref()),
            ("domain", self.domain.as_deref()),
            ("user_agent", Some(self.user_agent.as_str())),
            ("tls_server_name", self.tls_server_name.as_deref()),
        ];
        for (field, value) in text {
            if value.is_some_and(|v| v.chars().any(char::is_control)) {
                return Err(Error::invalid_argument(format!("{field}: control characters (line breaks among them) are not allowed")));
            }
            if value.is_some_and(|v| v.len() > 1024) {
                return Err(Error::invalid_argument(format!("{field}: longer than 1024 bytes")));
            }
        }
        if let Some(domain) = &self.domain
            && (domain.is_empty() || domain.chars().any(|c| c.is_whitespace() || "<>@;,\"".contains(c)))
        {
            return Err(Error::invalid_argument(format!("domain: {domain:?} is not a host name")));
        }
        for (field, headers) in [("invite_headers", &self.invite_headers), ("register_headers", &self.register_headers)] {
            for (name, value) in headers {
                let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
                if name.is_empty() || !name.chars().all(token) || value.chars().any(char::is_control) {
                    return Err(Error::invalid_argument(format!(
                        "{field}: {name:?} is not a header name, or its value holds a control character"
                    )));
                }
            }
        }
        if let Some(path) = &self.ca_file
            && !path.is_file()
        {
            return Err(Error::invalid_argument(format!("ca_file: {} is not a file", path.display())));
        }
        Ok(())
    }
}

fn range(field: &str, value: u32, min: u32, max: u32) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid_argument(format!("{field}: {value}; it accepts {min} to {max}")))
}
