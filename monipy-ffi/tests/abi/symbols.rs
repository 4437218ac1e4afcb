//! What the shared library exports is what the header declares, and nothing else.

use crate::{header, library_folder, run};
use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn exported_symbols_are_the_functions_of_the_header() {
    let output = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library_folder().join("libmonipy.so")));
    let listing = String::from_utf8(output.stdout).expect("nm writes text");
    let exported: BTreeSet<&str> = listing.lines().filter_map(|l| l.split_whitespace().nth(2)).collect();
    let functions = header::functions();
    let declared: BTreeSet<&str> = functions.keys().map(String::as_str).collect();
    assert_eq!(exported, declared);
}

#[test]
fn the_soname_carries_the_abi_version() {
    let abi = std::fs::read_to_string(crate::top().join("monipy-ffi/ABI_VERSION")).expect("it is there");
    let output = run(Command::new("objdump").arg("-p").arg(library_folder().join("libmonipy.so")));
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let soname = listing.lines().find_map(|l| l.trim().strip_prefix("SONAME")).map(str::trim);
    assert_eq!(soname, Some(format!("libmonipy.so.{}", abi.trim()).as_str()));
    assert!(!listing.contains("libasound"), "sound cards are opened at run time, not needed at load time");
}
