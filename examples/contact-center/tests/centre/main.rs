//! The contact centre against real supervisors of the engine, end to end over loopback: one file
//! per behaviour.

mod support;

mod call_misbehaviour;
mod demo;
mod dialling_in;
mod generated_pages;
mod hold;
mod invite;
mod keyed_extension;
mod layouts;
mod lost_server;
mod media_misbehaviour;
mod modes;
mod named_media;
mod parties;
mod program;
mod registration;
mod run_folder;
mod scenarios;
mod side_by_side;
mod tls;
