//! Transactions over a reliable transport (RFC 3261 17, RFC 6026): nothing is retransmitted by a
//! transaction, timers A, E, G are absent, D, I, J, K are zero. What is left is matching, timers
//! B and F (no answer), H (no ACK), L and M (late 2xx and their ACKs), and the bounds of the tables.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::core::{Core, Due, Reply};
use super::header_name::HeaderName;
use super::interface::{CallKey, RequestKey};
use super::message::Message;
use super::method::Method;
use super::outgoing_request::OutgoingRequest;
use super::timers::TimerId;
use std::time::Duration;

/// 64 times T1 (RFC 3261 17.1.1.1): how long anything is waited for.
pub(super) const TIMEOUT: Duration = Duration::from_secs(32);

/// Whose client transaction it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Registration,
    /// The INVITE that begins a call.
    Invite(CallKey),
    /// An offer inside a call.
    ReInvite(CallKey),
    /// INFO or NOTIFY inside a call.
    InDialog(CallKey),
    /// Nobody waits for it; a challenge is still answered, once.
    Nobody,
    /// Nobody waits for it, and nothing of it matters any more.
    Abandoned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientState {
    /// Nothing came yet (Calling, Trying).
    Trying,
    /// A provisional response came.
    Proceeding,
    /// INVITE only: a 2xx came (RFC 6026).
    Accepted,
}

/// Whether an INVITE of ours is being cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// As soon as a provisional response allows it (RFC 3261 9.1).
    Wanted,
    Sent,
}

