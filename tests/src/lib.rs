//! What tests that cross the rooms share: servers of the field, started on free loopback ports,
//! and ears for tones.

pub mod ears;
pub mod kamailio;
