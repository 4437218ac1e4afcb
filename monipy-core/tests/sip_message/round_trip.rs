//! What is written reads back as it was meant.

use monipy_core::sip::{HeaderName, Message, Method, RequestWriter, ResponseWriter, quote_display};
use proptest::prelude::*;

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        "INVITE|ACK|BYE|CANCEL|REGISTER|OPTIONS|INFO|UPDATE|REFER|NOTIFY|SUBSCRIBE|MESSAGE|PUBLISH|PRACK",
        "[A-Z][A-Za-z0-9.!%*_+`'~-]{0,20}"
    ]
    .prop_map(|text| Method::parse(text.as_bytes()).expect("a token"))
}

/// A name, a value without blanks at its ends.
fn header() -> impl Strategy<Value = (String, String)> {
    ("X-[A-Za-z0-9-]{1,20}", "([!-~]([ -~]{0,40}[!-~])?)?")
}

proptest! {
    #[test]
    fn requests(
        method in method(),
        user in "[a-z0-9%+.;=?/-]{1,20}",
        display in "[^\\p{C}]{1,30}",
        tag in "[A-Za-z0-9.~-]{1,30}",
        call_id in "[!-~]{1,60}",
        cseq in any::<u32>(),
        hops in any::<u8>(),
        routes in proptest::collection::vec("[a-z]{1,10}\\.example", 0..5),
        vias in proptest::collection::vec("[a-z]{1,10}\\.invalid", 1..5),
        headers in proptest::collection::vec(header(), 0..20),
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let uri = format!("sip:{user}@example.com:5060;transport=ws");
        let from = format!("{} <sip:me@example.com>;tag={tag}", quote_display(&display));
        let routes: Vec<String> = routes.iter().map(|host| format!("<sip:{host};lr>")).collect();
        let vias: Vec<String> = vias.iter().enumerate().map(|(at, host)| format!("SIP/2.0/WSS {host};branch=z9hG4bK{at}")).collect();
        let mut writer = RequestWriter::new(&method, &uri).routes(&routes).max_forwards(hops).to("<sip:you@example.com>").from(&from)
            .call_id(&call_id).cseq(cseq).others(&headers).body("application/octet-stream", &body);
        for via in &vias {
            writer = writer.via(via);
        }
        let bytes = writer.to_bytes();
        let message = Message::parse(&bytes).expect("sound");
        prop_assert_eq!(message.method(), &method);
        prop_assert_eq!(message.request_uri_bytes(), uri.as_bytes());
        prop_assert_eq!(message.from().display_name(), Some(display));
        prop_assert_eq!(message.from().tag(), Some(tag.as_bytes()));
        prop_assert_eq!(message.call_id(), call_id.as_bytes());
        prop_assert_eq!(message.cseq().number, cseq);
        prop_assert_eq!(message.max_forwards(), Some(hops));
        prop_assert_eq!(message.routes().map(<[u8]>::to_vec).collect::<Vec<_>>(), routes.iter().map(|route| route.clone().into_bytes()).collect::<Vec<_>>());
        prop_assert_eq!(message.via_count(), vias.len());
        let read: Vec<(String, String)> = message.x_headers().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        prop_assert_eq!(read, headers);
        prop_assert_eq!(message.body(), &body[..]);
        prop_assert_eq!(message.as_bytes(), &bytes[..]);

        let response = ResponseWriter::new(&message, 200, "Fine").to_tag("mine").header(HeaderName::Contact, "<sip:a@b>").body("a/b", &body).to_bytes();
        let response = Message::parse(&response).expect("sound");
        prop_assert_eq!(response.status(), Some(200));
        prop_assert_eq!(response.reason(), "Fine");
        prop_assert_eq!(response.cseq(), message.cseq());
        prop_assert_eq!(response.method(), &method);
        prop_assert_eq!(response.from(), message.from());
        prop_assert_eq!(response.to().tag(), Some(&b"mine"[..]));
        prop_assert_eq!(response.vias().collect::<Vec<_>>(), message.vias().collect::<Vec<_>>());
        prop_assert_eq!(response.body(), &body[..]);
    }
}
