//! Byte for byte what JsSIP 3.10.1 with the vendor's settings sends (rows R1 to R4, I2, I3, D1 to
//! D3, T2, T5, T7): `{}` stands for what is random. The texts are from recorded runs.

use crate::bench::*;
use monipy_core::sip::ua::Command;

#[test]
fn register_r1_r2_r3_r4_r14() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let first = bench.one();
    same_shape(
        &first,
        "REGISTER sip:supersbc.telecmi.com SIP/2.0
         Route: <sip:127.0.0.1:42033;transport=ws;lr>
         Via: SIP/2.0/WS {}.invalid;branch=z9hG4bK{}
         Max-Forwards: 69
         To: <sip:1001@supersbc.telecmi.com>
         From: \"Sup One\" <sip:1001@supersbc.telecmi.com>;tag={}
         Call-ID: {}
         CSeq: 1 REGISTER
         Contact: <sip:{}@{}.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:{}>\";expires=300
         Expires: 300
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
         Supported: path,gruu,outbound
         User-Agent: PIOPIYJS
         Content-Length: 0

         ",
    );
    let tag = |message: &str| header(message, "From").rsplit('=').next().map(str::to_owned);
    assert_eq!(tag(&first).map(|tag| tag.len()), Some(10));
    assert_eq!(header(&first, "Call-ID").len(), 22);
    // R2: 8 characters @ the 12 of Via; T5: the same host in both.
    let host = header(&first, "Via").split([' ', ';']).nth(1).map(str::to_owned).unwrap_or_default();
    assert_eq!(host.len(), "fqdb815gb799.invalid".len());
    let contact = header(&first, "Contact");
    assert!(contact.contains(&format!("@{host};")), "{contact}");
    assert_eq!(contact.find('@'), Some("<sip:du73mcne".len()));

    bench.frame(challenge(&first, 401, "WWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"n1\", qop=\"auth\"\r\n"));
    let second = bench.one();
    same_shape(
        &second,
        "REGISTER sip:supersbc.telecmi.com SIP/2.0
         Route: <sip:127.0.0.1:42033;transport=ws;lr>
         Via: SIP/2.0/WS {}.invalid;branch=z9hG4bK{}
         Max-Forwards: 69
         To: <sip:1001@supersbc.telecmi.com>
         From: \"Sup One\" <sip:1001@supersbc.telecmi.com>;tag={}
         Call-ID: {}
         CSeq: 2 REGISTER
         Authorization: Digest algorithm=MD5, username=\"1001\", realm=\"supersbc.telecmi.com\", nonce=\"n1\", uri=\"sip:supersbc.telecmi.com\", response=\"{}\", qop=auth, cnonce=\"{}\", nc=00000001
         Contact: <sip:{}@{}.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:{}>\";expires=300
         Expires: 300
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
         Supported: path,gruu,outbound
         User-Agent: PIOPIYJS
         Content-Length: 0

         ",
    );
    // R3: same Call-ID and From tag, next CSeq; a new branch.
    assert_eq!(header(&first, "Call-ID"), header(&second, "Call-ID"));
    assert_eq!(header(&first, "From"), header(&second, "From"));
    assert_ne!(header(&first, "Via"), header(&second, "Via"));
    bench.frame(granted(&second));
    bench.event();

    bench.command(Command::Unregister);
    let third = bench.one();
    same_shape(
        &third,
        "REGISTER sip:supersbc.telecmi.com SIP/2.0
         Route: <sip:127.0.0.1:42033;transport=ws;lr>
         Via: SIP/2.0/WS {}.invalid;branch=z9hG4bK{}
         Max-Forwards: 69
         To: <sip:1001@supersbc.telecmi.com>
         From: \"Sup One\" <sip:1001@supersbc.telecmi.com>;tag={}
         Call-ID: {}
         CSeq: 3 REGISTER
         Contact: <sip:{}@{}.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:{}>\";expires=0
         Expires: 0
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
         Supported: path,gruu,outbound
         User-Agent: PIOPIYJS
         Content-Length: 0

         ",
    );
    assert_ne!(tag(&second), tag(&third));
}

