//! Sound: frames lent to Python without a copy, queues of them, and a way to speak.

use crate::errors::{invalid_argument, raised};
use crate::guard::{Owned, entry};
use crate::hub::{Hub, Outcome};
use crate::pending::block_on;
use crate::waiting::{Source, Waiting};
use monipy_core::Error;
use monipy_core::audio::{AudioStream, AudioWriter};
use monipy_core::vocabulary::code;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList, PyMemoryView};
use std::ffi::{c_int, c_void};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::AbortHandle;

/// Frames that are given at once at most.
const BATCH: usize = 100;

/// One frame of what is heard: mono, signed 16 bits. It has the buffer protocol.
#[pyclass(frozen, module = "monipy._native")]
pub(crate) struct AudioFrame {
    frame: monipy_core::audio::AudioFrame,
    // What a buffer's shape and strides point to; it lives as long as the frame.
    shape: [ffi::Py_ssize_t; 1],
    strides: [ffi::Py_ssize_t; 1],
}

impl AudioFrame {
    fn new(frame: monipy_core::audio::AudioFrame) -> Self {
        let samples = frame.pcm.len() as ffi::Py_ssize_t;
        AudioFrame { frame, shape: [samples], strides: [size_of::<i16>() as ffi::Py_ssize_t] }
    }
}

#[pymethods]
impl AudioFrame {
    /// Hz.
    #[getter]
    fn sample_rate(&self) -> u32 {
        self.frame.sample_rate
    }
    /// Samples since the call's first frame.
    #[getter]
    fn timestamp(&self) -> u64 {
        self.frame.timestamp
    }
    /// Some of it had to be invented: a packet was lost or late.
    #[getter]
    fn concealed(&self) -> bool {
        self.frame.concealed
    }
    /// The samples without a copy, read-only: a numpy array of int16, or a memoryview where numpy
    /// is not installed.
    #[getter]
    fn samples<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static NUMPY: PyOnceLock<Option<(Py<PyAny>, Py<PyAny>)>> = PyOnceLock::new();
        let py = slf.py();
        let numpy = NUMPY.get_or_init(py, || {
            let numpy = py.import("numpy").ok()?;
            Some((numpy.getattr("frombuffer").ok()?.unbind(), numpy.getattr("int16").ok()?.unbind()))
        });
        match numpy {
            Some((frombuffer, int16)) => frombuffer.bind(py).call1((slf, int16)),
            None => Ok(PyMemoryView::from(slf.as_any())?.into_any()),
        }
    }
    /// The samples as bytes, in the machine's byte order: a copy.
    fn tobytes<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        PyMemoryView::from(slf.as_any())?.call_method0("tobytes")
    }
    fn __len__(&self) -> usize {
        self.frame.pcm.len()
    }
    fn __repr__(&self) -> String {
        let f = &self.frame;
        let concealed = if f.concealed { ", concealed" } else { "" };
        format!("<AudioFrame {} samples at {} Hz, timestamp {}{concealed}>", f.pcm.len(), f.sample_rate, f.timestamp)
    }

    /// # Safety
    /// Called by the interpreter with a `view` that is valid to fill.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("a frame is read-only; copy it to change it"));
        }
        let this = slf.get();
        let asks = |flag: c_int| flags & flag == flag;
        // SAFETY: `view` is the interpreter's to fill. What it points to - samples, shape, strides
        // - belongs to the frame, which is frozen and which the view keeps alive by `obj`.
        unsafe {
            (*view).buf = this.frame.pcm.as_ptr().cast::<c_void>().cast_mut();
            (*view).len = size_of_val(this.frame.pcm.as_slice()) as ffi::Py_ssize_t;
            (*view).readonly = 1;
            (*view).itemsize = size_of::<i16>() as ffi::Py_ssize_t;
            (*view).format = if asks(ffi::PyBUF_FORMAT) { c"h".as_ptr().cast_mut() } else { std::ptr::null_mut() };
            (*view).ndim = 1;
            (*view).shape = if asks(ffi::PyBUF_ND) { this.shape.as_ptr().cast_mut() } else { std::ptr::null_mut() };
            (*view).strides = if asks(ffi::PyBUF_STRIDES) { this.strides.as_ptr().cast_mut() } else { std::ptr::null_mut() };
            (*view).suboffsets = std::ptr::null_mut();
            (*view).internal = std::ptr::null_mut();
            (*view).obj = slf.into_any().into_ptr();
        }
        Ok(())
    }
}

