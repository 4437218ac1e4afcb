//! Header names: the ones this room knows by value, in long and compact form and any case.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

macro_rules! header_names {
    ($($variant:ident = $long:literal $(| $compact:literal)?),* $(,)?) => {
        /// A header this room knows. Everything else is [`HeaderName::Other`] and found by its text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum HeaderName {
            $($variant,)*
            /// Any other header: ask for it with `Message::other`.
            Other,
        }

        impl HeaderName {
            /// The name in its usual spelling; empty for [`HeaderName::Other`].
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(HeaderName::$variant => $long,)*
                    HeaderName::Other => "",
                }
            }

            /// Every header known here.
            pub const ALL: &'static [HeaderName] = &[$(HeaderName::$variant,)*];

            /// The header of this name, compact forms included, in any case.
            #[must_use]
            pub fn parse(name: &[u8]) -> Self {
                if let &[letter] = name {
                    return match letter.to_ascii_lowercase() {
                        $($($compact => HeaderName::$variant,)?)*
                        _ => HeaderName::Other,
                    };
                }
                let mut slot = slot_of(name);
                while let Some(&Some((spelling, known))) = TABLE.get(slot) {
                    // Nearly everybody uses the usual spelling.
                    if name == spelling || name.eq_ignore_ascii_case(spelling) {
                        return known;
                    }
                    slot = (slot + 1) % SLOTS;
                }
                HeaderName::Other
            }
        }
    };
}

/// Slots of the name table: a power of two that leaves it more than half empty.
const SLOTS: usize = 256;

/// The known names by [`slot_of`], each in its slot or the next free one after it.
static TABLE: [Slot; SLOTS] = table();

/// A name in its usual spelling, and what it is.
type Slot = Option<(&'static [u8], HeaderName)>;

/// Where to look for a name: by its length and three of its letters, whatever their case.
const fn slot_of(name: &[u8]) -> usize {
    let (first, second, last) = match name {
        [first, second, .., last] => (*first, *second, *last),
        _ => (0, 0, 0),
    };
    let letters = (first | 32) as usize * 31 + (second | 32) as usize * 7 + (last | 32) as usize * 3;
    (letters + name.len()) % SLOTS
}

// Runs when the crate is compiled: an index out of bounds would be a compile error.
#[allow(clippy::indexing_slicing)]
const fn table() -> [Slot; SLOTS] {
    let mut table: [Slot; SLOTS] = [None; SLOTS];
    let mut next = 0;
    while next < HeaderName::ALL.len() {
        let name = HeaderName::ALL[next];
        let spelling = name.as_str().as_bytes();
        let mut slot = slot_of(spelling);
        while table[slot].is_some() {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = Some((spelling, name));
        next += 1;
    }
    table
}

header_names! {
    Via = "Via" | b'v',
    From = "From" | b'f',
    To = "To" | b't',
    CallId = "Call-ID" | b'i',
    CSeq = "CSeq",
    Contact = "Contact" | b'm',
    MaxForwards = "Max-Forwards",
    RecordRoute = "Record-Route",
    Route = "Route",
    ContentLength = "Content-Length" | b'l',
    ContentType = "Content-Type" | b'c',
    UserAgent = "User-Agent",
    Server = "Server",
    Allow = "Allow",
    Supported = "Supported" | b'k',
    Require = "Require",
    Expires = "Expires",
    MinExpires = "Min-Expires",
    Accept = "Accept",
    AcceptEncoding = "Accept-Encoding",
    AcceptLanguage = "Accept-Language",
    AlertInfo = "Alert-Info",
    AllowEvents = "Allow-Events" | b'u',
    AuthenticationInfo = "Authentication-Info",
    Authorization = "Authorization",
    CallInfo = "Call-Info",
    ContentDisposition = "Content-Disposition",
    ContentEncoding = "Content-Encoding" | b'e',
    Date = "Date",
    ErrorInfo = "Error-Info",
    Event = "Event" | b'o',
    FlowTimer = "Flow-Timer",
    Identity = "Identity" | b'y',
    MinSe = "Min-SE",
    PAssertedIdentity = "P-Asserted-Identity",
    Path = "Path",
    Privacy = "Privacy",
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization",
    ProxyRequire = "Proxy-Require",
    RAck = "RAck",
    Reason = "Reason",
    ReferTo = "Refer-To" | b'r',
    ReferredBy = "Referred-By" | b'b',
    Replaces = "Replaces",
    RetryAfter = "Retry-After",
    RSeq = "RSeq",
    ServiceRoute = "Service-Route",
    SessionExpires = "Session-Expires" | b'x',
    Subject = "Subject" | b's',
    SubscriptionState = "Subscription-State",
    Unsupported = "Unsupported",
    Warning = "Warning",
    WwwAuthenticate = "WWW-Authenticate",
}
