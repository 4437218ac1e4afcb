//! The sound of calls: readers, writers and recordings, by their numbers.

use crate::engine::Engine;
use crate::objects::{Opened, call_id, number};
use crate::work;
use monipy_core::Error;
use monipy_core::audio::AudioWriter;
use napi_derive::napi;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::Notify;

/// Something that a future may have borrowed, and the way to call it back.
pub(crate) struct Slot<T> {
    /// None while a future has it.
    pub(crate) item: Option<T>,
    pub(crate) cancel: Rc<Notify>,
}

impl<T> Slot<T> {
    pub(crate) fn new(item: T) -> Self {
        Slot { item: Some(item), cancel: Rc::new(Notify::new()) }
    }
}

#[napi]
impl Engine {
    fn opened<T>(&mut self, made: Option<monipy_core::Result<T>>, slots: impl FnOnce(&mut Self) -> &mut HashMap<u32, Slot<T>>) -> Opened {
        match made {
            None => Error::new(1002, "the supervisor was closed").into(),
            Some(Err(error)) => error.into(),
            Some(Ok(item)) => {
                let id = self.id();
                slots(self).insert(id, Slot::new(item));
                Opened { id: Some(id), code: 200, status: String::new() }
            }
        }
    }

    /// Opens a reader of what is heard in a call, or of one party alone.
    #[napi(catch_unwind)]
    pub fn open_reader(&mut self, call: i64, sample_rate: u32, frame_ms: u32, party: Option<u32>) -> Opened {
        let made = self.supervisor.as_ref().map(|s| match party {
            None => s.audio(call_id(call), sample_rate, frame_ms),
            Some(party) => s.party_audio(call_id(call), party, sample_rate, frame_ms),
        });
        self.opened(made, |me| &mut me.readers)
    }
    /// Asks for frames; they come with a pump. False when the reader is gone or was asked already.
    #[napi(catch_unwind)]
    pub fn read(&mut self, reader: u32) -> bool {
        let Some(slot) = self.readers.get_mut(&reader) else { return false };
        let Some(stream) = slot.item.take() else { return false };
        let cancel = slot.cancel.clone();
        self.start(work::read(reader, stream, cancel));
        true
    }
    /// Lets go of a reader.
    #[napi(catch_unwind)]
    pub fn close_reader(&mut self, reader: u32) {
        if let Some(slot) = self.readers.remove(&reader) {
            slot.cancel.notify_one();
        }
    }
    /// Frames of a reader that were dropped because it was slow; -1 while it waits for one.
    #[napi(catch_unwind)]
    pub fn dropped(&self, reader: u32) -> i64 {
        let stream = self.readers.get(&reader).and_then(|slot| slot.item.as_ref());
        stream.map_or(-1, |s| number(s.dropped()))
    }

