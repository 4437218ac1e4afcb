//! Gives the shared library its soname: `libmonipy.so.N`, N being the version of the ABI. A program
//! linked against it then refuses to start with a library of another ABI instead of misbehaving.

/// The N of `libmonipy.so.N`; the same number is `MONIPY_ABI_VERSION` of the header.
const ABI_VERSION: &str = include_str!("ABI_VERSION");

fn main() {
    println!("cargo::rerun-if-changed=ABI_VERSION");
    println!("cargo::rerun-if-changed=build.rs");
    let abi = ABI_VERSION.trim();
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    match os.as_str() {
        "linux" | "android" | "freebsd" | "netbsd" | "openbsd" => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libmonipy.so.{abi}");
        }
        "macos" | "ios" => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libmonipy.{abi}.dylib");
        }
        _ => {}
    }
}
