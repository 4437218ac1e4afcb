//! How long a SIP message takes to read and to write, and what it allocates.
//!
//! `cargo bench -p monipy-core --bench sip_parse` prints a table. "typed" is what a user agent asks
//! of every message: start line, Call-ID, CSeq, From, To, top Via, Contact, Record-Routes, body.

use monipy_core::sip::digest::{Credentials, Target};
use monipy_core::sip::{HeaderName, Message, Method, RequestWriter, ResponseWriter};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The system's allocator with a counter in front.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SDP: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=msid-semantic: WMS\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:4ZcD\r\n\
a=ice-pwd:2/1muCWoOi3uLifh0NuRHlTZ\r\na=fingerprint:sha-256 75:74:5A:A6:A4:E5:52:F4:A7:67:4C:01:C7:EE:91:3F:21:3D:A2:E3:53:7B:6F:30:86:F2:30:AA:65:FB:04:24\r\n\
a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\na=candidate:1 1 udp 2130706431 192.0.2.10 49203 typ host\r\n";

fn invite() -> Vec<u8> {
    RequestWriter::new(&Method::Invite, "sip:55hm45vp@fqdb815gb799.invalid;transport=ws")
        .via("SIP/2.0/WSS 198.51.100.7:443;branch=z9hG4bK7b1c9n6hcdu74bf92")
        .via("SIP/2.0/UDP 198.51.100.9:5060;received=198.51.100.9;rport=5060;branch=z9hG4bK-d8754z-5b1e")
        .to("<sip:1001@supersbc.telecmi.com>")
        .from("\"Agent Smith\" <sip:agent@supersbc.telecmi.com>;tag=8f1d33ab")
        .call_id("d5b0c1e2-7c2e-11ee-9d1b-6f4d9a@198.51.100.9")
        .cseq(1)
        .header(HeaderName::RecordRoute, "<sip:198.51.100.7:443;transport=ws;lr;ftag=8f1d33ab>")
        .header(HeaderName::RecordRoute, "<sip:198.51.100.9;lr>")
        .header(HeaderName::Contact, "<sip:agent@198.51.100.9:5060;transport=udp>")
        .other("X-Call-ID", "c-20931")
        .other("X-Team-Name", "Support")
        .other("X-To-Number", "+15551230000")
        .allow("INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE, REFER, NOTIFY")
        .supported("timer, path, replaces")
        .user_agent("FreeSWITCH-mod_sofia/1.10.9")
        .body("application/sdp", SDP)
        .to_bytes()
}

/// Everything a user agent asks of a message.
fn typed(frame: &[u8]) -> usize {
    let message = Message::parse(black_box(frame)).expect("sound");
    let sum = message.call_id().len()
        + message.cseq().number as usize
        + message.from().tag().map_or(0, <[u8]>::len)
        + message.to().uri_bytes().len()
        + message.top_via().branch().map_or(0, <[u8]>::len)
        + message.contact().map_or(0, |contact| contact.uri_bytes().len())
        + message.record_routes().map(<[u8]>::len).sum::<usize>()
        + message.request_uri().map_or(0, |uri| uri.host().len())
        + message.body().len();
    black_box(sum)
}

fn respond(message: &Message) -> Vec<u8> {
    ResponseWriter::new(message, 200, "OK")
        .to_tag("0d0d1g7vhd")
        .header(HeaderName::Contact, "<sip:55hm45vp@fqdb815gb799.invalid;transport=ws>")
        .supported("ice,replaces,outbound")
        .body("application/sdp", SDP)
        .to_bytes()
}

/// Nanoseconds and allocations of one run: the best of many short batches, the one least disturbed
/// by whatever else the machine does.
fn measure(mut work: impl FnMut()) -> (f64, f64) {
    const BATCH: u32 = 500;
    let mut best = f64::MAX;
    let mut allocations = 0;
    for _ in 0..2_000 {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let start = Instant::now();
        for _ in 0..BATCH {
            work();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(BATCH));
        allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    }
    (best, allocations as f64 / f64::from(BATCH))
}

fn main() {
    let invite = invite();
    let message = Message::parse(&invite).expect("sound");
    let ok = respond(&message);
    let challenge = Message::parse(
        b"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\nTo: <sip:a@b>;tag=1\r\nFrom: <sip:a@b>;tag=2\r\n\
Call-ID: 1\r\nCSeq: 1 REGISTER\r\nWWW-Authenticate: Digest realm=\"b\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"\r\nContent-Length: 0\r\n\r\n",
    )
    .expect("sound");
    let mut credentials = Credentials::new("1001", "secret");

    println!("INVITE {} bytes, 200 {} bytes", invite.len(), ok.len());
    println!("{:<34} {:>10} {:>12}", "", "ns", "allocations");
    let row = |name: &str, work: &mut dyn FnMut()| {
        let (ns, allocations) = measure(work);
        println!("{name:<34} {ns:>10.0} {allocations:>12.1}");
    };
    row("parse INVITE", &mut || drop(black_box(Message::parse(black_box(&invite)))));
    row("parse INVITE, typed", &mut || {
        typed(&invite);
    });
    row("parse 200, typed", &mut || {
        typed(&ok);
    });
    row("write 200 to INVITE", &mut || drop(black_box(respond(black_box(&message)))));
    row("parse INVITE typed + write 200", &mut || {
        typed(&invite);
        drop(black_box(respond(black_box(&message))));
    });
    row("answer a SHA-256 challenge", &mut || {
        let target = Target { method: &Method::Register, uri: b"sip:b", body: b"" };
        drop(black_box(credentials.answer(&challenge, target, "2r2h2ov935am")));
    });
}
