//! monipy against the servers of the field. These tests start the servers themselves, on
//! loopback; they are `#[ignore]`d because the servers must be installed:
//! `cargo test -p monipy-tests --test interop -- --include-ignored`.

mod browser_phones;
mod coturn;
mod kamailio;
mod pair;
mod proof;
mod rtpengine;
mod supervisor;
mod vendor_triangle;
