//! What stands now.

use super::Misbehaviour;
use crate::mix::impair::Impairment;
use serde::Serialize;
use std::sync::{Mutex, PoisonError};

/// A misbehaviour that stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// What.
    #[serde(flatten)]
    pub misbehaviour: Misbehaviour,
    /// How often it will still happen; `None` until taken back.
    pub times: Option<u32>,
}

/// What stands now.
#[derive(Debug, Default)]
pub(crate) struct Switchboard(Mutex<Vec<Standing>>);

impl Switchboard {
    /// Lets a misbehaviour stand, in place of one of the same name.
    pub(crate) fn stand(&self, misbehaviour: Misbehaviour, times: Option<u32>) {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        standing.retain(|s| s.misbehaviour.name() != misbehaviour.name());
        standing.push(Standing { misbehaviour, times });
    }

    /// Takes one back; false when it did not stand.
    pub(crate) fn take_back(&self, name: &str) -> bool {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = standing.len();
        standing.retain(|s| s.misbehaviour.name() != name);
        standing.len() != before
    }

    pub(crate) fn all(&self) -> Vec<Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What `pick` finds, if it stands; counts as having happened.
    pub(crate) fn happens<T>(&self, pick: impl Fn(&Misbehaviour) -> Option<T>) -> Option<T> {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, found) = standing.iter().enumerate().find_map(|(i, s)| pick(&s.misbehaviour).map(|t| (i, t)))?;
        if let Some(times) = &mut standing[at].times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                standing.remove(at);
            }
        }
        Some(found)
    }

    /// Whether this one stands; counts as having happened.
    pub(crate) fn happens_now(&self, wanted: &Misbehaviour) -> bool {
        self.happens(|m| (m == wanted).then_some(())).is_some()
    }

    /// What disturbs the media of legs now.
    pub(crate) fn impairment(&self) -> Impairment {
        self.all().iter().filter_map(|s| s.misbehaviour.impairment()).fold(Impairment::default(), Impairment::and)
    }

    /// The same for a leg that begins; counts as having happened.
    pub(crate) fn impairment_of_a_new_leg(&self) -> Impairment {
        let names: Vec<&str> = self.all().iter().filter(|s| s.misbehaviour.impairment().is_some()).map(|s| s.misbehaviour.name()).collect();
        let found = names.iter().filter_map(|name| self.happens(|m| m.impairment().filter(|_| m.name() == *name)));
        found.fold(Impairment::default(), Impairment::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_happens_as_often_as_asked() {
        let board = Switchboard::default();
        board.stand(Misbehaviour::Forbidden, Some(2));
        board.stand(Misbehaviour::StaleNonce, None);
        let hits = (0..5).filter(|_| board.happens_now(&Misbehaviour::Forbidden)).count();
        assert_eq!(hits, 2);
        assert!((0..5).all(|_| board.happens_now(&Misbehaviour::StaleNonce)));
        assert!(board.take_back("stale-nonce") && !board.take_back("stale-nonce"));
        assert!(board.all().is_empty());
    }
}
