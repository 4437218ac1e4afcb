//! Who heard whom, measured in the audio that each party received.
//!
//! The centre knows what every party said (its source) and what every party received (its mix).
//! For each 200 ms the received audio is explained as a weighted sum of the sources by least
//! squares (the normal equations over the sources' inner products); a weight of 1 means "heard as
//! loud as it was said", 0 "not heard". Nothing of how the mix was *meant* enters the measurement.
//!
//! - `ear`: the running measurement of one party.
//! - `report`: the matrix, for people and for assertions.
//! - `observed`: the same measurement for audio that was received outside of the centre (what a
//!   real supervisor heard), aligned with what was sent.

pub(crate) mod ear;
pub(crate) mod observed;
mod report;
mod solve;

pub use report::{Audibility, EarReport, Heard};
