//! # A contact centre in a box
//!
//! A SIP-over-WebSocket contact centre (RFC 7118) that starts in a second, without an account:
//! agents and customers talk in calls that it holds itself, supervisors register at it and are
//! barged into those calls, and it measures in the audio who heard whom.
//!
//! ```no_run
//! # async fn test() -> contact_center::Result<()> {
//! use contact_center::{ContactCenter, Mode, Party};
//! use std::time::Duration;
//!
//! let centre = ContactCenter::builder().start().await?;
//! let call = centre.call(Party::agent("agent").tone(440.0), Party::customer("customer").tone(1000.0))?;
//! // ... a phone logs in at centre.ws_url() as "supervisor" with the password "secret" ...
//! centre.wait_registered("supervisor", Duration::from_secs(5)).await?;
//! let leg = call.barge("supervisor", Mode::Listen)?;
//! leg.wait_media(Duration::from_secs(5)).await?;
//! call.wait_heard("supervisor", &["agent", "customer"], Duration::from_secs(5)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`ContactCenter`], [`Builder`]: a centre that runs; [`CallHandle`], [`LegHandle`]: a call and a
//!   supervisor's leg of it.
//! - [`Party`], [`Sound`], [`Mode`]: who talks, what it sounds like, who is heard by whom;
//!   [`recorded_speech`] for a supervisor who has something to say.
//! - [`Audibility`]: who heard whom, in dB.
//! - [`Misbehaviour`]: what goes wrong, by name.
//! - [`LadderEntry`], [`TimelineEntry`]: what went over the wire, and what happened.
//!
//! The centre has a runtime and a media thread of its own, so that it works in any test, async or
//! not, and keeps time while the test blocks. Dropping it stops everything.
//!
//! It is a tool for tests and demonstrations, not a server for the open network: a phone that knows
//! another's instance id may take its place.
#![forbid(unsafe_code)]

mod audibility;
mod builder;
mod calls;
mod centre;
mod dialect;
mod endpoints;
mod error;
mod handles;
mod http;
mod ladder;
mod legs;
mod misbehaviour;
mod mix;
mod mode;
mod party;
mod random;
mod record;
mod registrar;
mod scenario;
mod signalling;
mod state;
mod timeline;
mod tls;

pub use audibility::{Audibility, EarReport, Heard};
pub use builder::Builder;
pub use calls::{CallInfo, Level, PartyInfo};
pub use centre::{ContactCenter, TimelineEvents};
pub use dialect::Dialect;
pub use endpoints::{Credentials, Endpoints};
pub use error::{CentreError, ErrorKind, Result};
pub use handles::{CallHandle, LegHandle};
pub use ladder::{LadderEntry, Way};
pub use misbehaviour::{MISBEHAVIOURS, Misbehaviour, MisbehaviourSpec, Standing};
pub use mix::clock::ClockFigures;
pub use mix::dialogue::Shape as DialogueShape;
pub use mix::impair::Impairment;
pub use mix::layout::Layout;
pub use mix::speech::recorded_speech;
pub use mode::Mode;
pub use party::{Party, Role, SOUNDS, Sound};
pub use scenario::{Scenario, reference as scenario_reference};
pub use state::{CallLabels, LegEnd, LegInfo, LegStage};
pub use timeline::TimelineEntry;

/// The OpenAPI document of HTTP control, as `GET /openapi.json` gives it.
#[must_use]
pub fn openapi() -> serde_json::Value {
    http::openapi()
}
