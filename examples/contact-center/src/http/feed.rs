//! The voice feed over socket.io: a client names its token in the query and emits
//! `admin-call-globalbarging` with `{uuid, to}`, and the supervisor `to` is called into the call with
//! that X-cmi-uuid. Engine.IO 4 and Socket.IO 5, by polling and by WebSocket.

use crate::error::{CentreError, Result};
use crate::legs;
use crate::mix::layout::Layout;
use crate::mode::Mode;
use crate::state::Centre;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::ConnectHandler;
use socketioxide::layer::SocketIoLayer;
use std::sync::Arc;

/// The event that asks for a barge.
pub(crate) const BARGE: &str = "admin-call-globalbarging";

/// What serves socket.io under `/socket.io`, and the handle that ends it.
pub(super) fn layer(centre: &Arc<Centre>) -> (SocketIoLayer, SocketIo) {
    let (layer, io) = SocketIo::new_layer();
    let token = centre.feed_token.clone();
    let check = move |socket: SocketRef| {
        let right = named_token(socket.req_parts().uri.query().unwrap_or_default()) == Some(token.as_str());
        async move { if right { Ok(()) } else { Err("the token is wrong: name it in the query, token=...") } }
    };
    let centre = centre.clone();
    let connected = move |socket: SocketRef| {
        centre.timeline.note("feed", None, None, "a client of the voice feed is connected");
        socket.on(BARGE, move |socket: SocketRef, Data::<Value>(asked), ack: AckSender| {
            let centre = centre.clone();
            async move {
                let answer = match barge(&centre, &asked) {
                    Ok(leg) => json!({ "code": 200, "status": "supervisor is being called", "leg": leg }),
                    Err(e) => json!({ "code": e.kind.status(), "status": e.message }),
                };
                // Said both ways: whoever waits for an acknowledgement gets one, others hear an
                // event. A client that has left meanwhile hears neither.
                let _ = ack.send(&answer);
                let _ = socket.emit(BARGE, &answer);
            }
        });
        async {}
    };
    io.ns("/", connected.with(check));
    (layer, io)
}

/// The token of a query.
fn named_token(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("token="))
}

fn barge(centre: &Arc<Centre>, asked: &Value) -> Result<u64> {
    let text = |key: &str| asked.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let (Some(uuid), Some(to)) = (text("uuid"), text("to")) else {
        return Err(CentreError::invalid(format!("{BARGE} wants {{uuid, to}}: the call's X-cmi-uuid and a supervisor's login id")));
    };
    let mode = text("mode").map_or(Ok(Mode::Barge), str::parse).map_err(CentreError::invalid)?;
    let call = centre.book().calls.iter().find(|(_, c)| c.labels.uuid == uuid).map(|(&id, _)| id);
    let call = call.ok_or_else(|| CentreError::unknown(format!("there is no call with the uuid {uuid:?}; GET /calls lists them")))?;
    legs::barge(centre, call, to, mode, Layout::Mixed)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_token_is_found_in_the_query() {
        assert_eq!(super::named_token("EIO=4&transport=polling&token=abc"), Some("abc"));
        assert_eq!(super::named_token("EIO=4&mytoken=abc"), None);
    }
}
