//! The vocabulary: the one table of events, their fields, the codes and the configuration
//! fields. Everything that repeats a name (the C header's constants, the Python and TypeScript
//! types, the reference page) is generated from here; nothing else spells a name of its own.
//!
//! The names are the vendor's (TeleCMI's browser SDK), kept to the letter; `snake` is the same
//! name in the idiom of C and Python.

/// What a field of an event or of the configuration holds, in words every language has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// UTF-8 text.
    Text,
    /// A whole number.
    Integer,
    /// A fraction.
    Number,
    /// True or false.
    Boolean,
    /// Text to text.
    Map,
    /// A list of things; the doc line says of what.
    List,
    /// The stream object of `callStream`: PCM out, PCM in. Its shape is each language's own.
    Stream,
}

/// One field that an event's object may carry beside `code` and `status`.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// The vendor's name, used in every language.
    pub name: &'static str,
    /// What it holds.
    pub ty: FieldType,
    /// False when the field is left out if the other side did not send it.
    pub always: bool,
    /// One line of documentation.
    pub doc: &'static str,
}

/// One event: what it is called, its number in C, and what its object carries.
#[derive(Debug, Clone, Copy)]
pub struct EventSpec {
    /// The kind this row describes.
    pub kind: EventKind,
    /// The vendor's name, as given to `on(...)`.
    pub name: &'static str,
    /// The same name in snake_case (`MONIPY_EVENT_` in C, upper-cased).
    pub snake: &'static str,
    /// The number in the C ABI; never reused.
    pub value: u32,
    /// Whether it belongs to one call.
    pub of_call: bool,
    /// Whether it ends the call: exactly one such event per call, and nothing after it.
    pub terminal: bool,
    /// The fields beside `code` and `status`.
    pub fields: &'static [FieldSpec],
    /// One line of documentation.
    pub doc: &'static str,
}

/// One code of the contract.
#[derive(Debug, Clone, Copy)]
pub struct CodeSpec {
    /// The number.
    pub code: u16,
    /// A name for constants (`MONIPY_CODE_` in C).
    pub name: &'static str,
    /// What it means, and what to do.
    pub doc: &'static str,
}

/// One configuration field.
#[derive(Debug, Clone, Copy)]
pub struct ConfigSpec {
    /// The name in snake_case (Rust, C, Python).
    pub name: &'static str,
    /// The name in JavaScript; the vendor's own spelling for the vendor's five.
    pub js: &'static str,
    /// What it holds.
    pub ty: FieldType,
    /// The default as it is written in documentation.
    pub default: &'static str,
    /// The unit, or an empty string.
    pub unit: &'static str,
    /// True for the five options of the vendor's SDK.
    pub vendor: bool,
    /// One line of documentation.
    pub doc: &'static str,
}

const fn field(name: &'static str, ty: FieldType, always: bool, doc: &'static str) -> FieldSpec {
    FieldSpec { name, ty, always, doc }
}

const TYPE: FieldSpec = field("type", FieldType::Text, true, "\"incoming\" for a call that came in, \"outgoing\" for one that was placed");
const REASON: FieldSpec = field("reason", FieldType::Text, true, "why, in the words of whoever decided it");

