//! `include/monipy.abi`: functions, constants, and how structs lie in memory, so that a break of
//! the ABI is a visible change of a committed file. To accept a change, run
//! `MONIPY_UPDATE_ABI=1 cargo test -p monipy-ffi --test abi snapshot` and commit the file.
#![cfg(target_pointer_width = "64")]

use crate::{cc, header, run, scratch, top};
use std::fmt::Write;
use std::process::Command;

/// A C program that prints each struct's size, and each field's offset and size.
fn layout() -> String {
    let mut program = String::from("#include <monipy.h>\n#include <stdio.h>\nint main(void) {\n");
    for (name, fields) in header::structs() {
        let _ = writeln!(program, "  printf(\"struct {name} %zu\\n\", sizeof({name}));");
        for field in fields {
            let _ = writeln!(program, "  printf(\"  {field} %zu %zu\\n\", offsetof({name}, {field}), sizeof((({name} *)0)->{field}));");
        }
    }
    program.push_str("  return 0;\n}\n");
    let folder = scratch("snapshot");
    let (source, binary) = (folder.join("layout.c"), folder.join("layout"));
    std::fs::write(&source, program).expect("the target folder is writable");
    run(cc().arg("-I").arg(top().join("include")).arg(source).arg("-o").arg(&binary));
    String::from_utf8(run(&mut Command::new(binary)).stdout).expect("it prints text")
}

#[test]
fn no_struct_has_padding() {
    let mut end = 0;
    let mut name = String::new();
    for line in layout().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words[at].parse::<usize>().expect("the program prints numbers");
        if words[0] == "struct" {
            name = words[1].to_owned();
            end = 0;
        } else {
            assert_eq!(number(1), end, "padding before {name}.{}", words[0]);
            end = number(1) + number(2);
        }
    }
    // The end of each struct against its size.
    for block in layout().split("struct ").skip(1) {
        let size: usize = block.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a size");
        let last: Vec<usize> = block.lines().last().expect("a field").split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
        assert_eq!(last.iter().sum::<usize>(), size, "padding at the end of {block}");
    }
}

#[test]
fn the_snapshot_is_fresh() {
    let mut now = String::from(
        "# The ABI of libmonipy on 64-bit machines: functions, constants, structs with size, and fields with offset and size.\n\
         # Kept by monipy-ffi/tests/abi/snapshot.rs. A line that changes or goes is a break of the ABI.\n\n",
    );
    for declaration in header::functions().values() {
        let _ = writeln!(now, "function {declaration}");
    }
    now.push('\n');
    for (name, value) in header::constants() {
        // Versions change without a break.
        if !name.starts_with("MONIPY_VERSION") {
            let _ = writeln!(now, "constant {name} {value}");
        }
    }
    now.push('\n');
    now.push_str(&layout());
    let path = top().join("include/monipy.abi");
    if std::env::var_os("MONIPY_UPDATE_ABI").is_some() {
        std::fs::write(&path, &now).expect("the project is writable");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (a, b) in kept.lines().zip(now.lines()) {
        assert_eq!(a, b, "include/monipy.abi (left) is not what the header says; see the top of snapshot.rs");
    }
    assert_eq!(kept.lines().count(), now.lines().count(), "include/monipy.abi is not what the header says; see the top of snapshot.rs");
}
