//! The message layer of `sip`: reading, writing, digest, redaction.

mod addresses_and_uris;
mod allocation;
mod damaged_messages;
mod digest_answers;
mod header_order;
mod injection;
mod redaction;
mod refusals;
mod round_trip;
mod sample;
mod torture_messages;
