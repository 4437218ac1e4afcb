//! Compiles the one function that cannot be written in Rust: a variadic error handler for ALSA.

fn main() {
    println!("cargo:rerun-if-changed=src/quiet_alsa.c");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        cc::Build::new().file("src/quiet_alsa.c").compile("monipy_quiet_alsa");
    }
}
