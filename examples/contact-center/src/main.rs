//! The contact centre as a program.
fn main() -> std::process::ExitCode {
    eprintln!("contact-center: the server is not in this build yet");
    std::process::ExitCode::FAILURE
}