impl Source for AudioStream {
    type Item = monipy_core::audio::AudioFrame;
    async fn next(&mut self) -> Option<Self::Item> {
        AudioStream::next(self).await
    }
    fn try_next(&mut self) -> Option<Self::Item> {
        AudioStream::try_next(self)
    }
    fn is_closed(&self) -> bool {
        AudioStream::is_closed(self)
    }
}

/// A queue of frames of one call, about a second long; the oldest is dropped when it is full. One
/// thread or task at a time may wait on it.
#[pyclass(frozen, module = "monipy._native")]
pub(crate) struct AudioQueue {
    waiting: Waiting<AudioStream>,
}

impl AudioQueue {
    pub(crate) fn new(stream: AudioStream) -> Self {
        AudioQueue { waiting: Waiting::new(stream, BATCH) }
    }
}

fn frame_list(py: Python<'_>, frames: Vec<monipy_core::audio::AudioFrame>) -> PyResult<Py<PyList>> {
    let list = PyList::empty(py);
    for frame in frames {
        list.append(Py::new(py, AudioFrame::new(frame))?)?;
    }
    Ok(list.unbind())
}

#[pymethods]
impl AudioQueue {
    /// What waits, as ([frame, ...], ended); never blocks. Ended: nothing comes after these.
    fn take(&self, py: Python<'_>) -> PyResult<(Py<PyList>, bool)> {
        entry(py, || {
            let (frames, ended) = self.waiting.take();
            Ok((frame_list(py, frames)?, ended))
        })
    }

    /// Blocks until there is a frame, the call is over, or `timeout` seconds are; gives what
    /// `take` gives.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, main: bool) -> PyResult<(Py<PyList>, bool)> {
        entry(py, || {
            let (frames, ended) = self.waiting.wait(py, timeout, main)?;
            Ok((frame_list(py, frames)?, ended))
        })
    }

    /// Tells `inbox` once there are `frames` frames or the call is over; gives the token, or None
    /// when somebody waits already.
    fn arm(&self, py: Python<'_>, hub: &Hub, inbox: u64, frames: usize) -> PyResult<Option<u64>> {
        entry(py, || Ok(self.waiting.arm(hub, inbox, frames)))
    }

    /// Frames dropped so far because they were not taken in time; None while somebody waits.
    fn dropped(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        entry(py, || Ok(self.waiting.look(AudioStream::dropped)))
    }

    /// Lets go of the stream.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, || {
            self.waiting.close();
            Ok(())
        })
    }
}

/// A way to speak into a call.
#[pyclass(frozen, module = "monipy._native")]
pub(crate) struct AudioSink {
    // Held over a wait by whoever writes; the others come after it.
    writer: Owned<Arc<tokio::sync::Mutex<AudioWriter>>>,
    task: Owned<Mutex<Option<AbortHandle>>>,
}

impl AudioSink {
    pub(crate) fn new(writer: AudioWriter) -> Self {
        AudioSink { writer: Owned::new(Arc::new(tokio::sync::Mutex::new(writer))), task: Owned::new(Mutex::default()) }
    }

    fn submit(&self, hub: &Hub, inbox: u64, work: impl Future<Output = Outcome> + Send + 'static) -> u64 {
        let (token, task) = hub.submit(inbox, work);
        *self.task.get().lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        token
    }

    fn stop_task(&self) {
        if let Some(task) = self.task.get().lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

/// Samples out of whatever has a buffer of 16-bit numbers, or of bytes that are such numbers.
fn samples(pcm: &Bound<'_, PyAny>) -> PyResult<Vec<i16>> {
    let py = pcm.py();
    if let Ok(buffer) = PyBuffer::<i16>::get(pcm) {
        return buffer.to_vec(py);
    }
    let Ok(buffer) = PyBuffer::<u8>::get(pcm) else {
        let ty = pcm.get_type().name().map_or_else(|_| "an object".to_owned(), |n| n.to_string());
        return Err(invalid_argument(py, format!("pcm: {ty} given; it wants 16-bit samples (numpy int16, array('h')) or bytes of them")));
    };
    let bytes = buffer.to_vec(py)?;
    let pairs = bytes.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(invalid_argument(py, format!("pcm: {} bytes are no whole number of 16-bit samples", bytes.len())));
    }
    Ok(pairs.map(|p| i16::from_le_bytes([p[0], p[1]])).collect())
}

#[pymethods]
impl AudioSink {
    /// Queues as many samples as there is room for (a second) and says how many; never blocks.
    fn write(&self, py: Python<'_>, pcm: &Bound<'_, PyAny>) -> PyResult<usize> {
        entry(py, || {
            let pcm = samples(pcm)?;
            match self.writer.get().try_lock() {
                Ok(mut writer) => Ok(writer.write(&pcm)),
                Err(_) => Err(raised(
                    py,
                    &Error::new(code::INVALID_STATE, "another thread or task is writing; wait for it, or make another writer"),
                )),
            }
        })
    }