#[test]
fn responses_to_invite_i2_i3() {
    let mut bench = Bench::registered();
    let invite = bench.invite("call1", "", SDP);
    bench.frame(&invite);
    let sent = bench.take();
    same_shape(
        &sent[0],
        "SIP/2.0 100 Trying
         Via: SIP/2.0/WS 127.0.0.1:41557;branch=z9hG4bKtest1
         To: <sip:1001@supersbc.telecmi.com>
         From: \"Agent\" <sip:agent@supersbc.telecmi.com>;tag=f1
         Call-ID: call1
         CSeq: 1 INVITE
         Supported: ice,replaces,outbound
         Content-Length: 0

         ",
    );
    same_shape(
        &sent[1],
        "SIP/2.0 180 Ringing
         Record-Route: <sip:p1.example;transport=ws;lr>
         Record-Route: <sip:p2.example;lr>
         Via: SIP/2.0/WS 127.0.0.1:41557;branch=z9hG4bKtest1
         To: <sip:1001@supersbc.telecmi.com>;tag={}
         From: \"Agent\" <sip:agent@supersbc.telecmi.com>;tag=f1
         Call-ID: call1
         CSeq: 1 INVITE
         Contact: <sip:{}@{}.invalid;transport=ws>
         Supported: ice,replaces,outbound
         Content-Length: 0

         ",
    );
    let call = match bench.take_events().remove(0) {
        monipy_core::sip::ua::UaEvent::Incoming { call, .. } => call,
        other => panic!("{other:?}"),
    };
    bench.command(Command::Answer { call, sdp: SDP.into() });
    let ok = bench.one();
    let (head, body) = ok.split_once("\r\n\r\n").expect("a body");
    assert_eq!(body, SDP);
    same_shape(
        head,
        &format!(
            "SIP/2.0 200 OK
         Record-Route: <sip:p1.example;transport=ws;lr>
         Record-Route: <sip:p2.example;lr>
         Via: SIP/2.0/WS 127.0.0.1:41557;branch=z9hG4bKtest1
         To: <sip:1001@supersbc.telecmi.com>;tag={{}}
         From: \"Agent\" <sip:agent@supersbc.telecmi.com>;tag=f1
         Call-ID: call1
         CSeq: 1 INVITE
         Contact: <sip:{{}}@{{}}.invalid;transport=ws>
         Supported: ice,replaces,outbound
         Content-Type: application/sdp
         Content-Length: {}",
            SDP.len()
        ),
    );
    assert_eq!(header(&ok, "To"), header(&sent[1], "To"));
    assert!(header(&ok, "Contact").contains(&bench.contact));
}

#[test]
fn bye_and_its_reason_d1_d2() {
    let mut bench = Bench::registered();
    let (call, ok) = bench.answered();
    bench.command(Command::Hangup { call, reason: Some((500, "Hold Failed".into())) });
    let bye = bench.one();
    same_shape(
        &bye,
        "BYE sip:agent@192.0.2.9:5060 SIP/2.0
         Route: <sip:p1.example;transport=ws;lr>
         Route: <sip:p2.example;lr>
         Via: SIP/2.0/WS {}.invalid;branch=z9hG4bK{}
         Max-Forwards: 69
         To: <sip:agent@supersbc.telecmi.com>;tag=f1
         From: \"Sup One\" <sip:1001@supersbc.telecmi.com>;tag={}
         Call-ID: call1
         CSeq: {} BYE
         Reason: SIP ;cause=500; text=\"Hold Failed\"
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
         Supported: outbound
         User-Agent: PIOPIYJS
         Content-Length: 0

         ",
    );
    assert_eq!(header(&bye, "From").rsplit('=').next(), header(&ok, "To").rsplit('=').next());
    assert!(cseq(&bye) <= 10_000);
}

#[test]
fn re_invite_and_ack_d1_d3() {
    let mut bench = Bench::registered();
    let (call, _) = bench.answered();
    bench.command(Command::Offer { call, sdp: SDP.into() });
    let invite = bench.one();
    let (head, body) = invite.split_once("\r\n\r\n").expect("a body");
    assert_eq!(body, SDP);
    same_shape(
        head,
        &format!(
            "INVITE sip:agent@192.0.2.9:5060 SIP/2.0
         Route: <sip:p1.example;transport=ws;lr>
         Route: <sip:p2.example;lr>
         Via: SIP/2.0/WS {{}}.invalid;branch=z9hG4bK{{}}
         Max-Forwards: 69
         To: <sip:agent@supersbc.telecmi.com>;tag=f1
         From: \"Sup One\" <sip:1001@supersbc.telecmi.com>;tag={{}}
         Call-ID: call1
         CSeq: {{}} INVITE
         Contact: <sip:{{}}@{{}}.invalid;transport=ws>
         Content-Type: application/sdp
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
         Supported: ice,replaces,outbound
         User-Agent: PIOPIYJS
         Content-Length: {}",
            SDP.len()
        ),
    );
    bench.frame(respond(&invite, 200, "OK", "Contact: <sip:agent@192.0.2.9:5060>\r\n", SDP));
    let ack = bench.one();
    same_shape(
        &ack,
        "ACK sip:agent@192.0.2.9:5060 SIP/2.0
         Route: <sip:p1.example;transport=ws;lr>
         Route: <sip:p2.example;lr>
         Via: SIP/2.0/WS {}.invalid;branch=z9hG4bK{}
         Max-Forwards: 69
         To: <sip:agent@supersbc.telecmi.com>;tag=f1
         From: \"Sup One\" <sip:1001@supersbc.telecmi.com>;tag={}
         Call-ID: call1
         CSeq: {} ACK
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
         Supported: outbound
         User-Agent: PIOPIYJS
         Content-Length: 0

         ",
    );
    assert_eq!(cseq(&ack), cseq(&invite));
}

