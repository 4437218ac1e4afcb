//! Link, registration, logging in and out, coming back after a loss.

use super::machine::{Link, Login, Machine, Output, Token};
use crate::error::{Error, Reply};
use crate::event::{Detail, EventKind};
use crate::sip::ua::{Command as UaCommand, Input as UaInput, Rng, Ua, UaConfig};
use crate::transport::ws::LinkError;
use crate::vocabulary::code;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a logout waits for the server's word, and a shutdown.
const LOGOUT_TIME: Duration = Duration::from_secs(4);
const SHUTDOWN_TIME: Duration = Duration::from_millis(1000);
/// Longest id and password taken.
const MAX_CREDENTIAL: usize = 1024;

impl Machine {
    pub(crate) fn login(&mut self, id: &str, password: Zeroizing<String>, token: Option<Token>) {
        if matches!(self.login, Login::Pending | Login::In | Login::Leaving) {
            return self.wrong_state(None, token, Error::new(code::ALREADY_LOGGED_IN, "Already logged in"));
        }
        if let Err(error) = check_credentials(id, &password) {
            return self.wrong_state(None, token, error);
        }
        // A login that the server put off ("later") is replaced by this one.
        self.drop_link();
        let mut ua = Ua::new(self.ua_config(id), Rng::from_seed(self.fresh_seed()), self.now);
        let register = UaCommand::Register { user: id.to_owned(), password, authorization_user: None };
        ua.handle(UaInput::Command(register), self.now);
        self.ua = Some(ua);
        self.login = Login::Pending;
        self.login_token = token;
        self.backoff.reset();
        self.connect();
    }

