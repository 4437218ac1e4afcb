//! A centre that runs: asked, steered, stopped.

use crate::builder::{Builder, RuntimeGuard};
use crate::calls;
use crate::endpoints::{Credentials, Endpoints};
use crate::error::Result;
use crate::handles::{CallHandle, LegHandle};
use crate::http;
use crate::ladder::LadderEntry;
use crate::misbehaviour::{Misbehaviour, Standing, behave, misbehave};
use crate::mix::clock::ClockFigures;
use crate::party::{Party, Role};
use crate::record;
use crate::scenario::{self, Scenario};
use crate::signalling::phone::{LegCommand, PhoneInput};
use crate::state::{CallLabels, Centre, LegStage};
use crate::timeline::TimelineEntry;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A contact centre that runs. Dropping it stops everything.
pub struct ContactCenter {
    centre: Arc<Centre>,
    endpoints: Endpoints,
    credentials: Vec<Credentials>,
    _folder: tempfile::TempDir,
    _runtime: RuntimeGuard,
}

impl std::fmt::Debug for ContactCenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContactCenter").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

impl ContactCenter {
    pub(crate) fn of(
        centre: Arc<Centre>,
        endpoints: Endpoints,
        credentials: Vec<Credentials>,
        folder: tempfile::TempDir,
        runtime: RuntimeGuard,
    ) -> ContactCenter {
        ContactCenter { centre, endpoints, credentials, _folder: folder, _runtime: runtime }
    }

    /// What a centre is started with.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it is reached.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// `ws://` URL for phones.
    #[must_use]
    pub fn ws_url(&self) -> &str {
        &self.endpoints.ws
    }

    /// `wss://` URL for phones.
    #[must_use]
    pub fn wss_url(&self) -> &str {
        &self.endpoints.wss
    }

    /// `http://` URL of the control.
    #[must_use]
    pub fn http_url(&self) -> &str {
        &self.endpoints.http
    }

