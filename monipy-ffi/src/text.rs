//! Strings that come in: NUL-terminated UTF-8, copied; and strings that go out into buffers.

use crate::guard::{Fail, Outcome};
use crate::status;
use std::ffi::{CString, c_char};

/// Bytes of a string at most. Nothing that SIP carries is longer; what is, is refused unread.
const MOST: usize = 64 * 1024;

/// Copies a string; `None` for NULL.
///
/// # Safety
/// `from` is NULL or points to a NUL-terminated string.
pub(crate) unsafe fn optional(field: &str, from: *const c_char) -> Outcome<Option<String>> {
    if from.is_null() {
        return Ok(None);
    }
    // SAFETY: reads up to the NUL, which is there by the caller's promise, or MOST + 1 bytes.
    let len = (0..=MOST).find(|at| unsafe { *from.add(*at) } == 0);
    let Some(len) = len else {
        return Err(Fail::argument(format!("{field}: longer than {MOST} bytes")));
    };
    // SAFETY: `len` bytes lie before the NUL.
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), len) };
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(e) => Err(Fail::argument(format!("{field}: not UTF-8 at byte {}", e.valid_up_to()))),
    }
}

/// Copies a string that must be there.
///
/// # Safety
/// As [`optional`].
pub(crate) unsafe fn required(field: &str, from: *const c_char) -> Outcome<String> {
    // SAFETY: the caller's promise is the same.
    unsafe { optional(field, from) }?.ok_or_else(|| Fail::argument(format!("{field}: NULL")))
}

/// Copies a string into a program's buffer, NUL included, and stores the needed size.
///
/// # Safety
/// `buffer` is NULL or points to `capacity` writable bytes; `needed` is NULL or points to a size_t.
pub(crate) unsafe fn copy_out(text: &str, buffer: *mut c_char, capacity: usize, needed: *mut usize) -> Outcome<()> {
    let text = to_c(text);
    let bytes = text.as_bytes_with_nul();
    if !needed.is_null() {
        // SAFETY: the caller promises a writable size_t.
        unsafe { needed.write_unaligned(bytes.len()) };
    }
    if buffer.is_null() && capacity != 0 {
        return Err(Fail::argument("buffer: NULL, but capacity is not 0"));
    }
    if bytes.len() > capacity {
        return Err(Fail::new(status::MONIPY_ERR_BUFFER_TOO_SMALL, format!("buffer: needs {} bytes", bytes.len())));
    }
    // SAFETY: `capacity` bytes are writable by the caller's promise, and no more than that is copied.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast::<u8>(), bytes.len()) };
    Ok(())
}

/// A C string of a text; a NUL inside (no SIP text has one) ends up as a space.
pub(crate) fn to_c(text: &str) -> CString {
    CString::new(text).unwrap_or_else(|_| CString::new(text.replace('\0', " ")).unwrap_or_default())
}
