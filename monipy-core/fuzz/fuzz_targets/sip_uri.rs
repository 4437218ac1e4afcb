//! URIs, addresses, Vias and lists.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monipy_core::sip::uri::Scheme;
use monipy_core::sip::{List, NameAddr, SipUri, Via, escape_user, text};

fuzz_target!(|bytes: &[u8]| {
    if let Some(uri) = SipUri::parse(bytes) {
        assert!(uri.same_as(&uri) || uri.params().iter().count() >= 64 || has_twins(&uri));
        assert_eq!(SipUri::parse(uri.as_bytes()), Some(uri));
        assert!(uri.scheme() == Scheme::Other || !uri.host().is_empty());
        let _ = (uri.user_text(), uri.to_string(), uri.user_is("1001"));
    }
    if let Some(address) = NameAddr::parse(bytes) {
        assert!(!address.uri_bytes().is_empty());
        let _ = (address.display_name(), address.tag(), address.uri(), address.params().iter().count());
    }
    if let Some(via) = Via::parse(bytes) {
        let _ = (via.branch(), via.received(), via.port(), via.has_unique_branch());
        assert!(!via.host().is_empty() && !via.transport().is_empty());
    }
    let elements: usize = List::new(bytes).map(<[u8]>::len).sum();
    assert!(elements <= bytes.len());
    let user = text(bytes);
    if !user.is_empty() {
        let uri = format!("sip:{}@a.example", escape_user(&user));
        let read = SipUri::parse(uri.as_bytes()).expect("an escaped user makes a URI");
        assert_eq!(read.host(), b"a.example");
        assert_eq!(read.user_text().as_deref(), Some(&*user));
    }
});

/// Two parameters of one name and different values contradict each other, so such a URI is not
/// even the same as itself.
fn has_twins(uri: &SipUri<'_>) -> bool {
    let names: Vec<Vec<u8>> = uri.params().iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.iter().enumerate().any(|(at, name)| names[..at].contains(name))
}