    /// Records a call to a file; an outcome with the returned number comes when the file is whole.
    #[napi(catch_unwind)]
    pub fn record(&mut self, call: i64, path: String, sample_rate: u32) -> Opened {
        match self.supervisor.as_ref().map(|s| s.record(call_id(call), &path, sample_rate)) {
            None => Error::new(1002, "the supervisor was closed").into(),
            Some(Err(error)) => error.into(),
            Some(Ok(recording)) => {
                let id = self.id();
                self.start(work::recorded(id, recording.clone()));
                self.recordings.insert(id, recording);
                Opened { id: Some(id), code: 200, status: String::new() }
            }
        }
    }
    /// Speaks a sound file into a call; an outcome with the returned number comes when it is over.
    #[napi(catch_unwind)]
    pub fn play(&mut self, call: i64, path: String) -> Opened {
        match self.supervisor.as_ref().map(|s| s.play(call_id(call), &path)) {
            None => Error::new(1002, "the supervisor was closed").into(),
            Some(Err(error)) => error.into(),
            Some(Ok(playing)) => {
                let id = self.id();
                self.start(work::played(id, playing.clone()));
                self.playing.insert(id, playing);
                Opened { id: Some(id), code: 200, status: String::new() }
            }
        }
    }
    /// Silences a file that is played.
    #[napi(catch_unwind)]
    pub fn stop_playing(&self, playing: u32) {
        if let Some(playing) = self.playing.get(&playing) {
            playing.stop();
        }
    }
    /// Leaves out what is said from now on, or goes on.
    #[napi(catch_unwind)]
    pub fn pause_recording(&self, recording: u32, paused: bool) {
        if let Some(recording) = self.recordings.get(&recording) {
            if paused {
                recording.pause();
            } else {
                recording.resume();
            }
        }
    }
    /// Writes a page about a recording; says what is wrong, or nothing.
    #[napi(catch_unwind)]
    pub fn report(&self, recording: u32, path: String) -> Option<String> {
        let Some(recording) = self.recordings.get(&recording).or_else(|| self.recorded.get(&recording)) else {
            return Some("recording: it is not known".into());
        };
        recording.report(&path).err().map(|e| format!("path: {path} cannot be written: {e}"))
    }
    /// Lets go of a recording that has ended.
    #[napi(catch_unwind)]
    pub fn forget_recording(&mut self, recording: u32) {
        self.recorded.remove(&recording);
    }
    /// Uses this speaker, or the default, from now on.
    #[napi(catch_unwind)]
    pub fn set_output_device(&self, name: Option<String>) {
        if let Some(supervisor) = &self.supervisor {
            supervisor.set_output_device(name.as_deref());
        }
    }
    /// Uses this microphone, or the default, from now on.
    #[napi(catch_unwind)]
    pub fn set_input_device(&self, name: Option<String>) {
        if let Some(supervisor) = &self.supervisor {
            supervisor.set_input_device(name.as_deref());
        }
    }
    /// Ends a recording.
    #[napi(catch_unwind)]
    pub fn stop_recording(&self, recording: u32) {
        if let Some(recording) = self.recordings.get(&recording) {
            recording.stop();
        }
    }
    /// Seconds that are in the file of a recording that goes on; -1 of one that has ended.
    #[napi(catch_unwind)]
    pub fn recorded_seconds(&self, recording: u32) -> f64 {
        self.recordings.get(&recording).map_or(-1.0, |r| r.recorded().as_secs_f64())
    }

    /// Opens a way to speak into a call.
    #[napi(catch_unwind)]
    pub fn open_writer(&mut self, call: i64, sample_rate: u32) -> Opened {
        let made = self.supervisor.as_ref().map(|s| s.audio_writer(call_id(call), sample_rate));
        self.opened(made, |me| &mut me.writers)
    }
    /// Queues samples, little-endian. 1: done; 0: it will be, and a pump says when; -1: the call
    /// is over, or a write is under way already.
    #[napi(catch_unwind)]
    pub fn write(&mut self, writer: u32, bytes: &[u8]) -> i32 {
        let Some(slot) = self.writers.get_mut(&writer) else { return -1 };
        let Some(mut handle) = slot.item.take() else { return -1 };
        let cancel = slot.cancel.clone();
        let (samples, _) = bytes.as_chunks::<2>();
        let mut pcm: Vec<i16> = samples.iter().map(|s| i16::from_le_bytes(*s)).collect();
        let taken = handle.write(&pcm);
        if taken == pcm.len() || handle.is_closed() {
            let over = handle.is_closed();
            slot.item = Some(handle);
            if over {
                self.writers.remove(&writer);
            }
            return if over { -1 } else { 1 };
        }
        pcm.drain(..taken);
        self.start(work::write(writer, handle, pcm, cancel));
        0
    }
    /// Waits until all has been sent; a pump says when. False when the call is over.
    #[napi(catch_unwind)]
    pub fn drain(&mut self, writer: u32) -> bool {
        let Some(slot) = self.writers.get_mut(&writer) else { return false };
        let Some(handle) = slot.item.take() else { return false };
        let cancel = slot.cancel.clone();
        self.start(work::drain(writer, handle, cancel));
        true
    }
    /// Forgets what is queued, and what a write still waits with.
    #[napi(catch_unwind)]
    pub fn clear(&mut self, writer: u32) {
        if let Some(slot) = self.writers.get_mut(&writer) {
            match &mut slot.item {
                Some(handle) => handle.clear(),
                None => slot.cancel.notify_one(),
            }
        }
    }
    /// Lets go of a writer. What is queued plays out.
    #[napi(catch_unwind)]
    pub fn close_writer(&mut self, writer: u32) {
        self.writers.remove(&writer);
    }
    /// Milliseconds queued and not yet sent.
    #[napi(catch_unwind)]
    pub fn queued_ms(&self, writer: u32) -> u32 {
        self.writers.get(&writer).and_then(|slot| slot.item.as_ref()).map_or(0, AudioWriter::queued_ms)
    }
}
