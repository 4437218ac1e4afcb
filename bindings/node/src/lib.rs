//! The native part of the Node face. It is small on purpose: `index.js` and `lib/` hold what a
//! JavaScript user sees; this holds what JavaScript cannot do.
//!
//! JavaScript's own thread is the executor of every future here (`wake.rs`): the library's threads
//! only ring, `Engine.pump` collects what is done. So nothing piles up outside the bounded queues
//! of the core, and after `close` nothing more can arrive.
//!
//! - `engine.rs`: the class that JavaScript holds, one per supervisor: making, methods, state, end;
//! - `pump.rs`: what was done meanwhile, in batches;
//! - `sound.rs`: readers, writers and recordings of its calls;
//! - `objects.rs`: the plain objects that JavaScript is given;
//! - `work.rs`: what is waited for, and what comes of it;
//! - `options.rs`: the constructor's options;
//! - `logger.rs`: the library's log, on standard error.
// `forbid` would refuse what the macros of napi-derive bring along.
#![deny(unsafe_code)]

pub mod engine;
mod logger;
pub mod objects;
mod options;
pub mod pump;
pub mod sound;
mod wake;
mod work;
