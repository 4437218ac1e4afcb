//! # libmonipy: the C interface
//!
//! The library behind `include/monipy.h`. It holds handles, copies strings, catches panics and
//! delivers events; it decides nothing about calls (that is `monipy-core`).
//!
//! The rooms are in the order of the header. Files that face C, one chapter each: [`types`],
//! [`status`], [`generated`], [`library`], [`logging`], [`config`], [`event`], [`supervisor`],
//! [`call`], [`stats`], [`audio`]. What they stand on: `guard` (panics, fork, the last error),
//! `handle` (slots and generations), `gate` (who is inside a callback), `dispatch` (the threads
//! that deliver events), `outcome` (waiting without a runtime), `sized` (versions of structs),
//! `text` (strings).
//!
//! The header is made from the documentation in these files by `bindings/generate`.
#![allow(non_camel_case_types)] // The names are those of C.

mod dispatch;
mod gate;
mod guard;
mod handle;
mod outcome;
mod sized;
mod text;

pub mod audio;
pub mod call;
pub mod config;
pub mod event;
pub mod generated;
pub mod generated_config;
pub mod library;
pub mod logging;
pub mod sound;
pub mod stats;
pub mod status;
pub mod supervisor;
pub mod types;
