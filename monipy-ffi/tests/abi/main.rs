//! The boundary as C sees it: what the header says, what the library exports, how structs lie in
//! memory, and the C and C++ tests of `tests/c`.

mod header;
mod header_compiles;
mod snapshot;
mod suite;
mod symbols;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The top of the project.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

/// The folder that holds libmonipy.so and libmonipy.a of this build.
fn library_folder() -> PathBuf {
    let me = std::env::current_exe().expect("the test has a path");
    let deps = me.parent().expect("it lies in a folder").to_owned();
    assert!(deps.join("libmonipy.so").is_file(), "cargo builds the library for its tests, so it is in {}", deps.display());
    deps
}

/// A folder for what a test makes.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

/// Runs a program that must succeed.
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{}{}", output.status, said(&output.stdout), said(&output.stderr));
    output
}

/// The C compiler.
fn cc() -> Command {
    Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
}

/// The C++ compiler.
fn cxx() -> Command {
    Command::new(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()))
}
