//! REGISTER: asked of the registrar, entered into the book.

use super::Phone;
use crate::state::Registration;
use monipy_core::sip::Message;
use monipy_core::sip::ua::{Command, Input, RequestKey};
use std::sync::PoisonError;
use std::time::Instant;

impl Phone {
    pub(super) fn request(&mut self, request: RequestKey, method: &str, message: &[u8]) {
        let refusal = |code| Command::Respond { request, code, reason: None, headers: Vec::new() };
        if method != "REGISTER" {
            self.feed(Input::Command(refusal(405)));
            return;
        }
        let Ok(message) = Message::parse(message) else {
            self.feed(Input::Command(refusal(400)));
            return;
        };
        let now = Instant::now();
        let answer = {
            let centre = &self.centre;
            let password = |user: &str| centre.book().accounts.get(user).map(|a| a.password.clone());
            let mut registrar = centre.registrar.lock().unwrap_or_else(PoisonError::into_inner);
            registrar.register(&message, password, &centre.board, now)
        };
        let Some(answer) = answer else {
            self.centre.timeline.note("ignored", None, None, "a REGISTER gets no answer");
            return;
        };
        let respond = Command::Respond { request, code: answer.code, reason: answer.reason, headers: answer.headers };
        if let Some(binding) = &answer.binding {
            self.user.clone_from(&binding.user);
        }
        self.feed(Input::Command(respond));
        if let Some(binding) = answer.binding {
            let (phone, phone_id) = (self.own.clone(), self.id);
            let fresh = self.centre.change(|book| {
                book.registers += 1;
                if binding.expires.is_zero() {
                    book.registrations.remove(&binding.user).map(|_| false)
                } else {
                    let known = book.registered(&binding.user, now).is_some();
                    let registration = Registration { contact: binding.contact.clone(), until: now + binding.expires, phone, phone_id };
                    book.registrations.insert(binding.user.clone(), registration);
                    (!known).then_some(true)
                }
            });
            match fresh {
                Some(true) => self.centre.timeline.note("registered", None, None, &*binding.user),
                Some(false) => self.centre.timeline.note("unregistered", None, None, &*binding.user),
                None => {}
            }
        }
    }
}