    /// PEM file of the authority that a phone must trust for `wss`.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.endpoints.ca_file
    }

    /// What phones log in with.
    #[must_use]
    pub fn credentials(&self) -> &[Credentials] {
        &self.credentials
    }

    /// Begins a call between two parties: scripted ones talk from this moment on, real phones
    /// ([`crate::Sound::Phone`]) are called.
    ///
    /// # Errors
    /// A name that is taken, a sound that cannot be had.
    pub fn call(&self, agent: Party, customer: Party) -> Result<CallHandle> {
        self.call_with(vec![agent, customer], None)
    }

    /// Begins a call of any number of parties, with labels of one's own for the vendor's
    /// headers.
    ///
    /// # Errors
    /// As [`ContactCenter::call`].
    pub fn call_with(&self, parties: Vec<Party>, labels: Option<CallLabels>) -> Result<CallHandle> {
        let id = calls::begin_and_ring(&self.centre, parties, labels)?;
        Ok(CallHandle::new(self.centre.clone(), id))
    }

    /// The calls that are up, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallHandle> {
        calls::all(&self.centre).into_iter().map(|c| CallHandle::new(self.centre.clone(), c.id)).collect()
    }

    /// A leg by its number, over or not.
    ///
    /// # Errors
    /// There never was such a leg.
    pub fn leg(&self, id: u64) -> Result<LegHandle> {
        self.centre.book().leg(id)?;
        Ok(LegHandle::new(self.centre.clone(), id))
    }

    /// Whether a supervisor is registered now.
    #[must_use]
    pub fn is_registered(&self, supervisor: &str) -> bool {
        self.centre.book().registered(supervisor, Instant::now()).is_some()
    }

    /// The role of an account; none when there is none.
    #[must_use]
    pub fn role_of(&self, phone: &str) -> Option<Role> {
        self.centre.book().accounts.get(phone).map(|a| a.role)
    }

    /// REGISTER requests granted so far, refreshes included.
    #[must_use]
    pub fn registers(&self) -> u64 {
        self.centre.book().registers
    }

    /// Waits until a supervisor is registered.
    ///
    /// # Errors
    /// A timeout.
    pub async fn wait_registered(&self, supervisor: &str, timeout: Duration) -> Result<()> {
        let name = supervisor.to_owned();
        let ready = |book: &crate::state::Book| Ok(book.registered(supervisor, Instant::now()).map(|_| ()));
        self.centre.wait(timeout, move |_| format!("{name} registers"), ready).await
    }

    /// Waits until a supervisor is not registered.
    ///
    /// # Errors
    /// A timeout.
    pub async fn wait_unregistered(&self, supervisor: &str, timeout: Duration) -> Result<()> {
        let name = supervisor.to_owned();
        let ready = |book: &crate::state::Book| Ok(book.registered(supervisor, Instant::now()).is_none().then_some(()));
        self.centre.wait(timeout, move |_| format!("{name} unregisters"), ready).await
    }

    /// Misbehaves: at once, or (where [`crate::MisbehaviourSpec::standing`] says so) from now on until taken
    /// back, `times` times at most.
    pub fn misbehave(&self, misbehaviour: Misbehaviour, times: Option<u32>) {
        misbehave(&self.centre, misbehaviour, times);
    }

    /// Takes a standing misbehaviour back; false when it did not stand.
    pub fn behave(&self, name: &str) -> bool {
        behave(&self.centre, name)
    }

    /// The misbehaviours that stand now.
    #[must_use]
    pub fn standing(&self) -> Vec<Standing> {
        self.centre.board.all()
    }

    /// Runs a scenario to its end.
    ///
    /// # Errors
    /// The sentence of the first step that could not be done, with its number.
    pub async fn play(&self, scenario: &Scenario) -> Result<()> {
        let (centre, scenario) = (self.centre.clone(), scenario.clone());
        let played = self.centre.runtime.spawn(async move { scenario::play(&centre, &scenario).await }).await;
        played.map_err(|e| crate::CentreError::system(format!("the scenario broke off: {e}")))?
    }

    /// Every SIP message so far, secrets redacted.
    #[must_use]
    pub fn ladder(&self) -> Vec<LadderEntry> {
        self.centre.ladder.entries()
    }

    /// Everything that happened so far.
    #[must_use]
    pub fn timeline(&self) -> Vec<TimelineEntry> {
        self.centre.timeline.entries()
    }

    /// Everything that happens from here on, as it happens.
    #[must_use]
    pub fn events(&self) -> TimelineEvents {
        TimelineEvents(self.centre.timeline.subscribe())
    }

    /// One line of JSON with everything that a test in another language needs: `ws`, `wss`, `http`,
    /// `ca_file`, `domain`, `credentials`.
    #[must_use]
    pub fn announcement(&self) -> String {
        let mut line = http::about(&self.endpoints, &self.credentials);
        line["kind"] = serde_json::Value::from("started");
        line.to_string()
    }

    /// How the media clock kept time.
    #[must_use]
    pub fn clock(&self) -> ClockFigures {
        self.centre.clock.figures()
    }

    /// Lets the media clock's figures begin anew.
    pub fn reset_clock(&self) {
        self.centre.clock.reset();
    }

    /// Waits until `POST /stop` came over HTTP.
    pub async fn stop_requested(&self) {
        let mut stop = self.centre.stop_requested.subscribe();
        // The sender lives as long as the centre does.
        let _ = stop.wait_for(|s| *s).await;
    }

    /// Ends the calls with BYE, writes what the run leaves, and stops.
    pub async fn stop(self) {
        let centre = &self.centre;
        let live: Vec<(u64, _)> = {
            let book = centre.book();
            let live = book.legs.values().filter(|l| l.info.stage != LegStage::Ended);
            live.map(|l| (l.info.id, l.phone.clone())).collect()
        };
        for (leg, phone) in &live {
            // A phone that is gone has ended its legs.
            let _ = phone.send(PhoneInput::Leg(*leg, LegCommand::HangUp));
        }
        let over = |book: &crate::state::Book| Ok(book.legs.values().all(|l| l.info.stage == LegStage::Ended).then_some(()));
        // A phone whose connection is lost ends late; the centre does not wait for it.
        let _ = centre.wait(Duration::from_secs(1), |_| "the legs end".into(), over).await;
        centre.stop.send_replace(true);
        // Everything that runs holds an end of this channel until it has ended.
        let ended = centre.clone();
        let ended = centre.runtime.spawn(async move { tokio::time::timeout(Duration::from_secs(3), ended.stop.closed()).await });
        if !matches!(ended.await, Ok(Ok(()))) {
            log::warn!("something did not end within 3 s and is cut off");
        }
    }
}

impl Drop for ContactCenter {
    fn drop(&mut self) {
        record::write(&self.centre);
        // Connections and phones end by this word; what hangs is cut off with the runtime, which
        // is dropped next.
        self.centre.stop.send_replace(true);
    }
}

/// A stream of what happens. A reader that is slow by more than a thousand entries misses some;
/// [`ContactCenter::timeline`] has them.
#[derive(Debug)]
pub struct TimelineEvents(tokio::sync::broadcast::Receiver<TimelineEntry>);

impl TimelineEvents {
    /// The next that has happened already; `None` when there is none.
    pub fn try_next(&mut self) -> Option<TimelineEntry> {
        use tokio::sync::broadcast::error::TryRecvError;
        loop {
            match self.0.try_recv() {
                Ok(entry) => return Some(entry),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    /// The next; `None` when the centre is gone.
    pub async fn next(&mut self) -> Option<TimelineEntry> {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            match self.0.recv().await {
                Ok(entry) => return Some(entry),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