#[test]
fn outgoing_invite_cancel_and_ack_t7() {
    let mut bench = Bench::registered();
    let call = bench.ua.reserve_call();
    bench.command(Command::Call { call, target: "2002".into(), to: None, from: None, offer: SDP.into(), headers: Vec::new() });
    let invite = bench.one();
    let (head, _) = invite.split_once("\r\n\r\n").expect("a body");
    same_shape(
        head,
        &format!(
            "INVITE sip:2002@supersbc.telecmi.com SIP/2.0
         Route: <sip:127.0.0.1:42033;transport=ws;lr>
         Via: SIP/2.0/WS {{}}.invalid;branch=z9hG4bK{{}}
         Max-Forwards: 69
         To: <sip:2002@supersbc.telecmi.com>
         From: \"Sup One\" <sip:1001@supersbc.telecmi.com>;tag={{}}
         Call-ID: {{}}
         CSeq: {{}} INVITE
         Contact: <sip:{{}}@{{}}.invalid;transport=ws;ob>
         Content-Type: application/sdp
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
         Supported: ice,replaces,outbound
         User-Agent: PIOPIYJS
         Content-Length: {}",
            SDP.len()
        ),
    );
    bench.frame(respond(&invite, 180, "Ringing", "", ""));
    bench.take_events();
    bench.command(Command::Hangup { call, reason: None });
    let cancel = bench.one();
    same_shape(
        &cancel,
        "CANCEL sip:2002@supersbc.telecmi.com SIP/2.0
         Route: <sip:127.0.0.1:42033;transport=ws;lr>
         Via: SIP/2.0/WS {}.invalid;branch=z9hG4bK{}
         Max-Forwards: 69
         To: <sip:2002@supersbc.telecmi.com>
         From: \"Sup One\" <sip:1001@supersbc.telecmi.com>;tag={}
         Call-ID: {}
         CSeq: {} CANCEL
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
         Supported: outbound
         User-Agent: PIOPIYJS
         Content-Length: 0

         ",
    );
    assert_eq!(header(&cancel, "Via"), header(&invite, "Via"));
    bench.frame(respond(&invite, 487, "Request Terminated", "", ""));
    let ack = bench.one();
    assert!(ack.starts_with("ACK sip:2002@supersbc.telecmi.com SIP/2.0\r\nRoute: <sip:127.0.0.1:42033;transport=ws;lr>\r\n"), "{ack}");
    assert_eq!(header(&ack, "Via"), header(&invite, "Via"));
    assert!(header(&ack, "To").ends_with(";tag=sbc1"));
}

#[test]
fn info_and_refer_answers_d9_d11() {
    let mut bench = Bench::registered();
    let (_, ok) = bench.answered();
    let options = bench.inside(&ok, "OPTIONS", 2, "", "");
    bench.frame(options);
    same_shape(
        &bench.one(),
        "SIP/2.0 200 OK
         Via: SIP/2.0/WS 127.0.0.1:41557;branch=z9hG4bK{}
         To: <sip:1001@supersbc.telecmi.com>;tag={}
         From: \"Agent\" <sip:agent@supersbc.telecmi.com>;tag=f1
         Call-ID: call1
         CSeq: 2 OPTIONS
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
         Accept: application/sdp, application/dtmf-relay
         Supported: outbound
         Content-Length: 0

         ",
    );
    let refer = bench.inside(&ok, "REFER", 9, "Refer-To: <sip:x@y>\r\n", "");
    bench.frame(refer);
    let sent = bench.take();
    assert_eq!(status(&sent[0]), 202);
    let (head, body) = sent[1].split_once("\r\n\r\n").expect("a body");
    assert_eq!(body, "SIP/2.0 100 Trying");
    same_shape(
        head,
        "NOTIFY sip:agent@192.0.2.9:5060 SIP/2.0
         Route: <sip:p1.example;transport=ws;lr>
         Route: <sip:p2.example;lr>
         Via: SIP/2.0/WS {}.invalid;branch=z9hG4bK{}
         Max-Forwards: 69
         To: <sip:agent@supersbc.telecmi.com>;tag=f1
         From: \"Sup One\" <sip:1001@supersbc.telecmi.com>;tag={}
         Call-ID: call1
         CSeq: {} NOTIFY
         Event: refer;id=9
         Subscription-State: active;expires=300
         Content-Type: message/sipfrag;version=2.0
         Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
         Supported: outbound
         User-Agent: PIOPIYJS
         Content-Length: 18",
    );
}
