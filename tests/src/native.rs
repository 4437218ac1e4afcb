//! Programs in C and C++, compiled against the libmonipy.so of this build.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The top of the project.
///
/// # Panics
/// Never: the package lies in the workspace.
#[must_use]
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

/// Compiles a program (`.c` as C99, `.cpp` as C++17; named from the top of the project) with all
/// warnings as errors, links it with libmonipy.so, and gives its path. `folder` is one of the
/// test's own; `CC` and `CXX` name the compilers.
///
/// # Panics
/// When it does not compile, with the compiler's words.
#[must_use]
pub fn compile(folder: &Path, source: &str) -> PathBuf {
    // Tests run side by side: one makes a file, once, so that none writes what another runs.
    static MADE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    std::fs::create_dir_all(folder).expect("the folder is writable");
    let binary = folder.join(source.replace(['/', '.'], "-"));
    if made.contains(&binary) {
        return binary;
    }
    // The name that the soname asks for.
    let library = folder.join(format!("libmonipy.so.{}", include_str!("../../monipy-ffi/ABI_VERSION").trim()));
    if !made.contains(&library) {
        let me = std::env::current_exe().expect("the test has a path");
        let built = me.parent().expect("it lies in a folder").join("libmonipy.so");
        let _ = std::fs::remove_file(&library);
        std::fs::copy(built, &library).expect("cargo has built libmonipy.so");
        made.insert(library.clone());
    }
    let (variable, default, standard) = if source.ends_with(".cpp") { ("CXX", "c++", "-std=c++17") } else { ("CC", "cc", "-std=c99") };
    let output = Command::new(std::env::var_os(variable).unwrap_or_else(|| default.into()))
        .args([standard, "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"])
        .arg(format!("-I{}", top().join("include").display()))
        .arg("-o")
        .arg(&binary)
        .arg(top().join(source))
        .arg(&library)
        .arg("-lm")
        .arg(format!("-Wl,-rpath,{}", folder.display()))
        .output()
        .expect("the compiler is there");
    assert!(output.status.success(), "{source}: {}", String::from_utf8_lossy(&output.stderr));
    made.insert(binary.clone());
    binary
}
