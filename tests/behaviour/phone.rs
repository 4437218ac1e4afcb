//! A phone that runs: commands in, events and replies out.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Nothing here takes longer, save on a machine that stands still.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A phone program.
pub(crate) struct Phone {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
    events: Vec<Value>,
    replies: Vec<Value>,
    /// Events up to here were waited for.
    waited: usize,
}

impl Phone {
    /// Starts a phone for a server.
    pub(crate) fn start(mut command: Command, server: &str, settings: &[&str]) -> Phone {
        let command = command.arg(server).args(settings).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("the phone said {line:?}: {e}"));
                if tell.send(value).is_err() {
                    return;
                }
            }
        });
        Phone { input: child.stdin.take(), child, lines, events: Vec::new(), replies: Vec::new(), waited: 0 }
    }

    /// Takes what the phone says until there is what is looked for.
    fn until<T>(&mut self, what: &str, look: impl Fn(&mut Phone) -> Option<T>) -> T {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(value) if value.get("reply").is_some() => self.replies.push(value),
                Ok(value) => self.events.push(value),
                Err(RecvTimeoutError::Timeout) => panic!("no {what} in time; events: {:#?}", self.events),
                Err(RecvTimeoutError::Disconnected) => panic!("the phone ended without {what}; events: {:#?}", self.events),
            }
        }
    }

    /// Gives a command; the code of its reply.
    pub(crate) fn command(&mut self, line: &str) -> u64 {
        let input = self.input.as_mut().expect("the phone runs");
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("the phone listens");
        let reply = self.until(line, |phone| phone.replies.pop());
        reply["code"].as_u64().expect("a reply has a code")
    }

    /// A command that must go well.
    pub(crate) fn must(&mut self, line: &str) {
        assert_eq!(self.command(line), 200, "{line}");
    }

    /// Waits for an event of this name after those that were waited for already.
    pub(crate) fn wait(&mut self, name: &str) -> Value {
        self.until(name, |phone| {
            let at = phone.waited + phone.events[phone.waited..].iter().position(|e| e["event"] == name)?;
            phone.waited = at + 1;
            Some(phone.events[at].clone())
        })
    }

    /// Waits until both have come, in whichever order.
    pub(crate) fn wait_both(&mut self, first: &str, second: &str) {
        let from = self.waited;
        self.wait(first);
        let after = std::mem::replace(&mut self.waited, from);
        self.wait(second);
        self.waited = self.waited.max(after);
    }

    /// What has happened so far.
    pub(crate) fn seen(&self) -> Vec<Value> {
        self.events.clone()
    }

    /// Ends the phone, which must end well.
    pub(crate) fn quit(mut self) {
        let mut input = self.input.take().expect("the phone runs");
        writeln!(input, "quit").expect("the phone listens");
        drop(input);
        let status = self.child.wait().expect("the phone can be waited for");
        assert!(status.success(), "the phone ended with {status}");
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        // After a failed test; a phone that has quit is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
