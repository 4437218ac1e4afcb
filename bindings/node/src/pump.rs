//! From the engine's threads to JavaScript's: what was done since the last look, as one batch.

use crate::engine::Engine;
use crate::objects::{Batch, Frames, Outcome, Wrote};
use crate::work::{self, Done};
use futures_util::stream::Stream;
use monipy_core::Event;
use napi::bindgen_prelude::Int16Array;
use napi_derive::napi;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

#[napi]
impl Engine {
    /// Collects what is done. To be called when the bell has rung.
    #[napi(catch_unwind)]
    pub fn pump(&mut self) -> Batch {
        self.waker.rearm();
        let waker = Waker::from(self.waker.clone());
        let mut cx = Context::from_waker(&waker);
        let mut batch = Batch::default();
        while let Poll::Ready(Some(done)) = Pin::new(&mut self.work).poll_next(&mut cx) {
            self.collect(done, &mut batch);
        }
        // After the outcomes: all events up to an outcome's `after` are in the queue by now.
        batch.events = self.take_events(&mut cx);
        batch
    }

    fn take_events(&mut self, cx: &mut Context<'_>) -> Option<String> {
        let mut json = String::new();
        let mut add = |event: &Event| {
            json.push(if json.is_empty() { '[' } else { ',' });
            json.push_str(&event.to_json());
        };
        while let Some(listening) = &mut self.listening {
            let Poll::Ready((mut stream, event)) = listening.as_mut().poll(cx) else { break };
            // Without an event the stream is over.
            self.listening = event.map(|event| {
                add(&event);
                while let Some(event) = stream.try_next() {
                    add(&event);
                }
                work::listen(stream)
            });
        }
        if json.is_empty() {
            return None;
        }
        json.push(']');
        Some(json)
    }

    fn collect(&mut self, done: Done, batch: &mut Batch) {
        match done {
            Done::Outcome { ticket, code, status, after } => {
                let outcome = Outcome { ticket, code: code.into(), status, after: after as f64, seconds: None };
                batch.outcomes.get_or_insert_default().push(outcome);
            }
            Done::Read { reader, stream, frames } => {
                let Some(slot) = self.readers.get_mut(&reader) else { return };
                slot.item = Some(stream);
                if frames.is_empty() {
                    self.readers.remove(&reader);
                }
                let sample_rate = frames.first().map_or(0, |f| f.sample_rate);
                let mut pcm = Vec::with_capacity(frames.iter().map(|f| f.pcm.len()).sum());
                let mut facts = Vec::with_capacity(frames.len() * 3);
                for frame in &frames {
                    pcm.extend_from_slice(&frame.pcm);
                    facts.extend([frame.pcm.len() as f64, frame.timestamp as f64, f64::from(u8::from(frame.concealed))]);
                }
                let read = Frames { reader, pcm: Int16Array::new(pcm), frames: facts, sample_rate };
                batch.frames.get_or_insert_default().push(read);
            }
            Done::Wrote { writer, handle, over } => {
                let Some(slot) = self.writers.get_mut(&writer) else { return };
                slot.item = Some(handle);
                if over {
                    self.writers.remove(&writer);
                }
                batch.wrote.get_or_insert_default().push(Wrote { writer, over });
            }
            Done::Recorded { recording, result } => {
                if let Some(ended) = self.recordings.remove(&recording) {
                    self.recorded.insert(recording, ended);
                }
                let (code, status, seconds) = match result {
                    Ok(recorded) => (200, "recorded".to_owned(), recorded.as_secs_f64()),
                    Err(error) => (1003, format!("path: {error}"), 0.0),
                };
                let outcome = Outcome { ticket: recording, code, status, after: u64::MAX as f64, seconds: Some(seconds) };
                batch.outcomes.get_or_insert_default().push(outcome);
            }
            Done::Played { playing, result } => {
                self.playing.remove(&playing);
                let (code, status) = match result {
                    Ok(true) => (200, "played".to_owned()),
                    Ok(false) => (1002, "the call is over".to_owned()),
                    Err(error) => (1003, format!("path: {error}")),
                };
                let outcome = Outcome { ticket: playing, code, status, after: u64::MAX as f64, seconds: None };
                batch.outcomes.get_or_insert_default().push(outcome);
            }
            Done::LetGo => {}
        }
    }
}
