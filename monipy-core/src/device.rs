//! The machine's speakers and microphones.
//!
//! In audio mode `device` (the default) a call that is answered opens the cards that
//! [`crate::Config::output_device`] and [`crate::Config::input_device`] name, or the system's default.
//! Before that nothing is opened. [`crate::Supervisor::set_output_device`] changes them in a call.

use crate::error::{Error, Result};
use crate::vocabulary::code;
pub use monipy_device::{Device, Way};

/// Every speaker and microphone there is now. Takes milliseconds, and seconds where a sound server
/// does not answer.
///
/// # Errors
/// 415 when the machine has no sound system.
pub fn devices() -> Result<Vec<Device>> {
    monipy_device::devices().map_err(|e| Error::new(code::MEDIA, e.0))
}