macro_rules! events {
    ($( $(#[doc = $doc:literal])+ $kind:ident = $value:literal, $name:literal, $snake:literal, call: $of_call:literal, terminal: $terminal:literal, [$($field:expr),* $(,)?]; )*) => {
        /// The kinds of event; the number is the one of the C ABI.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u32)]
        pub enum EventKind { $( $(#[doc = $doc])+ $kind = $value, )* }

        /// Every event, in the order of its number.
        pub const EVENTS: &[EventSpec] = &[ $( EventSpec {
            kind: EventKind::$kind, name: $name, snake: $snake, value: $value,
            of_call: $of_call, terminal: $terminal, fields: &[$($field),*], doc: concat!($($doc),+),
        }, )* ];
    };
}

events! {
    /// The registration was accepted (also after a lost server came back; not on each refresh).
    Login = 1, "login", "login", call: false, terminal: false, [];
    /// The server refused the login: 401 wrong id or password, 405 too many connections, else the SIP code.
    LoginFailed = 2, "loginFailed", "login_failed", call: false, terminal: false, [REASON];
    /// The registration is gone: logged out, or the server link was lost.
    Logout = 3, "logout", "logout", call: false, terminal: false, [REASON];
    /// A barge or monitor request arrived and waits for answer() or reject().
    IncomingCall = 4, "inComingCall", "incoming_call", call: true, terminal: false, [
        field("from", FieldType::Text, true, "who calls: the display name, else the user part of the SIP From"),
        field("call_id", FieldType::Text, true, "X-Call-ID, else X-cmi-uuid, else the SIP Call-ID"),
        field("team_name", FieldType::Text, false, "X-Team-Name"),
        field("to_number", FieldType::Text, false, "X-To-Number"),
        field("transfer_from", FieldType::Text, false, "X-Transfer-From"),
        field("transfer", FieldType::Text, false, "X-Transfer"),
        field("from_uri", FieldType::Text, true, "the SIP URI of the From header"),
        field("headers", FieldType::Map, true, "every X- header of the INVITE by its name as sent"),
    ];
    /// A call is being set up.
    Trying = 5, "trying", "trying", call: true, terminal: false, [TYPE];
    /// 180 was sent (incoming) or received (outgoing); code 183.
    Ringing = 6, "ringing", "ringing", call: true, terminal: false, [TYPE];
    /// The call is up: when the ACK arrives (incoming) or on the 200 (outgoing).
    Answered = 7, "answered", "answered", call: true, terminal: false, [TYPE];
    /// Media is established: ICE and DTLS are done and a remote track exists. PCM flows from here on.
    CallStream = 8, "callStream", "call_stream", call: true, terminal: false, [
        field("stream", FieldType::Stream, true, "PCM out and PCM in; where the vendor's page expects it, it is also `status`"),
        field("parties", FieldType::List, false, "where the server sends the parties apart, who they are in the order of their numbers: objects with name and id"),
    ];
    /// One side put the call on hold.
    Hold = 9, "hold", "hold", call: true, terminal: false, [field("whom", FieldType::Text, true, "\"myself\" or \"other\"")];
    /// One side took the call off hold.
    Unhold = 10, "unhold", "unhold", call: true, terminal: false, [field("whom", FieldType::Text, true, "\"myself\" or \"other\"")];
    /// The far side pressed a key (RFC 4733 or INFO).
    Dtmf = 11, "dtmf", "dtmf", call: true, terminal: false, [
        field("dtmf", FieldType::Text, true, "one of 0-9 * # A-D"),
        field("duration_ms", FieldType::Integer, true, "how long the key was held"),
        TYPE,
    ];
    /// This side ended the call: terminate, reject, or ringTime expired (408).
    Hangup = 12, "hangup", "hangup", call: true, terminal: true, [REASON];
    /// The far side ended the call, or cancelled it before it was answered.
    Ended = 13, "ended", "ended", call: true, terminal: true, [REASON];
    /// A call was not answered: ringTime expired, the caller gave up, or a second call met a busy supervisor (486).
    Missed = 14, "missed", "missed", call: true, terminal: false, [
        field("from", FieldType::Text, true, "who called"),
        REASON,
    ];
    /// No microphone or speaker could be opened, or media failed; code 415. The call goes on when only a device failed.
    MediaFailed = 15, "mediaFailed", "media_failed", call: true, terminal: false, [REASON];
    /// A method was called in the wrong state, or something failed that has no event of its own.
    Error = 16, "error", "error", call: false, terminal: false, [];
    /// The link to the server is up.
    Connected = 17, "connected", "connected", call: false, terminal: false, [];
    /// The link to the server is down; the reason says why. Reconnection goes on by itself.
    Disconnected = 18, "disconnected", "disconnected", call: false, terminal: false, [REASON];
    /// Statistics of one call, at the pace the configuration asks for.
    Stats = 19, "stats", "stats", call: true, terminal: false, [
        field("packets_received", FieldType::Integer, true, "RTP packets received"),
        field("packets_sent", FieldType::Integer, true, "RTP packets sent"),
        field("packets_lost", FieldType::Integer, true, "RTP packets that never came, before error correction"),
        field("packets_recovered", FieldType::Integer, true, "lost packets that in-band error correction restored"),
        field("concealed_ms", FieldType::Integer, true, "milliseconds of sound that had to be invented"),
        field("jitter_ms", FieldType::Number, true, "interarrival jitter (RFC 3550 6.4.1)"),
        field("playout_delay_ms", FieldType::Number, true, "what the jitter buffer adds"),
        field("round_trip_ms", FieldType::Number, false, "from RTCP reports (RFC 3550 6.4.1)"),
        field("mos", FieldType::Number, true, "listening quality 1 to 4.5 by the E-model (ITU-T G.107)"),
        field("level_dbfs", FieldType::Number, true, "level of what is heard, dBFS"),
        field("sent_level_dbfs", FieldType::Number, true, "level of what is sent, dBFS"),
        field("clipped_samples", FieldType::Integer, true, "samples of what was heard at full scale"),
        field("sounding_samples_sent", FieldType::Integer, true, "samples other than zero that were sent: stands still while the call is muted"),
        field("loss_percent", FieldType::Number, true, "packets lost in the last second, before error correction"),
        field("concealed_percent", FieldType::Number, true, "sound invented in the last second"),
    ];
    /// The engine starts itself again after a failure (autoReboot).
    Reboot = 20, "reboot", "reboot", call: false, terminal: false, [REASON];
    /// Events were dropped because the handler was too slow; call-state events never are.
    Overflow = 21, "overflow", "overflow", call: false, terminal: false, [
        field("dropped", FieldType::Integer, true, "how many events were dropped since the last notice"),
    ];
    /// A speaker or microphone changed in a call: a card came, went (code 415) or came back, or another was chosen.
    Device = 22, "device", "device", call: true, terminal: false, [
        field("kind", FieldType::Text, true, "\"speaker\" or \"microphone\""),
        field("device", FieldType::Text, true, "the card in use now; empty for none"),
        REASON,
    ];
    /// The quality of a call became bad, or good again.
    Warning = 23, "warning", "warning", call: true, terminal: false, [
        field("warning", FieldType::Text, true, "which one; the table of warnings names them"),
        field("raised", FieldType::Boolean, true, "true when it became bad, false when it is good again"),
        field("value", FieldType::Number, true, "the figure now, in the warning's unit"),
        field("threshold", FieldType::Number, true, "what it was compared with"),
    ];
}

impl EventKind {
    /// The row of the table that describes this kind.
    #[must_use]
    pub fn spec(self) -> &'static EventSpec {
        // The table is in the order of its numbers, from 1, without gaps (a test holds it so).
        &EVENTS[self as usize - 1]
    }

    /// The vendor's name, as given to `on(...)`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The kind with this vendor's name or this snake_case name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<EventKind> {
        EVENTS.iter().find(|e| e.name == name || e.snake == name).map(|e| e.kind)
    }
}

/// Codes of the contract.
pub mod code {
    /// A call is being set up.
    pub const TRYING: u16 = 100;
    /// The call rings.
    pub const RINGING: u16 = 183;
    /// Done.
    pub const OK: u16 = 200;
    /// The id or the password is wrong.
    pub const UNAUTHORIZED: u16 = 401;
    /// Too many connections: the server answered 503.
    pub const TOO_MANY_CONNECTIONS: u16 = 405;
    /// Time ran out.
    pub const TIMEOUT: u16 = 408;
    /// Media or a device failed.
    pub const MEDIA: u16 = 415;
    /// The server link is down.
    pub const NOT_CONNECTED: u16 = 1000;
    /// Already logged in.
    pub const ALREADY_LOGGED_IN: u16 = 1001;
    /// The method does not fit the state.
    pub const INVALID_STATE: u16 = 1002;
    /// An argument or a configuration field is not acceptable.
    pub const INVALID_ARGUMENT: u16 = 1003;
    /// Not a DTMF digit.
    pub const INVALID_DTMF: u16 = 1005;
    /// A defect of the library.
    pub const INTERNAL: u16 = 1099;
}

/// Every code of the contract, with its meaning.
pub const CODES: &[CodeSpec] = &[
    CodeSpec { code: code::TRYING, name: "TRYING", doc: "a call is being set up" },
    CodeSpec { code: code::RINGING, name: "RINGING", doc: "the call rings" },
    CodeSpec { code: code::OK, name: "OK", doc: "done" },
    CodeSpec { code: code::UNAUTHORIZED, name: "UNAUTHORIZED", doc: "the id or the password is wrong: check them with your administrator" },
    CodeSpec {
        code: code::TOO_MANY_CONNECTIONS,
        name: "TOO_MANY_CONNECTIONS",
        doc: "the server has no room (SIP 503): log out elsewhere or try later",
    },
    CodeSpec { code: code::TIMEOUT, name: "TIMEOUT", doc: "nobody answered in time" },
    CodeSpec { code: code::MEDIA, name: "MEDIA", doc: "no microphone or speaker could be opened, or media failed" },
    CodeSpec { code: code::NOT_CONNECTED, name: "NOT_CONNECTED", doc: "the link to the server is down: wait for `connected`" },
    CodeSpec { code: code::ALREADY_LOGGED_IN, name: "ALREADY_LOGGED_IN", doc: "log out before you log in again" },
    CodeSpec {
        code: code::INVALID_STATE,
        name: "INVALID_STATE",
        doc: "the method does not fit the state; the status says which state it needs",
    },
    CodeSpec {
        code: code::INVALID_ARGUMENT,
        name: "INVALID_ARGUMENT",
        doc: "an argument is not acceptable; the status names it and what it accepts",
    },
    CodeSpec { code: code::INVALID_DTMF, name: "INVALID_DTMF", doc: "DTMF digits are 0-9 * # A-D" },
    CodeSpec { code: code::INTERNAL, name: "INTERNAL", doc: "a defect of the library: please report it" },
];

const fn cfg(
    name: &'static str,
    js: &'static str,
    ty: FieldType,
    default: &'static str,
    unit: &'static str,
    vendor: bool,
    doc: &'static str,
) -> ConfigSpec {
    ConfigSpec { name, js, ty, default, unit, vendor, doc }
}

/// Every configuration field, the vendor's five first.
pub const CONFIG: &[ConfigSpec] = &[
    cfg("name", "name", FieldType::Text, "none", "", true, "display name of the supervisor (SIP From display name)"),
    cfg("debug", "debug", FieldType::Boolean, "false", "", true, "log the library's inner life, SIP messages included (secrets redacted)"),
    cfg("autoplay", "autoplay", FieldType::Boolean, "true", "", true, "play the call on the machine's speaker and use its microphone"),
    cfg(
        "auto_reboot",
        "autoReboot",
        FieldType::Boolean,
        "false",
        "",
        true,
        "start again by itself after a failure that reconnection cannot mend",
    ),
    cfg("ring_time", "ringTime", FieldType::Integer, "60", "s", true, "how long an incoming call rings before it is given up (1 to 3600)"),
    cfg(
        "server",
        "server",
        FieldType::Text,
        "wss://supersbc.telecmi.com",
        "",
        false,
        "ws:// or wss:// URL of a SIP-over-WebSocket server (RFC 7118)",
    ),
    cfg("domain", "domain", FieldType::Text, "the server's host", "", false, "SIP domain, when it differs from the server's host"),
    cfg(
        "ice_servers",
        "iceServers",
        FieldType::List,
        "stun:stunind.telecmi.com",
        "",
        false,
        "STUN and TURN servers: url, username, credential",
    ),
    cfg("ca_file", "caFile", FieldType::Text, "none", "", false, "PEM file of certificate authorities to trust beside the system's"),
    cfg("tls_server_name", "tlsServerName", FieldType::Text, "the server's host", "", false, "name the server's certificate must carry"),
    cfg(
        "insecure_tls",
        "insecureTls",
        FieldType::Boolean,
        "false",
        "",
        false,
        "accept any certificate; logs a warning; for experiments only",
    ),
    cfg("register_expires", "registerExpires", FieldType::Integer, "300", "s", false, "registration lifetime asked for (10 to 7200)"),
    cfg("codecs", "codecs", FieldType::List, "opus,PCMU,PCMA", "", false, "codecs in the order of preference"),
    cfg("max_calls", "maxCalls", FieldType::Integer, "1", "", false, "calls at a time; one more gets 486 Busy Here (1 to 1000)"),
    cfg("input_device", "inputDevice", FieldType::Text, "the system's default", "", false, "microphone to use"),
    cfg("output_device", "outputDevice", FieldType::Text, "the system's default", "", false, "speaker to use"),
    cfg(
        "audio_mode",
        "audioMode",
        FieldType::Text,
        "device",
        "",
        false,
        "device (speaker and microphone, PCM too), application (PCM only), none (no decoding; files and writers are sent)",
    ),
    cfg(
        "sample_rate",
        "sampleRate",
        FieldType::Integer,
        "48000",
        "Hz",
        false,
        "rate of the application's PCM, mono: 8000, 16000, 24000 or 48000",
    ),
    cfg("frame_ms", "frameMs", FieldType::Integer, "20", "ms", false, "frame length of the application's PCM: 10 or 20"),
    cfg("jitter_min_ms", "jitterMinMs", FieldType::Integer, "0", "ms", false, "lower bound of the playout delay"),
    cfg("jitter_max_ms", "jitterMaxMs", FieldType::Integer, "500", "ms", false, "upper bound of the playout delay"),
    cfg("reconnect_min_ms", "reconnectMinMs", FieldType::Integer, "200", "ms", false, "least wait before a reconnection"),
    cfg("reconnect_max_ms", "reconnectMaxMs", FieldType::Integer, "30000", "ms", false, "greatest wait before a reconnection"),
    cfg("invite_headers", "inviteHeaders", FieldType::Map, "none", "", false, "extra headers of an outgoing INVITE"),
    cfg("register_headers", "registerHeaders", FieldType::Map, "none", "", false, "extra headers of REGISTER"),
    cfg("user_agent", "userAgent", FieldType::Text, "PIOPIYJS", "", false, "User-Agent header; the default is what deployed servers know"),
    cfg(
        "event_queue",
        "eventQueue",
        FieldType::Integer,
        "1024",
        "events",
        false,
        "how many events may wait for a slow handler (16 to 65536)",
    ),
    cfg(
        "stats_interval_ms",
        "statsIntervalMs",
        FieldType::Integer,
        "0",
        "ms",
        false,
        "pace of `stats` events; 0 for none, else at least 200",
    ),
    cfg("local_address", "localAddress", FieldType::Text, "every interface", "", false, "IP address that media sockets bind to"),
    cfg(
        "voice_processing",
        "voiceProcessing",
        FieldType::Text,
        "echo,noise,gain",
        "",
        false,
        "what is done to the microphone's sound: echo (cancellation), noise (suppression), gain (control), with commas between; none for nothing",
    ),
    cfg(
        "comfort_tones",
        "comfortTones",
        FieldType::Text,
        "none",
        "",
        false,
        "whose ringback, busy and congestion tones a caller hears on the speaker: europe, india, uk, us, or none",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_numbers_run_from_one_without_gaps_and_names_are_unique() {
        for (i, e) in EVENTS.iter().enumerate() {
            assert_eq!(e.value as usize, i + 1, "{}", e.name);
            assert_eq!(e.kind as u32, e.value);
            assert_eq!(EventKind::from_name(e.name), Some(e.kind));
            assert_eq!(EventKind::from_name(e.snake), Some(e.kind));
            assert_eq!(e.kind.spec().name, e.name);
        }
    }

    #[test]
    fn exactly_ended_and_hangup_are_terminal() {
        let terminal: Vec<_> = EVENTS.iter().filter(|e| e.terminal).map(|e| e.name).collect();
        assert_eq!(terminal, ["hangup", "ended"]);
    }
}
