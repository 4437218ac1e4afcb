//! A speaker and a microphone that stay open while cards come and go.

use crate::card::{self, Stream};
use crate::ring::{self, MicrophoneEnd, SpeakerEnd};
use crate::{Failure, Microphone, Speaker, Way};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the cards are looked after.
const WATCH: Duration = Duration::from_millis(300);

/// What to open: cards by name or id; `None` for the system's default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// The speaker.
    pub output: Option<String>,
    /// The microphone.
    pub input: Option<String>,
}

/// Something that happened to the cards of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Sound goes through this card now, after a change or a loss.
    Using {
        /// Speaker or microphone.
        way: Way,
        /// The card's name.
        name: String,
    },
    /// The card is gone and no other could be opened. It is tried on.
    Lost {
        /// Speaker or microphone.
        way: Way,
        /// Why.
        why: String,
    },
}

enum Order {
    Choose(Choice),
    Close,
}

/// The open cards of one call. Dropping it closes them.
#[derive(Debug)]
pub struct Session {
    orders: Sender<Order>,
    keeper: Option<JoinHandle<()>>,
    output: Result<String, Failure>,
    input: Result<String, Failure>,
}

impl Session {
    /// Opens a speaker and a microphone. Where one of them cannot be opened the other still works,
    /// and it is tried again when cards change; [`Session::output`] and [`Session::input`] say so.
    /// A card that was chosen and is not there is waited for, and the default is used until it comes.
    /// `tell` is called on a thread of the session and must not block.
    ///
    /// # Errors
    /// When neither could be opened.
    pub fn open(choice: Choice, tell: impl Fn(Notice) + Send + 'static) -> Result<(Session, Speaker, Microphone), Failure> {
        let (feeder, speaker_end) = ring::to_card();
        let (taker, microphone_end) = ring::from_card();
        let (orders, taken) = channel();
        let (opened, wait) = channel();
        let keeper = std::thread::Builder::new()
            .name("monipy-device".into())
            .spawn(move || {
                let mut keeper = Keeper {
                    choice,
                    output: Side::new(Way::Output, card::End::Speaker(Arc::new(Mutex::new(speaker_end)))),
                    input: Side::new(Way::Input, card::End::Microphone(Arc::new(Mutex::new(microphone_end)))),
                    tell: Box::new(tell),
                };
                let first = keeper.first();
                if opened.send(first).is_ok() {
                    keeper.keep(&taken);
                }
            })
            .map_err(|e| Failure(format!("no thread for the sound card: {e}")))?;
        let (output, input) = wait.recv().map_err(|_| Failure("the sound library failed".into()))?;
        let session = Session { orders, keeper: Some(keeper), output, input };
        if let (Err(output), Err(input)) = (&session.output, &session.input) {
            let why = if output == input { output.0.clone() } else { format!("speaker: {output}; microphone: {input}") };
            return Err(Failure(why));
        }
        Ok((session, Speaker { ring: feeder }, Microphone { ring: taker }))
    }

    /// The speaker that was opened first, or why none was.
    ///
    /// # Errors
    /// Why there is no speaker.
    pub fn output(&self) -> Result<&str, &Failure> {
        self.output.as_deref()
    }

    /// The microphone that was opened first, or why none was.
    ///
    /// # Errors
    /// Why there is no microphone.
    pub fn input(&self) -> Result<&str, &Failure> {
        self.input.as_deref()
    }

    /// Changes cards while sound flows. A notice tells what came of it.
    pub fn choose(&self, choice: Choice) {
        let _ = self.orders.send(Order::Choose(choice));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Close);
        if let Some(keeper) = self.keeper.take() {
            // A card that hangs must not hang the program: the thread ends when the card lets it.
            drop(keeper);
        }
    }
}

/// One of the two ways.
struct Side {
    way: Way,
    end: card::End,
    stream: Option<Stream>,
    /// It was told that there is none.
    told_lost: bool,
}

impl Side {
    fn new(way: Way, end: card::End) -> Side {
        Side { way, end, stream: None, told_lost: false }
    }

    /// Opens the wanted card, else the default.
    fn open(&mut self, wanted: Option<&str>) -> Result<String, Failure> {
        self.stream = None;
        if let card::End::Speaker(end) = &self.end {
            end.lock().unwrap_or_else(std::sync::PoisonError::into_inner).forget();
        }
        let mut opened = Stream::open(self.way, wanted, self.end.clone());
        if opened.is_err() && wanted.is_some() {
            opened = Stream::open(self.way, None, self.end.clone());
        }
        let stream = opened?;
        let name = stream.name().to_owned();
        self.stream = Some(stream);
        Ok(name)
    }

    /// Looks after it; a notice when something changed.
    fn watch(&mut self, wanted: Option<&str>) -> Option<Notice> {
        let way = self.way;
        let running = self.stream.as_ref().is_some_and(Stream::is_running);
        let misplaced = running && wanted.is_some_and(|w| !self.stream.as_ref().is_some_and(|s| s.is_called(w)) && card::exists(way, w));
        if running && !misplaced {
            return None;
        }
        match self.open(wanted) {
            Ok(name) => {
                self.told_lost = false;
                Some(Notice::Using { way, name })
            }
            Err(_) if self.told_lost => None,
            Err(why) => {
                self.told_lost = true;
                Some(Notice::Lost { way, why: why.0 })
            }
        }
    }
}

struct Keeper {
    choice: Choice,
    output: Side,
    input: Side,
    tell: Box<dyn Fn(Notice) + Send>,
}

type Opened = (Result<String, Failure>, Result<String, Failure>);

impl Keeper {
    fn first(&mut self) -> Opened {
        let output = self.output.open(self.choice.output.as_deref());
        let input = self.input.open(self.choice.input.as_deref());
        self.output.told_lost = output.is_err();
        self.input.told_lost = input.is_err();
        (output, input)
    }

    fn keep(&mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(WATCH) {
                Ok(Order::Choose(choice)) => {
                    let before = std::mem::replace(&mut self.choice, choice);
                    // The default may be another card than the one that was chosen.
                    if before.output != self.choice.output {
                        self.output.stream = None;
                    }
                    if before.input != self.choice.input {
                        self.input.stream = None;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Close) | Err(RecvTimeoutError::Disconnected) => return,
            }
            let notices = [self.output.watch(self.choice.output.as_deref()), self.input.watch(self.choice.input.as_deref())];
            for notice in notices.into_iter().flatten() {
                (self.tell)(notice);
            }
        }
    }
}

/// What a card's thread fills or empties. Locked for the length of a copy, by one card at a time.
pub(crate) type SharedSpeakerEnd = Arc<Mutex<SpeakerEnd>>;
/// As [`SharedSpeakerEnd`].
pub(crate) type SharedMicrophoneEnd = Arc<Mutex<MicrophoneEnd>>;
