//! `docs/events.md`: events, codes and settings for people.

use crate::NOTICE;
use monipy_core::quality::WARNINGS;
use monipy_core::vocabulary::{CODES, CONFIG, EVENTS};
use std::fmt::Write;

/// Text inside a cell of a table.
fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|")
}

/// The page.
pub(crate) fn render() -> String {
    let mut out = format!(
        "<!-- {NOTICE} -->\n\n# Events, codes and settings\n\n\
         The same in every language. Every event has `code` and `status`; what else it carries is listed with it.\n\n\
         ## Events\n\n\
         For each call: `trying`, `inComingCall`, `ringing`, then `answered` and `callStream` (in whichever order they become true),\n\
         then any of `dtmf`, `hold`, `unhold` and `stats`, then exactly one of `ended` and `hangup`, and nothing after it.\n\n\
         | event | number in C | when |\n| --- | --- | --- |\n"
    );
    for e in EVENTS {
        let end = if e.terminal { " Ends the call." } else { "" };
        let _ = writeln!(
            out,
            "| [`{}`](#{}) | `MONIPY_EVENT_{}` {} | {}{end} |",
            e.name,
            e.name.to_lowercase(),
            e.snake.to_uppercase(),
            e.value,
            cell(e.doc)
        );
    }
    for e in EVENTS {
        let of = if e.of_call { "It belongs to a call." } else { "It belongs to no call." };
        let _ = write!(out, "\n### {}\n\n{} {of}\n", e.name, e.doc.trim());
        if e.fields.is_empty() {
            continue;
        }
        out.push_str("\n| field | type | what |\n| --- | --- | --- |\n");
        for f in e.fields {
            let always = if f.always { "" } else { ", when the other side sent it" };
            let _ = writeln!(out, "| `{}` | {} | {}{always} |", f.name, format!("{:?}", f.ty).to_lowercase(), cell(f.doc));
        }
    }
    out.push_str(
        "\n## Warnings\n\nThe event `warning` names one of these. It is raised when the figure is at or beyond the first threshold for that\n\
         many seconds in a row, and cleared when it is at or on the good side of the second one for as long.\n\n\
         | warning | unit | raised at | cleared at | seconds | what |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for w in WARNINGS {
        let _ = writeln!(out, "| `{}` | {} | {} | {} | {} | {} |", w.name, w.unit, w.raise, w.clear, w.seconds, cell(w.doc));
    }
    out.push_str("\n## Codes\n\n| code | name | what |\n| --- | --- | --- |\n");
    for c in CODES {
        let _ = writeln!(out, "| {} | `{}` | {} |", c.code, c.name, cell(c.doc));
    }
    out.push_str("\nAny other code is a SIP status code (RFC 3261 section 21).\n\n## Settings\n\n");
    out.push_str(
        "The first five are the vendor's.\n\n| C, Python, Rust | JavaScript | type | default | what |\n| --- | --- | --- | --- | --- |\n",
    );
    for c in CONFIG {
        let unit = if c.unit.is_empty() { String::new() } else { format!(" {}", c.unit) };
        let ty = format!("{:?}", c.ty).to_lowercase();
        let _ = writeln!(out, "| `{}` | `{}` | {ty} | {}{unit} | {} |", c.name, c.js, cell(c.default), cell(c.doc));
    }
    out
}
