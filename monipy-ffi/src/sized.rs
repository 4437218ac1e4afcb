//! Versions of structs: every struct that crosses the boundary begins with its own size, and grows
//! only at its end.

use crate::guard::{Fail, Outcome};

/// A plain C struct whose first field is `uint32_t struct_size`, for which all-zero bytes are a
/// value and which has no implicit padding.
///
/// # Safety
/// The implementor promises exactly that.
pub(crate) unsafe trait Sized_: Copy {
    /// Its size in version 1 of the header.
    const V1: usize;
    /// Its name in C.
    const NAME: &'static str;
}

/// Reads a struct that a program built against any version of the header has filled.
///
/// Smaller than version 1 is an error. What an older header does not have stays as in `fill`. A
/// larger one is accepted when what this library does not know is zero.
///
/// # Safety
/// `from` is NULL, or points to at least 4 readable bytes, and to as many as they say if that is
/// not less than the size of version 1.
pub(crate) unsafe fn read<T: Sized_>(from: *const T, fill: T) -> Outcome<T> {
    let name = T::NAME;
    if from.is_null() {
        return Err(Fail::argument(format!("{name}: NULL")));
    }
    // SAFETY: the caller promises 4 readable bytes; unaligned pointers are allowed for.
    let given = unsafe { from.cast::<u32>().read_unaligned() } as usize;
    check_size::<T>(given)?;
    let known = given.min(size_of::<T>());
    let mut value = fill;
    // SAFETY: `known` bytes are readable by the caller's promise and fit into `value`; T is plain data.
    unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), (&raw mut value).cast::<u8>(), known) };
    // SAFETY: the caller promises `given` readable bytes.
    let tail = unsafe { std::slice::from_raw_parts(from.cast::<u8>().add(known), given - known) };
    if tail.iter().any(|b| *b != 0) {
        return Err(Fail::argument(format!("{name}: a field that this version of the library does not know is set; use a newer library")));
    }
    Ok(value)
}

/// Writes as much of a struct as the program's version of the header knows; zeroes what this
/// library does not know.
///
/// # Safety
/// `to` is NULL, or points to `given` writable bytes.
pub(crate) unsafe fn write<T: Sized_>(to: *mut T, given: usize, mut value: T) -> Outcome<()> {
    let name = T::NAME;
    if to.is_null() {
        return Err(Fail::argument(format!("{name}: NULL")));
    }
    check_size::<T>(given)?;
    let known = given.min(size_of::<T>());
    // SAFETY: T begins with a u32, the size.
    unsafe { (&raw mut value).cast::<u32>().write(u32::try_from(given).unwrap_or(u32::MAX)) };
    // SAFETY: `given` bytes are writable by the caller's promise, of which `known` are copied.
    unsafe {
        std::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), to.cast::<u8>(), known);
        std::ptr::write_bytes(to.cast::<u8>().add(known), 0, given - known);
    }
    Ok(())
}

fn check_size<T: Sized_>(given: usize) -> Outcome<()> {
    let (name, least) = (T::NAME, T::V1);
    // A struct of a future version is a little larger; a page and more is a forgotten initialisation.
    let most = size_of::<T>() + 4096;
    if (least..=most).contains(&given) {
        return Ok(());
    }
    Err(Fail::argument(format!("{name}: struct_size is {given}; set it to sizeof({name}), which is at least {least}")))
}
