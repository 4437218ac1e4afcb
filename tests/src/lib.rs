//! What tests that cross the rooms share: servers of the field, started on free loopback ports,
//! ears for tones, and programs in C and C++.

pub mod browser;
pub mod coturn;
pub mod ears;
pub mod kamailio;
pub mod native;
pub mod rtpengine;
pub mod trace;
