//! The faces: how each one's phone program is built and started.

use monipy_tests::native::{self, top};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    C,
    Cpp,
    Rust,
    Python,
    Node,
}

/// Every language.
pub(crate) const ALL: [Face; 5] = [Face::C, Face::Cpp, Face::Rust, Face::Python, Face::Node];

/// A phone's source.
fn phone(name: &str) -> String {
    format!("tests/behaviour/phones/{name}")
}

/// A phone in C or C++.
fn native(name: &str) -> Command {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("behaviour");
    Command::new(native::compile(&folder, &phone(name)))
}

/// A phone that an interpreter runs, with an installed package.
fn interpreted(interpreter: OsString, name: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(top().join(phone(name)));
    command
}

/// An environment variable that says where a package is installed.
fn installed(variable: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: tests/behaviour/run.sh sets it and says what it holds"))
}

impl Face {
    /// The command that starts this face's phone.
    ///
    /// # Panics
    /// When the face is not installed: a face that is missing is a face that fails.
    pub(crate) fn command(self) -> Command {
        match self {
            Face::C => native("phone.c"),
            Face::Cpp => native("phone.cpp"),
            Face::Rust => Command::new(env!("CARGO_BIN_EXE_behaviour-phone")),
            Face::Python => interpreted(installed("MONIPY_PYTHON"), "phone.py"),
            Face::Node => {
                // The phone finds the package itself, by MONIPY_NODE_PACKAGE.
                installed("MONIPY_NODE_PACKAGE");
                interpreted(std::env::var_os("MONIPY_NODE").unwrap_or_else(|| "node".into()), "phone.js")
            }
        }
    }
}
