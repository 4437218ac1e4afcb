//! What a run leaves: a folder with the WAVs, the ladder, the timeline, and a page to look at them.

use crate::calls;
use crate::ladder::{LadderEntry, Way};
use crate::state::Centre;
use crate::timeline::TimelineEntry;
use std::fmt::Write;
use std::path::Path;

/// Writes ladder, timeline and page into the record folder, and completes the WAV files.
pub(crate) fn write(centre: &Centre) {
    let Some(folder) = &centre.record else { return };
    calls::finish_recordings(centre);
    let (ladder, timeline) = (centre.ladder.entries(), centre.timeline.entries());
    let messages: String = ladder
        .iter()
        .map(|e| format!("---- {:.1} ms, connection {}, {:?} {}\n{}\n", e.at_ms, e.connection, e.way, e.peer, e.text))
        .collect();
    let events: String = timeline.iter().map(|e| format!("{}\n", serde_json::to_string(e).unwrap_or_default())).collect();
    let page = page(&ladder, &timeline, &recordings(folder));
    for (name, text) in [("ladder.txt", messages), ("timeline.jsonl", events), ("index.html", page)] {
        if let Err(e) = std::fs::write(folder.join(name), text) {
            log::warn!("{name} was not written: {e}");
        }
    }
}

/// The WAV files of a run, by their paths in its folder.
fn recordings(folder: &Path) -> Vec<String> {
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>();
    let mut files: Vec<String> = entries(folder)
        .iter()
        .filter(|p| p.is_dir())
        .flat_map(|call| entries(call))
        .filter(|p| p.extension().is_some_and(|e| e == "wav"))
        .filter_map(|p| Some(p.strip_prefix(folder).ok()?.to_string_lossy().into_owned()))
        .collect();
    files.sort();
    files
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(ladder: &[LadderEntry], timeline: &[TimelineEntry], recordings: &[String]) -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>A run of the contact centre</title>\n<style>:root{color-scheme:light dark}\
        body{font:14px/1.5 system-ui,sans-serif;max-width:70rem;margin:1rem auto;padding:0 1rem}pre,summary,td{font-family:ui-monospace,monospace;font-size:12.5px}\
        summary{cursor:pointer}td{padding:0 .8rem 0 0;vertical-align:top}audio{vertical-align:middle}</style>\n<h1>A run of the contact centre</h1>\n",
    );
    // Writing to a String cannot fail.
    html.push_str("<h2>What each party heard</h2>\n");
    for file in recordings {
        let name = escaped(file);
        let _ = writeln!(html, "<p><audio controls preload=\"none\" src=\"{name}\"></audio> {name}</p>");
    }
    html.push_str("<h2>Timeline</h2>\n<table>\n");
    for e in timeline {
        let _ = writeln!(html, "<tr><td>{:.3} s<td>{}<td>{}", e.at_ms / 1000.0, e.kind, escaped(&e.text));
    }
    html.push_str("</table>\n<h2>SIP messages</h2>\n");
    for e in ladder {
        let arrow = if e.way == Way::In { "→" } else { "←" };
        let peer = if e.peer.is_empty() { format!("connection {}", e.connection) } else { e.peer.clone() };
        let _ = writeln!(
            html,
            "<details><summary>{:.3} s {} {arrow} {}</summary><pre>{}</pre></details>",
            e.at_ms / 1000.0,
            escaped(&peer),
            escaped(&e.start_line),
            escaped(&e.text)
        );
    }
    html.push_str("</html>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_phones_said_is_no_markup() {
        let entry = LadderEntry {
            seq: 1,
            at_ms: 12.0,
            connection: 1,
            peer: "<b>".into(),
            way: Way::In,
            start_line: "INVITE <x>".into(),
            text: "From: \"<script>\"".into(),
        };
        let page = page(&[entry], &[], &["call-1/1-agent-hears.wav".into()]);
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>") && !page.contains("<b>"), "{page}");
        assert!(page.contains("src=\"call-1/1-agent-hears.wav\""));
    }
}
