//! Every torture message of RFC 4475, RFC 5118 and RFC 7118 gets the verdict its manifest asks for,
//! and every value read out of it is the expected one.

use monipy_core::sip::{HeaderName, Message, NameAddr, Params, text};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Of the messages a reader may take or refuse, those this one takes.
const TAKEN: [&str; 8] = ["escruri", "baddate", "regbadct", "badaspec", "badbranch", "8.2-F1", "8.2-F3", "8.2-F6"];

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn string(bytes: &[u8]) -> Value {
    Value::String(text(bytes).into_owned())
}

/// A URI with every run of blanks made one: how many a fold is blanked to says nothing.
fn uri(address: &NameAddr<'_>) -> Value {
    let text = text(address.uri_bytes()).into_owned();
    Value::String(text.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
}

fn optional(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, string)
}

fn params(params: Params<'_>) -> Value {
    Value::Object(params.iter().map(|(name, value)| (text(name).into_owned(), optional(value))).collect())
}

fn uris<'a>(elements: impl Iterator<Item = &'a [u8]>) -> Value {
    elements.map(|element| uri(&NameAddr::parse(element).expect("a route is an address"))).collect()
}

/// What the reader makes of a message, under the manifest's names.
fn observed(message: &Message) -> Map<String, Value> {
    let via = message.top_via();
    let contacts: Vec<NameAddr<'_>> = message.contacts().collect();
    let value = json!({
        "method": message.is_request().then(|| message.method().as_str()),
        "ruri": string(message.request_uri_bytes()),
        "status": message.status(),
        "reason": message.reason(),
        "cseq": message.cseq().number,
        "cseq_method": message.cseq().method.as_str(),
        "call_id": string(message.call_id()),
        "via_count": message.via_count(),
        "via_transport": string(via.transport()),
        "via_sent_by": string(via.sent_by()),
        "via_branch": optional(via.branch()),
        "via_received": optional(via.received()),
        "from_uri": string(message.from().uri_bytes()),
        "from_tag": optional(message.from().tag()),
        "from_display": optional(message.from().display()),
        "to_uri": string(message.to().uri_bytes()),
        "to_tag": optional(message.to().tag()),
        "to_display": optional(message.to().display()),
        "contact_count": message.list(HeaderName::Contact).count(),
        "contact_uris": contacts.iter().map(uri).collect::<Value>(),
        "contact_params": contacts.iter().map(|contact| params(contact.params())).collect::<Value>(),
        "max_forwards": message.max_forwards(),
        "routes": uris(message.routes()),
        "record_routes": uris(message.record_routes()),
        "content_length": message.header_text(HeaderName::ContentLength).map(|value| value.parse::<u64>().expect("a number")),
        "body_len": message.body().len(),
        "body_sha256": hex(message.body()),
    });
    match value {
        Value::Object(map) => map,
        other => unreachable!("{other}"),
    }
}

fn check(name: &str, message: &Message, expect: &Value) {
    let observed = observed(message);
    for (key, wanted) in expect.as_object().expect("an object") {
        assert_eq!(observed.get(key), Some(wanted), "{name}: {key}");
    }
}

#[test]
fn every_torture_message_gets_its_verdict() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sip-torture");
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).expect("the manifest")).expect("JSON");
    let messages = manifest["messages"].as_array().expect("a list");
    assert_eq!(messages.len(), 75);
    let mut values = 0;
    for entry in messages {
        let name = entry["name"].as_str().expect("a name");
        let frame = std::fs::read(folder.join(entry["file"].as_str().expect("a file"))).expect("the message");
        assert_eq!(hex(&frame), entry["sha256"].as_str().expect("a hash"), "{name} is not the published message");
        let answers = entry["uas"].as_array().expect("a list");
        let result = Message::parse(&frame);
        let expected_to_be_read = match entry["verdict"].as_str().expect("a verdict") {
            "accept" => true,
            "reject" => false,
            "lenient" => TAKEN.contains(&name),
            other => panic!("{name}: verdict {other}"),
        };
        match result {
            Ok(message) => {
                assert!(expected_to_be_read, "{name} was read");
                check(name, &message, &entry["expect"]);
                values += entry["expect"].as_object().map_or(0, Map::len);
            }
            Err(reject) => {
                assert!(!expected_to_be_read, "{name} was refused: {}", reject.why);
                let answer = reject.code.map_or_else(|| json!("drop"), |code| json!(code));
                assert!(answers.contains(&answer), "{name}: {answer} ({}) is none of {answers:?}", reject.why);
                assert!(reject.code.is_none() || reject.message.is_some(), "{name} has nothing to copy into its answer");
            }
        }
    }
    assert!(values > 900, "only {values} values were compared");
}

#[test]
fn names_as_text_have_no_quotes_and_escapes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sip-torture/rfc4475");
    let message = Message::parse(&std::fs::read(folder.join("wsinv.sip")).expect("the message")).expect("sound");
    assert_eq!(message.from().display_name().as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(message.other_text("NewFangledHeader").as_deref(), Some("newfangled value   continued newfangled value"));
    assert_eq!(message.other("subject"), Some(&b""[..]));
    assert_eq!(message.vias().filter_map(|via| via.branch()).collect::<Vec<_>>(), [&b"390skdjuw"[..], b"z9hG4bK9ikj8", b"z9hG4bK30239"]);
    assert_eq!(message.contact().expect("one").display_name().as_deref(), Some("Quoted string \"\""));
}
