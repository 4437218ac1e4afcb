//! Which phone a connection belongs to.

use super::phone::{self, PhoneInput};
use crate::registrar::identity;
use crate::state::Centre;
use monipy_core::sip::Message;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// The phones that have shown themselves, by what they are known by.
#[derive(Default)]
pub(crate) struct Directory {
    phones: Mutex<HashMap<String, Known>>,
}

/// A phone that has shown itself.
struct Known {
    user: Option<String>,
    phone: mpsc::UnboundedSender<PhoneInput>,
}

impl Directory {
    /// The phone that speaks first with this frame on connection number `connection`; `None` when
    /// the frame is no SIP message.
    ///
    /// A phone that was here is known by its `+sip.instance` (RFC 5626 4.1), or, when its first
    /// message carries none (a BYE right after it reconnected), by its user.
    pub(crate) fn phone(
        &self,
        centre: &Arc<Centre>,
        frame: &[u8],
        connection: u64,
        secure: bool,
    ) -> Option<mpsc::UnboundedSender<PhoneInput>> {
        let message = match Message::parse(frame) {
            Ok(message) => message,
            Err(reject) => *reject.message?,
        };
        let (user, instance) = identity(&message);
        let mut phones = self.phones.lock().unwrap_or_else(PoisonError::into_inner);
        phones.retain(|_, known| !known.phone.is_closed());
        let known = match &instance {
            Some(instance) => phones.get(instance),
            None => phones.values().find(|known| user.is_some() && known.user == user),
        };
        if let Some(known) = known {
            return Some(known.phone.clone());
        }
        let key = instance.unwrap_or_else(|| format!("connection {connection}"));
        let phone = phone::start(centre.clone(), secure);
        phones.insert(key, Known { user, phone: phone.clone() });
        Some(phone)
    }
}
