//! The Rust files of `monipy-ffi` that cbindgen reads: numbers, and the configuration struct.

use crate::NOTICE;
use monipy_core::vocabulary::{CODES, CONFIG, ConfigSpec, EVENTS, FieldType};
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

/// How many rows of the configuration table version 1 of the header has. Rows beyond are appended
/// to the end of the struct, in the table's order, so that older programs keep working.
const CONFIG_ROWS_OF_VERSION_1: usize = 29;

/// Versions, event numbers and codes.
pub(crate) fn constants(top: &Path) -> Result<String, Box<dyn Error>> {
    let abi = std::fs::read_to_string(top.join("monipy-ffi/ABI_VERSION"))?;
    let mut parts = env!("CARGO_PKG_VERSION").split('.');
    let mut part = || parts.next().unwrap_or("0").parse::<u32>();
    let (major, minor, patch) = (part()?, part()?, part()?);
    let mut out = format!("// {NOTICE}\n//! Numbers\n//!\n//! Versions, the kinds of event, and the codes that events carry.\n");
    let mut constant = |doc: &str, name: &str, ty: &str, value: String| {
        let _ = write!(out, "\n/// {doc}\npub const {name}: {ty} = {value};\n");
    };
    constant("Version of this header.", "MONIPY_VERSION_MAJOR", "u32", major.to_string());
    constant("Version of this header.", "MONIPY_VERSION_MINOR", "u32", minor.to_string());
    constant("Version of this header.", "MONIPY_VERSION_PATCH", "u32", patch.to_string());
    let version = major << 16 | minor << 8 | patch;
    constant("Version of this header: major << 16 | minor << 8 | patch.", "MONIPY_VERSION", "u32", version.to_string());
    constant(
        "Version of the ABI: the N of libmonipy.so.N. Compare with monipy_abi_version().",
        "MONIPY_ABI_VERSION",
        "u32",
        abi.trim().parse::<u32>()?.to_string(),
    );
    for e in EVENTS {
        constant(
            &format!("`{}`: {}", e.name, e.doc.trim()),
            &format!("MONIPY_EVENT_{}", e.snake.to_uppercase()),
            "u32",
            e.value.to_string(),
        );
    }
    for c in CODES {
        constant(&format!("{}: {}.", c.code, c.doc), &format!("MONIPY_CODE_{}", c.name), "i32", c.code.to_string());
    }
    Ok(out)
}

/// The fields in C that one row of the table becomes: name and type.
fn fields(row: &ConfigSpec) -> Vec<(String, &'static str)> {
    let one = |ty| vec![(row.name.to_string(), ty)];
    let list = |ty| vec![(row.name.to_string(), ty), (format!("{}_count", row.name), "usize")];
    match (row.name, row.ty) {
        ("audio_mode", _) => one("i32"),
        ("codecs", _) => one("*const c_char"),
        ("ice_servers", _) => list("*const monipy_ice_server"),
        (_, FieldType::Map) => list("*const monipy_header"),
        (_, FieldType::Integer | FieldType::Boolean) => one("u32"),
        (_, FieldType::Number) => one("f64"),
        _ => one("*const c_char"),
    }
}

fn is_small(row: &ConfigSpec) -> bool {
    fields(row).iter().all(|(_, ty)| matches!(*ty, "u32" | "i32"))
}

fn doc(row: &ConfigSpec) -> String {
    let mut doc = capital(row.doc);
    match row.name {
        "audio_mode" => doc = "Where sound goes to and comes from: MONIPY_AUDIO_".into(),
        "codecs" => doc.push_str(", with commas between"),
        "ice_servers" => doc = "STUN and TURN servers. NULL and 0 for the default; a pointer that is not NULL and 0 for none".into(),
        _ if row.ty == FieldType::Boolean => doc = format!("1: {}; 0: not", row.doc),
        _ => {}
    }
    let unit = if row.unit.is_empty() { String::new() } else { format!(" {}", row.unit) };
    let default = match (row.ty, row.default, row.name) {
        (FieldType::Boolean, "true", _) => "1",
        (FieldType::Boolean, "false", _) => "0",
        (_, _, "audio_mode") => "MONIPY_AUDIO_DEVICE",
        (_, other, _) => other,
    };
    format!("{doc}. Default: {default}{unit}.")
}

fn capital(text: &str) -> String {
    if text.split(' ').next().is_some_and(|word| word.contains(':')) {
        return text.to_owned(); // ws://
    }
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// The configuration struct: the size and the small fields first, then the pointers, so that no
/// padding is implied; every later row at the end.
pub(crate) fn config() -> String {
    let mut out = format!(
        "// {NOTICE}\n//! Configuration\n//!\n//! Always begin with monipy_config_init, which sets the defaults; then change what you want. Strings\n\
         //! are UTF-8; NULL and \"\" mean the default. Everything is copied by monipy_supervisor_create.\n\n\
         use crate::types::{{monipy_header, monipy_ice_server}};\nuse std::ffi::c_char;\n\n\
         /// Everything a supervisor can be told before it starts.\n#[repr(C)]\n#[derive(Clone, Copy)]\npub struct monipy_config {{\n\
         \x20   /// sizeof(monipy_config).\n    pub struct_size: u32,\n"
    );
    let first = &CONFIG[..CONFIG_ROWS_OF_VERSION_1.min(CONFIG.len())];
    let mut small = 1;
    for row in first.iter().filter(|r| is_small(r)) {
        write_row(&mut out, row);
        small += 1;
    }
    // Always there, so that the boundary of version 1 does not depend on a count.
    out.push_str("    /// 0.\n    pub reserved0: u32,\n");
    small += 1;
    let mut words = 0;
    for row in first.iter().filter(|r| !is_small(r)) {
        write_row(&mut out, row);
        words += fields(row).len();
    }
    assert!(small % 2 == 0, "an odd number of 32-bit fields: the struct would have padding");
    for row in &CONFIG[first.len()..] {
        assert!(!is_small(row), "{}: append 32-bit fields in pairs, or widen it", row.name);
        write_row(&mut out, row);
    }
    let _ = write!(
        out,
        "}}\n\n/// Bytes of the struct in version 1 of the header.\npub(crate) const SIZE_OF_VERSION_1: usize = {small} * 4 + {words} * size_of::<usize>();\n"
    );
    out
}

fn write_row(out: &mut String, row: &ConfigSpec) {
    for (at, (name, ty)) in fields(row).into_iter().enumerate() {
        let doc = if at == 0 { doc(row) } else { format!("How many {}.", row.name) };
        let _ = write!(out, "    /// {doc}\n    pub {name}: {ty},\n");
    }
}
