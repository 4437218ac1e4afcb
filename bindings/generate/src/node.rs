//! `bindings/node/generated.d.ts` and `generated.js`: the event map, the options, the codes.

use crate::NOTICE;
use monipy_core::vocabulary::{CODES, CONFIG, ConfigSpec, EVENTS, EventSpec, FieldType};
use std::fmt::Write;

fn interface(event: &EventSpec) -> String {
    let (first, rest) = event.name.split_at(event.name.len().min(1));
    first.to_uppercase() + rest + "Event"
}

fn ts_type(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Text => "string",
        FieldType::Integer | FieldType::Number => "number",
        FieldType::Boolean => "boolean",
        FieldType::Map => "Record<string, string>",
        FieldType::List => "unknown[]",
        FieldType::Stream => "CallStream",
    }
}

/// Types that are narrower than text, by the name of an event's field.
fn field_type(name: &str, ty: FieldType) -> &'static str {
    match name {
        "type" => "'incoming' | 'outgoing'",
        "whom" => "'myself' | 'other'",
        _ => ts_type(ty),
    }
}

fn option_type(row: &ConfigSpec) -> &'static str {
    match row.name {
        "audio_mode" => "'device' | 'application' | 'none'",
        "codecs" => "Array<'opus' | 'PCMU' | 'PCMA'>",
        "ice_servers" => "IceServer[]",
        _ => ts_type(row.ty),
    }
}

fn sentence(doc: &str) -> String {
    let doc = doc.trim().replace("*/", "* /");
    let mut chars = doc.chars();
    let mut out: String = chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect());
    if !out.ends_with('.') {
        out.push('.');
    }
    out
}

/// The declarations.
pub(crate) fn declarations() -> String {
    let mut out = format!(
        "// {NOTICE}\n\nimport type {{ CallStream }} from './index'\n\n\
         /** What all events have. */\nexport interface MonipyEvent {{\n  /** Its name, as given to `on`. */\n  event: EventName\n  /** One of {{@link Code}}, or a SIP status code. */\n  code: number\n  \
         /** The vendor's words, or the server's reason. */\n  status: unknown\n  /** Number of the event within its supervisor, from 1, without gaps. */\n  seq: number\n  \
         /** When, as Unix time in milliseconds. */\n  time_ms: number\n  /** The call it belongs to. */\n  call?: number\n}}\n"
    );
    for e in EVENTS {
        let stream = e.fields.iter().any(|f| f.ty == FieldType::Stream);
        let status = if stream { "CallStream" } else { "string" };
        let _ = write!(
            out,
            "\n/** `{}`: {} */\nexport interface {} extends MonipyEvent {{\n  event: '{}'\n  status: {status}\n",
            e.name,
            sentence(e.doc),
            interface(e),
            e.name
        );
        for f in e.fields {
            let mark = if f.always { "" } else { "?" };
            let _ = write!(out, "  /** {} */\n  {}{mark}: {}\n", sentence(f.doc), f.name, field_type(f.name, f.ty));
        }
        out.push_str("}\n");
    }
    out.push_str("\n/** The events by the vendor's names, with what their handlers are given. */\nexport interface MonipyEvents {\n");
    for e in EVENTS {
        let _ = writeln!(out, "  {}: [event: {}]", e.name, interface(e));
    }
    out.push_str("}\n\n/** The vendor's names of the events. */\nexport type EventName = keyof MonipyEvents\n");
    out.push_str(
        "\n/** A STUN or TURN server. */\nexport interface IceServer {\n  url: string\n  username?: string\n  credential?: string\n}\n",
    );
    out.push_str("\n/** The options of the constructor; the first five are the vendor's. */\nexport interface MonipyOptions {\n");
    for c in CONFIG {
        let unit = if c.unit.is_empty() { String::new() } else { format!(" {}", c.unit) };
        let _ = write!(out, "  /** {} Default: {}{unit}. */\n  {}?: {}\n", sentence(c.doc), c.default, c.js, option_type(c));
    }
    out.push_str("}\n\n/** The codes of the contract; any other code is a SIP status code. */\nexport declare const Code: {\n");
    for c in CODES {
        let _ = write!(out, "  /** {} */\n  readonly {}: {}\n", sentence(c.doc), c.name, c.code);
    }
    out.push_str(
        "}\n\n/** The table of events. */\nexport declare const EVENTS: ReadonlyArray<{\n  readonly name: EventName\n  readonly value: number\n  \
         readonly ofCall: boolean\n  readonly terminal: boolean\n}>\n\n\
         /** The options' names here, by their names in the engine. */\nexport declare const OPTION_NAMES: Readonly<Record<string, keyof MonipyOptions>>\n",
    );
    out
}

/// The constants.
pub(crate) fn constants() -> String {
    let mut out = format!("// {NOTICE}\n'use strict'\n\nconst Code = Object.freeze({{\n");
    for c in CODES {
        let _ = writeln!(out, "  {}: {},", c.name, c.code);
    }
    out.push_str("})\n\nconst EVENTS = Object.freeze([\n");
    for e in EVENTS {
        let _ = writeln!(out, "  {{ name: '{}', value: {}, ofCall: {}, terminal: {} }},", e.name, e.value, e.of_call, e.terminal);
    }
    out.push_str("])\n\nconst OPTION_NAMES = Object.freeze({\n");
    for c in CONFIG {
        let _ = writeln!(out, "  {}: '{}',", c.name, c.js);
    }
    out.push_str("})\n\nmodule.exports = { Code, EVENTS, OPTION_NAMES }\n");
    out
}