    fn fresh_seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        for chunk in seed.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.rng.next_u64().to_ne_bytes());
        }
        seed
    }

    fn ua_config(&self, id: &str) -> UaConfig {
        let config = &self.config;
        let url = url::Url::parse(&config.server).ok();
        let host = url.as_ref().and_then(|u| u.host_str()).unwrap_or_default().to_owned();
        let server = match url.as_ref().and_then(url::Url::port) {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let secure = url.as_ref().is_some_and(|u| u.scheme() == "wss");
        let mut ua = UaConfig::client(id, config.domain.clone().unwrap_or(host), server, secure);
        ua.display_name.clone_from(&config.name);
        ua.user_agent.clone_from(&config.user_agent);
        ua.register_expires = Duration::from_secs(config.register_expires.into());
        ua.register_headers.clone_from(&config.register_headers);
        ua.invite_headers.clone_from(&config.invite_headers);
        ua.ring_time = Duration::from_secs(config.ring_time.into());
        ua.max_calls = config.max_calls as usize;
        ua.limits.server_transactions = ua.limits.server_transactions.max(4 * ua.max_calls);
        ua.limits.client_transactions = ua.limits.client_transactions.max(4 * ua.max_calls);
        ua
    }

    fn connect(&mut self) {
        self.reconnect_at = None;
        self.link = Link::Connecting;
        self.out.push_back(Output::Connect);
    }

    fn reconnect_later(&mut self) {
        let random = self.rng.fraction();
        self.link = Link::Down;
        self.reconnect_at = Some(self.now + self.backoff.next(random));
    }

    /// Lets go of the link without a word to the user agent.
    fn drop_link(&mut self) {
        if self.link != Link::Down {
            self.out.push_back(Output::Disconnect);
        }
        self.link = Link::Down;
        self.reconnect_at = None;
        if self.connected_told {
            self.connected_told = false;
            self.event(EventKind::Disconnected, None, code::OK, "disconnected", Detail::Reason("logged out".into()));
        }
    }

    pub(crate) fn link_up(&mut self) {
        if self.link != Link::Connecting {
            return;
        }
        self.link = Link::Up;
        self.connected_told = true;
        self.event(EventKind::Connected, None, code::OK, "connected", Detail::None);
        self.ua_input(UaInput::Up);
    }

    pub(crate) fn link_failed(&mut self, error: LinkError) {
        if self.link != Link::Connecting {
            return;
        }
        self.link = Link::Down;
        match self.login {
            Login::Pending => {
                let code = if error.timed_out { code::TIMEOUT } else { code::NOT_CONNECTED };
                self.login_failed(code, &error.why, self.config.auto_reboot);
            }
            Login::Lost => self.reconnect_later(),
            Login::Leaving => self.left("Logged out successfully"),
            Login::Out | Login::In => {}
        }
    }

    pub(crate) fn link_down(&mut self, why: String) {
        if self.link != Link::Up {
            return;
        }
        self.link = Link::Down;
        self.connected_told = false;
        self.event(EventKind::Disconnected, None, code::NOT_CONNECTED, "disconnected", Detail::Reason(why.clone()));
        self.ua_input(UaInput::Down { reason: why.clone() });
        match self.login {
            Login::Pending => self.login_failed(code::NOT_CONNECTED, &why, self.config.auto_reboot),
            Login::In | Login::Lost => {
                self.login = Login::Lost;
                self.reconnect_later();
            }
            Login::Leaving => self.left("Logged out successfully"),
            // A call outlived its registration; without the link it cannot be steered any more.
            Login::Out => self.forget_ua(),
        }
    }

    /// This machine has another address: what it alone has lost need not wait its turn in a crowd, and
    /// media must find a new way as well.
    pub(crate) fn link_moved(&mut self, why: String) {
        self.link_down(why);
        if self.login == Login::Lost && self.reconnect_at.is_some() {
            self.reconnect_at = Some(self.now + Duration::from_millis(self.config.reconnect_min_ms.into()));
        }
        for entry in self.calls.values_mut() {
            entry.media_up = false;
        }
    }

    pub(crate) fn registered(&mut self) {
        match self.login {
            Login::Pending | Login::Lost => {
                self.media_again();
                self.login = Login::In;
                self.registered_told = true;
                self.backoff.reset();
                self.event(EventKind::Login, None, code::OK, "Logged in successfully", Detail::None);
                let token = self.login_token.take();
                self.succeed(token, "Logged in successfully");
            }
            Login::In | Login::Leaving | Login::Out => {}
        }
    }

    /// Not registered any more, whoever wanted it so.
    pub(crate) fn unregistered(&mut self, reason: &str) {
        self.tell_logout(reason);
        match self.login {
            Login::Leaving => self.left("Logged out successfully"),
            Login::In => self.login = Login::Lost,
            _ => {}
        }
    }

    fn tell_logout(&mut self, reason: &str) {
        if std::mem::take(&mut self.registered_told) {
            self.event(EventKind::Logout, None, code::OK, "Logged out successfully", Detail::Reason(reason.to_owned()));
        }
    }

    pub(crate) fn registration_failed(&mut self, sip_code: u16, reason: &str, will_retry: bool, credentials_tried: bool) {
        if self.login == Login::Leaving {
            return self.left("Logged out successfully");
        }
        if !matches!(self.login, Login::Pending | Login::In | Login::Lost) {
            return;
        }
        self.tell_logout(reason);
        let wrong_credentials = (matches!(sip_code, 401 | 403 | 407) && credentials_tried) || sip_code == 404;
        let (code, status) = match sip_code {
            _ if wrong_credentials => (code::UNAUTHORIZED, "Invalid Login ID or Password".to_owned()),
            503 => (code::TOO_MANY_CONNECTIONS, format!("Too many connections: {reason}")),
            other => (other, reason.to_owned()),
        };
        if will_retry {
            // The user agent tries again by itself over this link.
            self.login = Login::Lost;
            self.tell_login_failed(code, &status, reason);
            return;
        }
        self.login_failed(code, &status, self.config.auto_reboot && !wrong_credentials);
    }

    fn tell_login_failed(&mut self, code: u16, status: &str, reason: &str) {
        self.event(EventKind::LoginFailed, None, code, status, Detail::Reason(reason.to_owned()));
        let token = self.login_token.take();
        self.fail(token, Error::new(code, status));
    }

    /// The login is over; with `again` the engine starts itself anew after a while.
    fn login_failed(&mut self, code: u16, status: &str, again: bool) {
        self.tell_login_failed(code, status, status);
        if again {
            self.event(EventKind::Reboot, None, code::OK, "starting again", Detail::Reason(status.to_owned()));
            self.login = Login::Lost;
            if self.link == Link::Up {
                self.out.push_back(Output::Disconnect);
                self.connected_told = false;
                self.event(EventKind::Disconnected, None, code::OK, "disconnected", Detail::Reason("starting again".into()));
                self.ua_input(UaInput::Down { reason: "starting again".into() });
            }
            self.ua_input(UaInput::Command(UaCommand::RegisterAgain));
            self.reconnect_later();
            return;
        }
        self.login = Login::Out;
        if self.calls.is_empty() {
            self.forget_ua();
        }
    }

    /// Nobody is logged in and no call is left: the user agent and the link go.
    pub(crate) fn forget_ua(&mut self) {
        if let Some(mut ua) = self.ua.take() {
            ua.handle(UaInput::Down { reason: "logged out".into() }, self.now);
        }
        let left: Vec<_> = self.calls.keys().copied().collect();
        for call in left {
            self.call_lost(call, "logged out");
        }
        self.drop_link();
    }

    pub(crate) fn logout(&mut self, token: Option<Token>) {
        match self.login {
            Login::Out => return self.wrong_state(None, token, Error::invalid_state("Need to log in first")),
            Login::Leaving => return self.logout_tokens.extend(token),
            Login::Pending | Login::In | Login::Lost => {}
        }
        self.logout_tokens.extend(token);
        self.leave(LOGOUT_TIME);
    }

    fn leave(&mut self, within: Duration) {
        if let Some(token) = self.login_token.take() {
            self.event(EventKind::LoginFailed, None, 487, "logged out meanwhile", Detail::Reason("logged out meanwhile".into()));
            self.fail(Some(token), Error::new(487, "logged out meanwhile"));
        }
        self.login = Login::Leaving;
        self.leave_by = Some(self.now + within);
        self.end_all_calls();
        if self.link == Link::Up && self.registered_told {
            self.ua_input(UaInput::Command(UaCommand::Unregister));
            return;
        }
        self.left("Logged out successfully");
    }

    /// The logout is done, with or without the server's word.
    fn left(&mut self, status: &str) {
        if self.login != Login::Leaving {
            return;
        }
        self.login = Login::Out;
        self.leave_by = None;
        self.tell_logout("logged out");
        self.forget_ua();
        for token in std::mem::take(&mut self.logout_tokens) {
            self.out.push_back(Output::Reply(token, Ok(Reply::new(code::OK, status))));
        }
        self.end_shutdown();
    }

    pub(crate) fn begin_shutdown(&mut self, token: Option<Token>) {
        self.shutdown = Some(token);
        match self.login {
            Login::Out => {
                self.end_all_calls();
                self.forget_ua();
                self.end_shutdown();
            }
            Login::Leaving => self.leave_by = Some(self.now + SHUTDOWN_TIME),
            Login::Pending | Login::In | Login::Lost => self.leave(SHUTDOWN_TIME),
        }
    }

    fn end_shutdown(&mut self) {
        if let Some(token) = self.shutdown.take() {
            self.succeed(token, "shut down");
            self.gone = true;
            self.out.push_back(Output::Gone);
        }
    }

    pub(crate) fn login_timers(&mut self) {
        if self.reconnect_at.is_some_and(|at| at <= self.now) {
            self.connect();
        }
        if self.leave_by.is_some_and(|at| at <= self.now) {
            self.left("Logged out successfully");
        }
        if self.login == Login::Out && self.calls.is_empty() && self.ua.is_some() {
            self.forget_ua();
        }
    }
}

fn check_credentials(id: &str, password: &str) -> Result<(), Error> {
    // RFC 3261 25.1: user = unreserved / escaped / user-unreserved. What is outside would have to
    // be escaped, and then the server would know another name than the digest.
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/%#".contains(c);
    if id.is_empty() || id.len() > MAX_CREDENTIAL || !id.chars().all(allowed) {
        return Err(Error::invalid_argument(format!(
            "id: it must be 1 to {MAX_CREDENTIAL} characters, letters, digits or -_.!~*'()&=+$,;?/%# (the part before the @, without the domain)"
        )));
    }
    if password.len() > MAX_CREDENTIAL || password.contains(['\r', '\n', '\0']) {
        return Err(Error::invalid_argument(format!("password: at most {MAX_CREDENTIAL} bytes, no line breaks")));
    }
    Ok(())
}
