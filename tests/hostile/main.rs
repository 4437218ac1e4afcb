//! Hostile peers against the whole client: a real `Supervisor` over real sockets, judged by what
//! goes over the wire. Every row is a case of the trust table (docs/trust.md) and can fail.
//!
//! [`case`]: what a case is, and the runner with its table; [`server`]: a WebSocket server that says
//! what it is told, byte by byte; [`sip`]: messages; [`phone`]: the client under test, and a line
//! between the two; [`watch`]: the log, which must not hold a secret; [`outputs`]: nor may
//! any other output of a run; `g1_` to `g10_`: the groups.
//!
//!     cargo test -p monipy-tests --test hostile [-- PART_OF_ID_OR_NAME...]

mod case;
mod g10_resources;
mod g1_handshake;
mod g2_frames;
mod g3_syntax;
mod g4_semantics;
mod g5_registration;
mod g6_descriptions;
mod g7_connection;
mod g8_packets;
mod media;
mod outputs;
mod phone;
mod server;
mod sip;
mod watch;

fn main() -> std::process::ExitCode {
    let mut cases = Vec::new();
    g1_handshake::cases(&mut cases);
    g2_frames::cases(&mut cases);
    g3_syntax::cases(&mut cases);
    g4_semantics::cases(&mut cases);
    g5_registration::cases(&mut cases);
    g6_descriptions::cases(&mut cases);
    g7_connection::cases(&mut cases);
    g8_packets::cases(&mut cases);
    g10_resources::cases(&mut cases);
    outputs::cases(&mut cases);
    case::run(cases)
}
