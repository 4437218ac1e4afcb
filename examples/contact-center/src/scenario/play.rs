//! How a scenario is played.

use super::Scenario;
use super::action::{Action, Entry, Stage};
use crate::calls;
use crate::error::{CentreError, ErrorKind, Result};
use crate::handles::{CallHandle, wait_stage};
use crate::legs;
use crate::misbehaviour::{behave, misbehave};
use crate::party::{Party, Role};
use crate::signalling::phone::{LegCommand, Renegotiation};
use crate::state::{Book, Centre, LegStage, stopped};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The calls by the names that the scenario gave them.
struct Play<'a> {
    centre: &'a Arc<Centre>,
    calls: HashMap<String, u64>,
}

/// Plays a scenario to its end, or until the centre stops.
pub(crate) async fn play(centre: &Arc<Centre>, scenario: &Scenario) -> Result<()> {
    let mut stop = centre.stop.subscribe();
    let start = Instant::now();
    let mut play = Play { centre, calls: HashMap::new() };
    centre.timeline.note("scenario", None, None, format!("{} begins", scenario.name()));
    let all = async {
        for planned in scenario.plan() {
            tokio::time::sleep_until((start + planned.at).into()).await;
            let text = format!("step {} at {:.3} s: {}", planned.number, planned.at.as_secs_f64(), planned.action);
            centre.timeline.note("step", None, None, text);
            play.act(planned.action).await.map_err(|e| {
                let message = format!("step {} ({}): {}", planned.number, planned.action.name(), e.message);
                centre.timeline.note("failed", None, None, message.clone());
                CentreError { kind: e.kind, message }
            })?;
        }
        Ok(())
    };
    let outcome = tokio::select! {
        outcome = all => outcome,
        () = stopped(&mut stop) => Err(CentreError::state("the contact centre was stopped")),
    };
    let how = if outcome.is_ok() { "ends" } else { "breaks off" };
    centre.timeline.note("scenario", None, None, format!("{} {how}", scenario.name()));
    outcome
}

impl Play<'_> {
    async fn act(&mut self, action: &Action) -> Result<()> {
        let centre = self.centre;
        match action {
            Action::Call { call, agent, customer, parties } => self.begin(call, agent, customer, parties.as_deref()).await,
            Action::Barge { call, supervisor, mode, layout } => {
                let first = || centre.book().accounts.iter().find(|(_, a)| a.role == Role::Supervisor).map(|(id, _)| id.clone());
                let supervisor = supervisor.clone().or_else(first).unwrap_or_default();
                legs::barge(centre, self.call(call)?, &supervisor, *mode, *layout).map(drop)
            }
            Action::Mode { phone, mode } => legs::set_mode(centre, self.leg(phone)?, *mode),
            Action::Join { call, name, role, sound } => {
                let party = Party::named(Some(name.clone()), role.0, sound).map_err(CentreError::invalid)?;
                calls::join(centre, self.call(call)?, party)
            }
            Action::Leave { call, party } => calls::leave(centre, self.call(call)?, party),
            Action::Bridge { call, other } => calls::bridge(centre, self.call(call)?, self.call(other)?),
            Action::Sound { call, party, sound } => {
                calls::set_sound(centre, self.call(call)?, party, sound.parse().map_err(CentreError::invalid)?)
            }
            Action::Keys { phone, digits } => legs::send_dtmf(centre, self.leg(phone)?, digits),
            Action::Hold { phone } => legs::negotiate(centre, self.leg(phone)?, Renegotiation::Hold(true)),
            Action::Unhold { phone } => legs::negotiate(centre, self.leg(phone)?, Renegotiation::Hold(false)),
            Action::HangUp { phone } => legs::command(centre, self.leg(phone)?, LegCommand::HangUp),
            Action::End { call } => calls::end(centre, self.call(call)?),
            Action::Misbehave { misbehaviour, times } => {
                misbehave(centre, misbehaviour.clone(), *times);
                Ok(())
            }
            Action::Behave { misbehaviour } => {
                if behave(centre, misbehaviour) {
                    return Ok(());
                }
                Err(CentreError::new(ErrorKind::Unknown, format!("{misbehaviour:?} does not stand")))
            }
            Action::Wait { phone, what, timeout } => self.wait(phone, *what, Duration::from_secs_f64(*timeout)).await,
            Action::Expect { call, listener, heard, timeout } => {
                let heard: Vec<&str> = heard.iter().map(String::as_str).collect();
                let call = CallHandle::new(centre.clone(), self.call(call)?);
                call.wait_heard(listener, &heard, Duration::from_secs_f64(*timeout)).await
            }
        }
    }

    async fn begin(&mut self, name: &str, agent: &Option<Entry>, customer: &Option<Entry>, parties: Option<&[Entry]>) -> Result<()> {
        let none = Entry::default();
        let parties: Result<Vec<Party>, String> = match parties {
            Some(list) => list.iter().map(|entry| entry.party(Role::Agent)).collect(),
            None => [(agent, Role::Agent), (customer, Role::Customer)]
                .into_iter()
                .map(|(e, role)| e.as_ref().unwrap_or(&none).party(role))
                .collect(),
        };
        let (centre, parties) = (self.centre.clone(), parties.map_err(CentreError::invalid)?);
        // Synthesised speech takes a moment that phones should not wait for.
        let begun = tokio::task::spawn_blocking(move || calls::begin_and_ring(&centre, parties, None)).await;
        let id = begun.map_err(|e| CentreError::system(e.to_string()))??;
        self.calls.insert(name.to_owned(), id);
        Ok(())
    }

    fn call(&self, name: &str) -> Result<u64> {
        self.calls.get(name).copied().ok_or_else(|| CentreError::unknown(format!("the scenario has begun no call {name:?}")))
    }

    /// The newest leg of a phone.
    fn leg(&self, phone: &str) -> Result<u64> {
        let book = self.centre.book();
        let live =
            book.legs.values().filter(|l| l.info.supervisor == phone && l.info.stage != LegStage::Ended).map(|l| l.info.id).next_back();
        live.ok_or_else(|| CentreError::state(format!("{phone} is in no call")))
    }

    async fn wait(&self, phone: &str, what: Stage, timeout: Duration) -> Result<()> {
        let stage = match what {
            Stage::Registered | Stage::Unregistered => {
                let wanted = what == Stage::Registered;
                let ready = |book: &Book| Ok((book.registered(phone, Instant::now()).is_some() == wanted).then_some(()));
                return self.centre.wait(timeout, |_| format!("{phone} is {}registered", if wanted { "" } else { "un" }), ready).await;
            }
            Stage::Ringing => LegStage::Ringing,
            Stage::Answered => LegStage::Answered,
            Stage::Media => LegStage::Media,
            Stage::Ended => LegStage::Ended,
        };
        let newest = |book: &Book| Ok(book.legs.values().filter(|l| l.info.supervisor == phone).map(|l| l.info.id).next_back());
        let leg = self.centre.wait(timeout, |_| format!("{phone} is called"), newest).await?;
        wait_stage(self.centre, leg, stage, timeout).await
    }
}
