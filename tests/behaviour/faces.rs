//! The faces: how each one's phone program is built and started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A language.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Face {
    C,
    Cpp,
    Rust,
    Python,
    Node,
}

/// The top of the project.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

/// The folder that holds libmonipy.so of this build.
fn library_folder() -> PathBuf {
    let me = std::env::current_exe().expect("the test has a path");
    me.parent().expect("it lies in a folder").to_owned()
}

fn phone(name: &str) -> PathBuf {
    top().join("tests/behaviour/phones").join(name)
}

/// Compiles a phone against libmonipy.so, once per run.
fn compile(slot: &'static OnceLock<PathBuf>, compiler: &str, default: &str, standard: &str, source: &str) -> PathBuf {
    slot.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("behaviour");
        std::fs::create_dir_all(&folder).expect("the target folder is writable");
        let binary = folder.join(format!("{source}.phone"));
        // The name that the soname asks for.
        let soname = folder.join(format!("libmonipy.so.{}", include_str!("../../monipy-ffi/ABI_VERSION").trim()));
        let _ = std::fs::remove_file(&soname);
        std::fs::copy(library_folder().join("libmonipy.so"), &soname).expect("cargo has built libmonipy.so");
        let output = Command::new(std::env::var_os(compiler).unwrap_or_else(|| default.into()))
            .args([standard, "-Wall", "-Wextra", "-Werror", "-pthread"])
            .arg(format!("-I{}", top().join("include").display()))
            .arg("-o")
            .arg(&binary)
            .arg(phone(source))
            .arg(&soname)
            .arg(format!("-Wl,-rpath,{}", folder.display()))
            .output()
            .expect("the compiler is there");
        assert!(output.status.success(), "{source}: {}", String::from_utf8_lossy(&output.stderr));
        binary
    })
    .clone()
}

/// Whether a program runs and says 0 to these arguments.
fn works(program: &OsString, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

impl Face {
    /// The command that starts this face's phone; `None`, with a notice, where the face is not
    /// installed on this machine (C, C++ and Rust always are).
    pub(crate) fn command(self) -> Option<Command> {
        static C: OnceLock<PathBuf> = OnceLock::new();
        static CPP: OnceLock<PathBuf> = OnceLock::new();
        match self {
            Face::C => Some(Command::new(compile(&C, "CC", "cc", "-std=c99", "phone.c"))),
            Face::Cpp => Some(Command::new(compile(&CPP, "CXX", "c++", "-std=c++17", "phone.cpp"))),
            Face::Rust => Some(Command::new(env!("CARGO_BIN_EXE_behaviour-phone"))),
            Face::Python => {
                let python = std::env::var_os("MONIPY_PYTHON").unwrap_or_else(|| "python3".into());
                works(&python, &["-c", "import monipy, monipy._native"]).then(|| {
                    let mut command = Command::new(python);
                    command.arg(phone("phone.py"));
                    command
                })
            }
            Face::Node => {
                let node = std::env::var_os("MONIPY_NODE").unwrap_or_else(|| "node".into());
                let package = top().join("bindings/node");
                let loads = format!("require({:?})", package.display().to_string());
                works(&node, &["-e", &loads]).then(|| {
                    let mut command = Command::new(node);
                    command.arg(phone("phone.js"));
                    command
                })
            }
        }
    }
}
