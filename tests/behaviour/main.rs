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
mod sound_files;

/// One test per scenario for one face.
macro_rules! face {
    ($module:ident, $face:expr; $($scenario:ident),*) => {
        mod $module {
            $(#[test]
            fn $scenario() {
                crate::scenarios::run($face, stringify!($scenario), crate::scenarios::$scenario);
            })*
        }
    };
}

macro_rules! suite {
    ($($scenario:ident),* $(,)?) => {
        face!(c, crate::faces::Face::C; $($scenario),*);
        face!(cpp, crate::faces::Face::Cpp; $($scenario),*);
        face!(rust, crate::faces::Face::Rust; $($scenario),*);

        /// All five, side by side, against what must happen and against each other. Python and Node
        /// are there once their packages are installed: the stage `faces` of tests/tools/run_all.py.
        mod five_faces {
            $(#[test]
            #[ignore = "needs the installed packages of Python and Node: tests/behaviour/run.sh"]
            fn $scenario() {
                crate::scenarios::run_on_all(stringify!($scenario), crate::scenarios::$scenario);
            })*
        }

        const SCENARIOS: &[&str] = &[$(stringify!($scenario)),*];
    };
}

suite!(
    login,
    wrong_password,
    too_many_connections,
    already_logged_in,
    logout_before_login,
    answer_without_call,
    barge_answered,
    barge_rejected,
    ringing_timed_out,
    caller_gives_up,
    terminate,
    terminate_in_incoming,
    hold_near,
    hold_far,
    mute,
    dtmf,
    second_call,
    server_lost,
    outgoing,
    audio,
);

/// The scenarios of expected.json are those that run.
#[test]
fn every_expected_scenario_runs() {
    let mut listed = SCENARIOS.to_vec();
    listed.sort_unstable();
    assert_eq!(listed, expected::names());
}
