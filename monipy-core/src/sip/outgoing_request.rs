//! A request of ours, kept as long as it may have to be sent again (with credentials, with another
//! CSeq) or acknowledged.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::header_name::HeaderName;
use super::method::Method;
use super::writer::RequestWriter;

/// Methods we understand, as JsSIP 3.10.1 lists them.
pub(super) const ALLOW: &str = "INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY";
/// Bodies we understand.
pub(super) const ACCEPT: &str = "application/sdp, application/dtmf-relay";

/// A body and its type.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) content_type: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// Everything of a request but its Via.
#[derive(Debug, Clone)]
pub(super) struct OutgoingRequest {
    pub(super) method: Method,
    pub(super) uri: Vec<u8>,
    pub(super) routes: Vec<Vec<u8>>,
    /// To with its tag.
    pub(super) to: Vec<u8>,
    /// From with its tag.
    pub(super) from: Vec<u8>,
    pub(super) call_id: Vec<u8>,
    pub(super) cseq: u32,
    /// Authorization and Proxy-Authorization; they stand before the other headers.
    pub(super) authorization: Vec<(HeaderName, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) supported: String,
    pub(super) body: Option<Body>,
}

impl OutgoingRequest {
    /// The message with this Via value.
    pub(super) fn to_bytes(&self, via: &str, user_agent: &str) -> Vec<u8> {
        let mut writer = RequestWriter::new(&self.method, &self.uri)
            .routes(&self.routes)
            .via(via)
            .to(&self.to)
            .from(&self.from)
            .call_id(&self.call_id)
            .cseq(self.cseq)
            .allow(ALLOW)
            .supported(&self.supported)
            .user_agent(user_agent);
        for (name, value) in &self.authorization {
            writer = writer.header(*name, value);
        }
        writer = writer.others(&self.headers);
        if let Some(body) = &self.body {
            writer = writer.body(body.content_type, &body.bytes);
        }
        writer.to_bytes()
    }

    /// The ACK or CANCEL that belongs to this request: same Request-URI, Route, From, To, Call-ID
    /// and CSeq number, no body (RFC 3261 9.1, 17.1.1.3).
    pub(super) fn companion(&self, method: Method) -> OutgoingRequest {
        OutgoingRequest {
            method,
            uri: self.uri.clone(),
            routes: self.routes.clone(),
            to: self.to.clone(),
            from: self.from.clone(),
            call_id: self.call_id.clone(),
            cseq: self.cseq,
            authorization: Vec::new(),
            headers: Vec::new(),
            supported: "outbound".into(),
            body: None,
        }
    }
}
