//! The contact centre against real supervisors of the engine, end to end over loopback: one file
//! per behaviour.

mod support;

mod call_misbehaviour;
mod demo;
mod dialling_in;
mod hold;
mod invite;
mod lost_server;
mod media_misbehaviour;
mod modes;
mod program;
mod registration;
mod side_by_side;
mod tls;
