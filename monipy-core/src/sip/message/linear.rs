//! Reading is linear: four times the input is four times the bytes looked at, and no byte is looked
//! at more than a few times.

use super::Message;
use crate::sip::address::NameAddr;
use crate::sip::header_name::HeaderName;
use crate::sip::lexical::work;
use crate::sip::via::Via;

fn frame(headers: &str) -> Vec<u8> {
    format!(
        "OPTIONS sip:1001@a.invalid SIP/2.0\r\nVia: SIP/2.0/WSS b.invalid;branch=z9hG4bK1\r\nFrom: <sip:b@b>;tag=1\r\n\
         To: <sip:1001@a>\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\n{headers}\r\n"
    )
    .into_bytes()
}

/// Reads a frame, refused or not, and asks for all that could be slow.
fn read(frame: &[u8]) {
    match Message::parse(frame) {
        Ok(message) => ask(&message),
        Err(reject) => {
            if let Some(message) = reject.message {
                ask(&message);
            }
        }
    }
}

fn ask(message: &Message) {
    let _ = (message.vias().count(), message.via_count(), message.contacts().count(), message.x_headers().count());
    let _ = (message.record_routes().filter_map(NameAddr::parse).count(), message.supports("x"), message.top_via().branch());
    for (_, value) in message.all_headers() {
        let _ = (NameAddr::parse(value), Via::parse(value));
    }
    let _ = message.header(HeaderName::UserAgent);
}

/// Asserts that the work for `make(n)` is linear in the length of the frame.
fn assert_linear(name: &str, make: impl Fn(usize) -> String) {
    let small = frame(&make(1_000));
    let large = frame(&make(4_000));
    let (little, much) = (work::of(|| read(&small)), work::of(|| read(&large)));
    assert!(much > 0, "{name}: nothing was counted");
    assert!(much <= little.saturating_mul(5), "{name}: {little} bytes looked at for 1,000, {much} for 4,000");
    assert!(much <= large.len() * 12, "{name}: {much} bytes looked at in a frame of {}", large.len());
}

#[test]
fn floods_of_any_kind_are_linear() {
    let via = "SIP/2.0/WSS a;branch=z9hG4bK1";
    assert_linear("Via lines", |count| format!("Via: {via}\r\n").repeat(count));
    assert_linear("other lines", |count| "X-A: b\r\n".repeat(count));
    assert_linear("both", |count| format!("Via: {via}\r\nX-A: b\r\n").repeat(count));
    assert_linear("Vias in one line", |count| format!("Via: {}\r\n", format!("{via},").repeat(count)));
    assert_linear("routes in one line", |count| format!("Record-Route: {}\r\n", "<sip:a@b;lr>, ".repeat(count)));
    assert_linear("contacts in one line", |count| format!("Contact: {}\r\n", "\"a,b\" <sip:a@b>;q=1, ".repeat(count)));
    assert_linear("folds", |count| format!("X-A: b\r\n{}", " c\r\n".repeat(count)));
    assert_linear("parameters", |count| format!("Contact: <sip:a@b>{}\r\n", ";a=b".repeat(count)));
    assert_linear("commas", |count| format!("Contact: {}\r\n", ",".repeat(count)));
    assert_linear("open quotes", |count| format!("Contact: {}\r\n", "\"\\\"".repeat(count)));
    assert_linear("open angles", |count| format!("Contact: {}\r\n", "<,".repeat(count)));
    assert_linear("bare line feeds", |count| "X-A: b\n".repeat(count));
    assert_linear("bare carriage returns", |count| "X-A: b\rX".repeat(count));
    assert_linear("blanks", |count| format!("X-A: {}\r\n", " ".repeat(count)));
    assert_linear("slashes", |count| format!("X-A: SIP{}\r\n", "/ ".repeat(count)));
}
