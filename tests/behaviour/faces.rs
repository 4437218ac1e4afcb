//! The faces: how each one's phone program is built and started.

use monipy_tests::native::{self, top};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// A language.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Face {
    C,
    Cpp,
    Rust,
    Python,
    Node,
}

/// A phone's source.
fn phone(name: &str) -> String {
    format!("tests/behaviour/phones/{name}")
}

/// A phone in C or C++.
fn native(name: &str) -> Command {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("behaviour");
    Command::new(native::compile(&folder, &phone(name)))
}

/// Whether a program runs and says 0 to these arguments.
fn works(program: &OsString, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

impl Face {
    /// The command that starts this face's phone; `None`, with a notice, where the face is not
    /// installed on this machine (C, C++ and Rust always are).
    pub(crate) fn command(self) -> Option<Command> {
        match self {
            Face::C => Some(native("phone.c")),
            Face::Cpp => Some(native("phone.cpp")),
            Face::Rust => Some(Command::new(env!("CARGO_BIN_EXE_behaviour-phone"))),
            Face::Python => {
                let python = std::env::var_os("MONIPY_PYTHON").unwrap_or_else(|| "python3".into());
                works(&python, &["-c", "import monipy, monipy._native"]).then(|| {
                    let mut command = Command::new(python);
                    command.arg(top().join(phone("phone.py")));
                    command
                })
            }
            Face::Node => {
                let node = std::env::var_os("MONIPY_NODE").unwrap_or_else(|| "node".into());
                let package = top().join("bindings/node");
                let loads = format!("require({:?})", package.display().to_string());
                works(&node, &["-e", &loads]).then(|| {
                    let mut command = Command::new(node);
                    command.arg(top().join(phone("phone.js")));
                    command
                })
            }
        }
    }
}
