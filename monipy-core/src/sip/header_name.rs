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
            pub fn as_str(self) -> &'static str {
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
                // Length and first letter leave one or two names to compare with.
                let Some(&first) = name.first() else { return HeaderName::Other };
                let first = first.to_ascii_lowercase();
                $(
                    if const { $long.len() } == name.len()
                        && first == const { first_lower($long) }
                        && name.eq_ignore_ascii_case($long.as_bytes())
                    {
                        return HeaderName::$variant;
                    }
                )*
                HeaderName::Other
            }
        }
    };
}

const fn first_lower(name: &str) -> u8 {
    match name.as_bytes() {
        [first, ..] => first.to_ascii_lowercase(),
        [] => 0,
    }
}

// The most frequent ones first: the search goes in this order.
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
