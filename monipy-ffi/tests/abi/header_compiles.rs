//! The header is strict C99 and C++11, monipy.hpp is strict C++17.

use crate::{cc, cxx, run, scratch, top};
use std::process::Command;

fn compiles(mut compiler: Command, standard: &str, file: &str, source: &str) {
    let source_file = scratch("header").join(file);
    std::fs::write(&source_file, source).expect("the target folder is writable");
    let strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
    run(compiler.arg(format!("-std={standard}")).args(strict).arg("-I").arg(top().join("include")).arg(source_file));
}

const C: &str = "#include <monipy.h>\nint f(void); int f(void) { return MONIPY_ERR_INTERNAL + MONIPY_EVENT_LOGIN; }\n";
const CPP: &str = "#include <monipy.hpp>\nint f(monipy::Supervisor& s) { return s.answer().value(); }\n";

#[test]
fn monipy_h_is_strict_c99() {
    compiles(cc(), "c99", "c99.c", C);
}

#[test]
fn monipy_h_is_strict_c11() {
    compiles(cc(), "c11", "c11.c", C);
}

#[test]
fn monipy_h_is_strict_cpp11() {
    compiles(cxx(), "c++11", "cpp11.cpp", C);
}

#[test]
fn monipy_hpp_is_strict_cpp17() {
    compiles(cxx(), "c++17", "cpp17.cpp", CPP);
}

#[test]
fn monipy_hpp_is_strict_cpp20() {
    compiles(cxx(), "c++20", "cpp20.cpp", CPP);
}

/// The first program of the header's opening comment, as it is printed there.
#[test]
fn the_first_program_of_the_header_compiles() {
    let header = std::fs::read_to_string(top().join("include/monipy.h")).expect("the header is there");
    let (_, from) = header.split_once("A FIRST PROGRAM").expect("the header begins with a program");
    let (program, _) = from.split_once(" *     cc program.c").expect("and says how to compile it");
    let lines = program.lines().map(|l| l.trim_start_matches(" *").strip_prefix("     ").unwrap_or_default());
    let program: String = lines.map(|l| format!("{l}\n")).collect();
    assert!(program.contains("int main(void)"), "{program}");
    let file = scratch("header").join("first.c");
    std::fs::write(&file, program).expect("the target folder is writable");
    // The user data and call parameters of its callbacks are unused on purpose.
    let strict = ["-std=c99", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-fsyntax-only"];
    run(cc().args(strict).arg("-I").arg(top().join("include")).arg(file));
}
