//! One behaviour, five faces: the scenarios of README.md against the embedded contact centre, from
//! C, C++, Python, Node and Rust. What must happen is in expected.json.
//!
//! [`faces`]: how each face's phone is built and started; [`phone`]: a phone that runs;
//! [`expected`]: comparing; [`scenarios`]: what is done in each.

mod expected;
mod faces;
mod media_thread;
mod phone;
mod scenarios;

/// One test per scenario for one face.
macro_rules! face {
    ($module:ident, $face:expr; $($scenario:ident),* $(,)?) => {
        mod $module {
            $(#[test]
            fn $scenario() {
                crate::scenarios::run($face, stringify!($scenario), crate::scenarios::$scenario);
            })*
        }
    };
}

macro_rules! faces {
    ($($module:ident: $face:expr),* $(,)?) => {
        $(face!($module, $face;
            login, wrong_password, too_many_connections, already_logged_in, logout_before_login,
            answer_without_call, barge_answered, barge_rejected, ringing_timed_out, caller_gives_up,
            terminate, terminate_in_incoming, hold_near, hold_far, mute, dtmf, second_call, server_lost,
            outgoing, audio,
        );)*
    };
}

faces!(
    c: crate::faces::Face::C,
    cpp: crate::faces::Face::Cpp,
    rust: crate::faces::Face::Rust,
    python: crate::faces::Face::Python,
    node: crate::faces::Face::Node,
);

/// The scenarios of expected.json are those that run.
#[test]
fn every_expected_scenario_runs() {
    let source = include_str!("main.rs");
    let list = source.split("face!($module, $face;").nth(1).and_then(|s| s.split(");").next()).expect("the list above");
    let mut listed: Vec<&str> = list.split([',', '\n']).map(str::trim).filter(|s| !s.is_empty()).collect();
    listed.sort_unstable();
    assert_eq!(listed, expected::names());
}
