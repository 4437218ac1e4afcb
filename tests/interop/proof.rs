//! What a scenario leaves: a folder with logs and sounds to look at when it fails, and a row of what
//! was proven for the table in docs/interop.md (`tests/tools/interop_table.py`).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One scenario against one peer.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) folder: PathBuf,
    peer: &'static str,
    scenario: &'static str,
    heard: Vec<String>,
    first_sound: Option<Duration>,
}

impl Proof {
    pub(crate) fn begin(peer: &'static str, scenario: &'static str) -> Proof {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop");
        let folder = base.join(format!("{peer}-{scenario}").replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder for what the scenario leaves");
        Proof { folder, peer, scenario, heard: Vec::new(), first_sound: None }
    }

    /// Something that was measured in the audio.
    pub(crate) fn heard(&mut self, what: impl Into<String>) {
        self.heard.push(what.into());
    }

    /// From the INVITE (or the order to send it) to the first sound.
    pub(crate) fn first_sound(&mut self, after: Duration) {
        self.first_sound.get_or_insert(after);
    }

    /// The scenario went well: writes its row.
    pub(crate) fn done(self) {
        let row = serde_json::json!({
            "peer": self.peer,
            "scenario": self.scenario,
            "heard": self.heard,
            "first_sound_ms": self.first_sound.map(|time| time.as_millis() as u64),
        });
        let rows = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop/rows.jsonl");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(rows);
        // One write: scenarios run side by side.
        file.and_then(|mut file| file.write_all(format!("{row}\n").as_bytes())).expect("the table's row");
    }
}
