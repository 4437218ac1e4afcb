//! `bindings/python/python/monipy/_generated.py`: a class per event, the codes, the settings.

use crate::NOTICE;
use monipy_core::vocabulary::{CODES, CONFIG, ConfigSpec, EVENTS, EventSpec, FieldSpec, FieldType};
use std::fmt::Write;

/// Names that Python keeps for itself get an underscore at the end, as PEP 8 says.
fn attribute(name: &str) -> String {
    match name {
        "from" | "type" => format!("{name}_"),
        other => other.to_owned(),
    }
}

fn class(event: &EventSpec) -> String {
    let camel: String = event
        .snake
        .split('_')
        .map(|part| {
            let (first, rest) = part.split_at(part.len().min(1));
            first.to_uppercase() + rest
        })
        .collect();
    format!("{camel}Event")
}

fn python_type(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Text => "str",
        FieldType::Integer => "int",
        FieldType::Number => "float",
        FieldType::Boolean => "bool",
        FieldType::Map => "Mapping[str, str]",
        FieldType::List => "Sequence[Any]",
        FieldType::Stream => "Any",
    }
}

/// The type of a setting, where a list's elements are known.
fn setting_type(row: &ConfigSpec) -> &'static str {
    match row.name {
        "codecs" => "Sequence[str]",
        "ice_servers" => "Sequence[Mapping[str, str]]",
        "audio_mode" => "Literal[\"device\", \"application\", \"none\"]",
        _ => python_type(row.ty),
    }
}

/// A sentence of a table as a docstring's text.
fn sentence(doc: &str) -> String {
    let doc = doc.trim().replace('\\', "\\\\").replace("\"\"\"", "'''");
    let mut chars = doc.chars();
    let mut out: String = chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect());
    if !out.ends_with('.') {
        out.push('.');
    }
    out
}

/// The module.
pub(crate) fn render() -> String {
    let mut out = format!(
        "# {NOTICE}\n\"\"\"Events, codes and settings: the vocabulary of monipy.\"\"\"\n\nfrom __future__ import annotations\n\n\
         from dataclasses import dataclass\nfrom enum import IntEnum\n\
         from typing import Any, ClassVar, Literal, Mapping, Optional, Sequence, Type, TypedDict\n\n"
    );
    let mut public: Vec<String> =
        ["CONFIG_JS_NAMES", "Code", "ConfigOptions", "EVENT_CLASSES", "Event", "EventName", "SupervisorOptions"].map(String::from).to_vec();
    public.extend(EVENTS.iter().map(class));
    public.sort_unstable();
    let _ = write!(out, "__all__ = [\n    \"{}\",\n]\n\n", public.join("\",\n    \""));
    let names: Vec<_> = EVENTS.iter().map(|e| format!("\"{}\"", e.name)).collect();
    let _ =
        write!(out, "#: The vendor's names of the events, as given to ``on``.\nEventName = Literal[\n    {},\n]\n", names.join(",\n    "));
    out.push_str("\n\nclass Code(IntEnum):\n    \"\"\"The codes of the contract; any other code is a SIP status code.\"\"\"\n\n");
    for c in CODES {
        let _ = writeln!(out, "    #: {}\n    {} = {}", sentence(c.doc), c.name, c.code);
    }
    out.push_str(EVENT_BASE);
    for e in EVENTS {
        render_class(&mut out, e);
    }
    out.push_str("\n\n#: The class of each event, by the vendor's name.\nEVENT_CLASSES: Mapping[str, Type[Event]] = {\n");
    for e in EVENTS {
        let _ = writeln!(out, "    \"{}\": {},", e.name, class(e));
    }
    out.push_str("}\n");
    out.push_str("\n\nclass ConfigOptions(TypedDict, total=False):\n    \"\"\"The settings of a supervisor; what is left out is the default.\"\"\"\n");
    for c in CONFIG {
        let unit = if c.unit.is_empty() { String::new() } else { format!(" {}", c.unit) };
        let _ = write!(out, "\n    {}: {}\n    \"\"\"{} Default: {}{unit}.\"\"\"\n", c.name, setting_type(c), sentence(c.doc), c.default);
    }
    out.push_str(
        "\n\nclass SupervisorOptions(ConfigOptions, total=False):\n    \"\"\"What a supervisor's constructor takes: the settings, and the vendor's own spelling of some.\"\"\"\n",
    );
    for c in CONFIG.iter().filter(|c| c.vendor && c.js != c.name) {
        let _ = write!(out, "\n    {}: {}\n    \"\"\"``{}``, as the vendor spells it.\"\"\"\n", c.js, setting_type(c), c.name);
    }
    out.push_str("\n\n#: The settings by JavaScript's names, for configuration files that both languages read.\nCONFIG_JS_NAMES: Mapping[str, str] = {\n");
    for c in CONFIG {
        let _ = writeln!(out, "    \"{}\": \"{}\",", c.js, c.name);
    }
    out.push_str("}\n");
    out
}

fn render_class(out: &mut String, e: &EventSpec) {
    let _ = write!(
        out,
        "\n\n@dataclass(frozen=True)\nclass {}(Event):\n    \"\"\"``{}``: {}\"\"\"\n\n    name: ClassVar[str] = \"{}\"\n    terminal: ClassVar[bool] = {}\n",
        class(e),
        e.name,
        sentence(e.doc),
        e.name,
        if e.terminal { "True" } else { "False" },
    );
    let field = |out: &mut String, f: &FieldSpec| {
        let ty = python_type(f.ty);
        let declared = if f.always { ty.to_owned() } else { format!("Optional[{ty}] = None") };
        let _ = write!(out, "    {}: {declared}\n    \"\"\"{}\"\"\"\n", attribute(f.name), sentence(f.doc));
    };
    // Fields without a default come first; Python wants it so.
    e.fields.iter().filter(|f| f.always).for_each(|f| field(out, f));
    e.fields.iter().filter(|f| !f.always).for_each(|f| field(out, f));
}

const EVENT_BASE: &str = r#"

@dataclass(frozen=True)
class Event:
    """What all events have."""

    name: ClassVar[str] = ""
    """The vendor's name of the event."""
    terminal: ClassVar[bool] = False
    """Whether it ends its call: exactly one such event per call, and nothing after it."""
    code: int
    """A ``Code``, or a SIP status code."""
    status: str
    """The vendor's words, or the server's reason."""
    seq: int
    """Number of the event within its supervisor, from 1, without gaps."""
    time_ms: int
    """When, as Unix time in milliseconds."""
    call: Optional[int]
    """The call it belongs to."""

    @staticmethod
    def of(name: str, fields: Mapping[str, Any]) -> Event:
        """The event of this name with these fields, by the vendor's names. What later versions add is ignored."""
        kind = EVENT_CLASSES[name]
        known = kind.__dataclass_fields__
        own = {key + "_" if key in ("from", "type") else key: value for key, value in fields.items()}
        own.setdefault("call", None)
        return kind(**{key: value for key, value in own.items() if key in known})
"#;