    /// Queues all samples, blocking while there is no room; says how many were taken before the
    /// call or the time was over.
    fn write_all(&self, py: Python<'_>, pcm: &Bound<'_, PyAny>, timeout: Option<f64>, main: bool) -> PyResult<usize> {
        entry(py, || {
            let pcm = samples(pcm)?;
            let writer = self.writer.get();
            // Step by step, so that what was taken is known when the time is up.
            let taken = Mutex::new(0);
            let write = async {
                let mut writer = writer.lock().await;
                for step in pcm.chunks(480) {
                    let n = writer.write_all(step).await;
                    *taken.lock().unwrap_or_else(PoisonError::into_inner) += n;
                    if n < step.len() {
                        break;
                    }
                }
            };
            block_on(py, write, timeout, main)?;
            Ok(*taken.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    /// Blocks until what is queued has been sent; False when the time is up first.
    fn drained(&self, py: Python<'_>, timeout: Option<f64>, main: bool) -> PyResult<bool> {
        entry(py, || {
            let writer = self.writer.get();
            let wait = async { writer.lock().await.drained().await };
            Ok(block_on(py, wait, timeout, main)?.is_some())
        })
    }

    /// `write_all` on the hub; gives the token.
    fn submit_write_all(&self, py: Python<'_>, hub: &Hub, inbox: u64, pcm: &Bound<'_, PyAny>) -> PyResult<u64> {
        entry(py, || {
            let (pcm, writer) = (samples(pcm)?, self.writer.get().clone());
            Ok(self.submit(hub, inbox, async move { Outcome::Count(writer.lock().await.write_all(&pcm).await) }))
        })
    }

    /// `drained` on the hub; gives the token.
    fn submit_drained(&self, py: Python<'_>, hub: &Hub, inbox: u64) -> PyResult<u64> {
        entry(py, || {
            let writer = self.writer.get().clone();
            let wait = async move {
                writer.lock().await.drained().await;
                Outcome::Ready
            };
            Ok(self.submit(hub, inbox, wait))
        })
    }

    /// Ends a write that the hub does, and forgets what is queued.
    fn cancel(&self, py: Python<'_>, hub: &Hub) -> PyResult<()> {
        entry(py, || {
            self.stop_task();
            let writer = self.writer.get().clone();
            hub.spawn(async move { writer.lock().await.clear() });
            Ok(())
        })
    }

    /// Forgets what is queued.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, || {
            let writer = self.writer.get();
            py.detach(|| writer.blocking_lock().clear());
            Ok(())
        })
    }

    /// Milliseconds queued and not yet sent; None while another thread or task is writing.
    fn queued_ms(&self, py: Python<'_>) -> PyResult<Option<u32>> {
        entry(py, || Ok(self.writer.get().try_lock().ok().map(|w| w.queued_ms())))
    }
}

/// `pcm` at another rate, as bytes of 16-bit samples in the machine's byte order.
#[pyfunction]
pub(crate) fn resample<'py>(py: Python<'py>, pcm: &Bound<'py, PyAny>, from_rate: u32, to_rate: u32) -> PyResult<Bound<'py, PyBytes>> {
    entry(py, || {
        // Beyond these the filter would need more memory than sound is worth.
        if let Some(rate) = [from_rate, to_rate].into_iter().find(|r| !(4000..=384_000).contains(r)) {
            return Err(invalid_argument(py, format!("rate: {rate} Hz; it accepts 4000 to 384000")));
        }
        let pcm = samples(pcm)?;
        let out = py.detach(|| {
            let mut resampler = monipy_core::audio::resample::Resampler::new(from_rate, to_rate);
            let mut out = Vec::new();
            resampler.process(&pcm, &mut out);
            out.iter().flat_map(|s: &i16| s.to_ne_bytes()).collect::<Vec<u8>>()
        });
        Ok(PyBytes::new(py, &out))
    })
}