#[derive(Debug)]
pub(super) struct ClientTransaction {
    pub(super) request: OutgoingRequest,
    pub(super) owner: Owner,
    pub(super) state: ClientState,
    pub(super) cancel: Cancel,
    /// The To tag of the 2xx that made the dialog, and its ACK for repetitions.
    pub(super) accepted: Option<(Vec<u8>, Vec<u8>)>,
    via: String,
    timer: Option<TimerId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerOwner {
    /// The INVITE that begins a call.
    Invite(CallKey),
    /// A re-INVITE or UPDATE with an offer.
    Offer(CallKey),
    /// A request that waits for the host.
    Request(RequestKey),
    Nobody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerState {
    Proceeding,
    /// A final response other than 2xx was sent to an INVITE; its ACK is awaited.
    Completed,
    /// A 2xx was sent to an INVITE (RFC 6026).
    Accepted,
}

/// What identifies a server transaction (RFC 3261 17.2.3): branch, sent-by and method of the
/// request; for senders of RFC 2543 their tags and numbers instead of the branch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServerKey(Vec<u8>);

impl ServerKey {
    /// The transaction that `message` belongs to; ACK and CANCEL belong to the INVITE's.
    pub(super) fn of(message: &Message) -> Self {
        let via = message.top_via();
        let method = match message.method() {
            Method::Ack | Method::Cancel => "INVITE",
            other => other.as_str(),
        };
        let mut key = method.as_bytes().to_vec();
        let mut add = |part: &[u8]| {
            key.push(b'\n');
            key.extend_from_slice(part);
        };
        match via.branch() {
            Some(branch) if via.has_unique_branch() => {
                add(branch);
                add(&via.sent_by().to_ascii_lowercase());
            }
            branch => {
                // The To tag is left out: the ACK carries one that the INVITE had not.
                add(branch.unwrap_or_default());
                add(via.sent_by());
                add(message.from().tag().unwrap_or_default());
                add(message.call_id());
                add(message.cseq().number.to_string().as_bytes());
            }
        }
        ServerKey(key)
    }
}

#[derive(Debug)]
pub(super) struct ServerTransaction {
    pub(super) request: Message,
    pub(super) owner: ServerOwner,
    pub(super) state: ServerState,
    /// The ACK to its 2xx has come: it only waits for copies of its request, which are rare.
    acknowledged: bool,
    last_response: Vec<u8>,
    timer: Option<TimerId>,
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotSent {
    ConnectionDown,
    TooMany,
}

/// What a response means for its owner.
#[derive(Debug)]
pub(super) enum ClientNews {
    Provisional {
        owner: Owner,
    },
    /// A 2xx to an INVITE: the first one or, `again`, a later one.
    Success {
        branch: String,
        owner: Owner,
        again: bool,
    },
    /// Any other final response; the transaction is over.
    Final {
        transaction: Box<ClientTransaction>,
    },
}

impl Core {
    /// Sends a request in a new client transaction and returns its branch.
    pub(super) fn start_client(&mut self, request: OutgoingRequest, owner: Owner) -> Result<String, NotSent> {
        if !self.up {
            return Err(NotSent::ConnectionDown);
        }
        if self.clients.len() >= self.config.limits.client_transactions {
            return Err(NotSent::TooMany);
        }
        let branch = self.new_branch();
        let via = self.via(&branch);
        let bytes = request.to_bytes(&via, &self.config.user_agent);
        self.send(bytes);
        let timer = Some(self.timers.set(self.now + TIMEOUT, Due::Client(branch.clone())));
        let state = ClientState::Trying;
        let transaction = ClientTransaction { request, owner, state, cancel: Cancel::No, accepted: None, via, timer };
        self.clients.insert(branch.clone(), transaction);
        Ok(branch)
    }

    /// Sends a request outside any transaction (the ACK to a 2xx) and returns its bytes.
    pub(super) fn send_alone(&mut self, request: &OutgoingRequest) -> Vec<u8> {
        let branch = self.new_branch();
        let bytes = request.to_bytes(&self.via(&branch), &self.config.user_agent);
        self.send(bytes.clone());
        bytes
    }

    /// Takes a response to the transaction it belongs to; `None` when there is none, or nothing
    /// is left to do.
    pub(super) fn client_response(&mut self, response: &Message) -> Option<ClientNews> {
        let status = response.status()?;
        if response.via_count() != 1 {
            return None;
        }
        let branch = String::from_utf8(response.top_via().branch()?.to_vec()).ok()?;
        let transaction = self.clients.get_mut(&branch)?;
        let invite = transaction.request.method == Method::Invite;
        // RFC 3261 17.1.3: branch and method; the rest guards against forgeries and mix-ups.
        if response.cseq().method != transaction.request.method
            || response.cseq().number != transaction.request.cseq
            || response.call_id() != transaction.request.call_id
        {
            return None;
        }
        let owner = transaction.owner;
        match status {
            100..=199 => {
                if transaction.state == ClientState::Accepted {
                    return None;
                }
                transaction.state = ClientState::Proceeding;
                let cancel_now = transaction.cancel == Cancel::Wanted;
                if invite {
                    // Timer B is off; the wait after CANCEL is not.
                    if transaction.cancel == Cancel::No {
                        self.timers.cancel(&mut transaction.timer);
                    }
                    if cancel_now {
                        self.send_cancel(&branch);
                    }
                }
                Some(ClientNews::Provisional { owner })
            }
            200..=299 if invite => {
                let again = transaction.state == ClientState::Accepted;
                if !again {
                    transaction.state = ClientState::Accepted;
                    self.timers.cancel(&mut transaction.timer);
                    transaction.timer = Some(self.timers.set(self.now + TIMEOUT, Due::Client(branch.clone())));
                }
                Some(ClientNews::Success { branch, owner, again })
            }
            _ => {
                if transaction.state == ClientState::Accepted {
                    return None;
                }
                let mut transaction = self.clients.remove(&branch)?;
                self.timers.cancel(&mut transaction.timer);
                if invite {
                    let mut ack = transaction.request.companion(Method::Ack);
                    ack.to = response.header(HeaderName::To).unwrap_or_default().to_vec();
                    let bytes = ack.to_bytes(&transaction.via, &self.config.user_agent);
                    self.send(bytes);
                }
                Some(ClientNews::Final { transaction: Box::new(transaction) })
            }
        }
    }

    /// A client transaction's time is over; returns it when it had no final response.
    pub(super) fn client_timeout(&mut self, branch: &str) -> Option<ClientTransaction> {
        let transaction = self.clients.remove(branch)?;
        (transaction.state != ClientState::Accepted).then_some(transaction)
    }

    /// Cancels an INVITE of ours: now, or as soon as a provisional response came. It is forgotten
    /// when nothing comes in 32 s.
    pub(super) fn cancel_client(&mut self, branch: &str) {
        let Some(transaction) = self.clients.get_mut(branch) else { return };
        if transaction.cancel != Cancel::No {
            return;
        }
        transaction.cancel = Cancel::Wanted;
        if transaction.state == ClientState::Proceeding {
            self.send_cancel(branch);
        }
    }

    fn send_cancel(&mut self, branch: &str) {
        let Some(transaction) = self.clients.get_mut(branch) else { return };
        transaction.cancel = Cancel::Sent;
        self.timers.cancel(&mut transaction.timer);
        transaction.timer = Some(self.timers.set(self.now + TIMEOUT, Due::Client(branch.to_owned())));
        // The CANCEL shares the INVITE's branch; its own response needs no transaction.
        let bytes = transaction.request.companion(Method::Cancel).to_bytes(&transaction.via, &self.config.user_agent);
        self.send(bytes);
    }

    /// Nobody waits for this request any more; its transaction lives for 32 s at most.
    pub(super) fn abandon_client(&mut self, branch: Option<&str>) {
        let Some((branch, transaction)) = branch.and_then(|branch| Some((branch, self.clients.get_mut(branch)?))) else { return };
        transaction.owner = Owner::Abandoned;
        self.timers.cancel(&mut transaction.timer);
        transaction.timer = Some(self.timers.set(self.now + TIMEOUT, Due::Client(branch.to_owned())));
    }

    /// Whether a request without To tag is a copy of one being worked on that came another way
    /// (RFC 3261 8.2.2.2).
    pub(super) fn is_merged(&self, request: &Message) -> bool {
        let (from, to) = (request.from(), request.to());
        to.tag().is_none()
            && self.servers.values().any(|other| {
                other.request.to().tag().is_none()
                    && other.request.cseq() == request.cseq()
                    && other.request.call_id() == request.call_id()
                    && other.request.from().tag() == from.tag()
            })
    }

    /// Answers a repeated request with the last response, if its transaction is known.
    pub(super) fn is_retransmission(&mut self, request: &Message) -> bool {
        let Some(transaction) = self.servers.get(&ServerKey::of(request)) else { return false };
        if transaction.state != ServerState::Accepted && !transaction.last_response.is_empty() {
            let bytes = transaction.last_response.clone();
            self.send(bytes);
        }
        true
    }

    /// Whether one more request can be remembered. Refusals that wait for their ACK may take half
    /// of the table at most.
    pub(super) fn has_room(&mut self, refusal: bool) -> bool {
        let limit = self.config.limits.server_transactions;
        let limit = if refusal { limit / 2 } else { limit };
        // Calls that follow on each other quickly must not be refused for those that are over.
        while self.servers.len() >= limit {
            let Some(key) = self.servers.iter().find(|(_, t)| t.acknowledged).map(|(key, _)| key.clone()) else { return false };
            self.forget_server(&key);
        }
        true
    }

    /// The ACK to the 2xx of this INVITE has come.
    pub(super) fn acknowledge_success(&mut self, key: &ServerKey) {
        if let Some(transaction) = self.servers.get_mut(key) {
            transaction.acknowledged = true;
        }
    }

    /// Remembers a request.
    pub(super) fn start_server(&mut self, request: Message, owner: ServerOwner) -> ServerKey {
        let key = ServerKey::of(&request);
        let state = ServerState::Proceeding;
        self.servers
            .insert(key.clone(), ServerTransaction { request, owner, state, acknowledged: false, last_response: Vec::new(), timer: None });
        key
    }

    /// Sets the time after which a remembered request is forgotten.
    pub(super) fn limit_server(&mut self, key: &ServerKey, wait: Duration) {
        let Some(transaction) = self.servers.get_mut(key) else { return };
        self.timers.cancel(&mut transaction.timer);
        transaction.timer = Some(self.timers.set(self.now + wait, Due::Server(key.clone())));
    }

    /// Responds to a remembered request and returns the bytes; `None` when it is forgotten or
    /// already has a final response.
    pub(super) fn respond(&mut self, key: &ServerKey, reply: Reply<'_>) -> Option<Vec<u8>> {
        let transaction = self.servers.get(key)?;
        if transaction.state != ServerState::Proceeding {
            return None;
        }
        let bytes = self.response(&transaction.request, reply);
        self.send(bytes.clone());
        let transaction = self.servers.get_mut(key)?;
        transaction.last_response.clone_from(&bytes);
        if reply.code < 200 {
            return Some(bytes);
        }
        if *transaction.request.method() == Method::Invite {
            transaction.state = if reply.code < 300 { ServerState::Accepted } else { ServerState::Completed };
            self.limit_server(key, TIMEOUT);
        } else {
            self.forget_server(key);
        }
        Some(bytes)
    }

    /// Repeats the last provisional response.
    pub(super) fn repeat_provisional(&mut self, key: &ServerKey) {
        let Some(transaction) = self.servers.get(key) else { return };
        if transaction.state == ServerState::Proceeding {
            let bytes = transaction.last_response.clone();
            self.send(bytes);
        }
    }

    /// Forgets a remembered request.
    pub(super) fn forget_server(&mut self, key: &ServerKey) -> Option<ServerTransaction> {
        let mut transaction = self.servers.remove(key)?;
        self.timers.cancel(&mut transaction.timer);
        if let ServerOwner::Request(request) = transaction.owner {
            self.requests.remove(&request);
        }
        Some(transaction)
    }

    /// Takes an ACK to the refusal it belongs to; false when there is none.
    pub(super) fn acknowledge_refusal(&mut self, ack: &Message) -> bool {
        let key = ServerKey::of(ack);
        match self.servers.get(&key) {
            Some(transaction) if transaction.state == ServerState::Completed => {
                self.forget_server(&key);
                true
            }
            _ => false,
        }
    }

    /// The connection is gone, and all transactions with it.
    pub(super) fn drop_transactions(&mut self) -> Vec<ClientTransaction> {
        for (_, mut transaction) in std::mem::take(&mut self.servers) {
            self.timers.cancel(&mut transaction.timer);
        }
        self.requests.clear();
        let mut lost: Vec<ClientTransaction> = Vec::new();
        for (_, mut transaction) in std::mem::take(&mut self.clients) {
            self.timers.cancel(&mut transaction.timer);
            if transaction.state != ClientState::Accepted {
                lost.push(transaction);
            }
        }
        lost
    }
}
