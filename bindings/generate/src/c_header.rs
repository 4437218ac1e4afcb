//! `include/monipy.h`: chapters in the order in which a reader needs them, each made by cbindgen
//! from one file of `monipy-ffi`, with that file's opening comment as its introduction.

use crate::NOTICE;
use cbindgen::{Builder, Config, DocumentationStyle, Language, LineEndingStyle, Style};
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The files of monipy-ffi/src that face C, in the order of the header.
const CHAPTERS: &[&str] = &[
    "generated.rs",
    "types.rs",
    "status.rs",
    "library.rs",
    "logging.rs",
    "generated_config.rs",
    "config.rs",
    "stats.rs",
    "event.rs",
    "audio.rs",
    "supervisor.rs",
    "call.rs",
    "sound.rs",
];

/// What some functions need from a later chapter: forward declarations, so that `audio` may come
/// before `supervisor` and the other way round.
const OPENING: &str = include_str!("c_header_opening.txt");

/// Renders the header from the sources, taking the two generated ones as given.
pub(crate) fn render(top: &Path, constants: &str, config: &str) -> Result<String, Box<dyn Error>> {
    let sources = top.join("monipy-ffi/src");
    let scratch = Scratch::new()?;
    let mut out = format!("/* {NOTICE} */\n\n{OPENING}");
    for chapter in CHAPTERS {
        let path = match *chapter {
            "generated.rs" => scratch.write(chapter, constants)?,
            "generated_config.rs" => scratch.write(chapter, config)?,
            _ => sources.join(chapter),
        };
        out.push_str(&render_chapter(&path)?);
    }
    out.push_str("#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* MONIPY_H */\n");
    Ok(out)
}

fn render_chapter(path: &Path) -> Result<String, Box<dyn Error>> {
    let source = std::fs::read_to_string(path)?;
    let mut config = Config {
        language: Language::C,
        style: Style::Both,
        cpp_compat: false,
        documentation: true,
        documentation_style: DocumentationStyle::C,
        line_length: 100,
        line_endings: LineEndingStyle::LF,
        no_includes: true,
        usize_is_size_t: true,
        ..Config::default()
    };
    config.function.prefix = Some("MONIPY_API".into());
    config.function.postfix = Some("MONIPY_NOEXCEPT".into());
    config.export.include = types_of(&source);
    let mut text = Vec::new();
    Builder::new().with_config(config).with_src(path).generate().map_err(|e| format!("{}: {e}", path.display()))?.write(&mut text);
    let declarations = tidy(&String::from_utf8(text)?);
    Ok(format!("{}\n{declarations}\n", introduction(&source)))
}

/// The public types of a file: cbindgen leaves out those that no function of the same file uses.
fn types_of(source: &str) -> Vec<String> {
    source
        .lines()
        .filter_map(|l| l.strip_prefix("pub struct ").or_else(|| l.strip_prefix("pub type ")))
        .filter_map(|l| l.split(|c: char| !c.is_alphanumeric() && c != '_').next())
        .map(str::to_owned)
        .collect()
}

/// A file's `//!` comment as the heading of a chapter.
fn introduction(source: &str) -> String {
    let mut lines = source.lines().filter_map(|l| l.strip_prefix("//!")).map(str::trim);
    let title = lines.next().unwrap_or_default();
    let mut out = format!("/* {} {title} {}\n", "-".repeat(4), "-".repeat(90usize.saturating_sub(title.len())));
    for line in lines {
        let line = line.replace('`', "'");
        let _ = writeln!(out, " *{}{line}", if line.is_empty() { "" } else { " " });
    }
    out.push_str(" */\n");
    out
}

/// Columns of the header at most.
const WIDTH: usize = 100;

/// cbindgen's text as a person would have set it: short comments on one line, long ones wrapped,
/// constants one under the other.
fn tidy(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let body = line.trim_start();
        if body == "/*" {
            let said: Vec<&str> = lines.by_ref().map(str::trim).take_while(|l| *l != "*/").collect();
            out.extend(comment(&line[..line.len() - body.len()], &said));
        } else if body == "MONIPY_NOEXCEPT;" {
            let declaration = out.pop().unwrap_or_default();
            out.push(declaration + " MONIPY_NOEXCEPT;");
        } else if let Some((name, digits)) = line.strip_prefix("#define ").and_then(|d| d.split_once(" -")) {
            out.push(format!("#define {name} (-{digits})"));
        } else if line.starts_with("typedef struct ") {
            out.push(line.to_owned());
        } else {
            // The typedef's name is the one the whole header uses.
            out.push(line.replace("struct monipy_", "monipy_"));
        }
    }
    let mut joined = out.join("\n");
    // Between two constants there is no blank line: the comment shows where the next begins.
    for (at, _) in joined.clone().rmatch_indices("\n\n/*") {
        let before = joined[..at].lines().last().is_some_and(|l| l.starts_with("#define"));
        let after = joined[at..].split_once("*/\n").is_some_and(|(_, rest)| rest.starts_with("#define"));
        if before && after {
            joined.remove(at);
        }
    }
    joined.trim_matches('\n').to_owned() + "\n"
}

/// A comment at an indent. The "# Safety" section is for readers of Rust alone: it says in Rust
/// what the rest of the comment says in C.
fn comment(indent: &str, said: &[&str]) -> Vec<String> {
    let said = said.split(|l| *l == "# Safety").next().unwrap_or_default().join("\n").replace('`', "'");
    let said = said.trim();
    if !said.contains('\n') && indent.len() + said.len() + 6 <= WIDTH {
        return vec![format!("{indent}/* {said} */")];
    }
    let mut out = Vec::new();
    for line in said.lines() {
        let mut row = String::new();
        for word in line.split_whitespace() {
            if !row.is_empty() && indent.len() + 3 + row.len() + 1 + word.len() > WIDTH {
                out.push(format!("{indent} * {row}"));
                row.clear();
            }
            if !row.is_empty() {
                row.push(' ');
            }
            row.push_str(word);
        }
        out.push(format!("{indent} * {row}").trim_end().to_owned());
    }
    if let Some(first) = out.first_mut() {
        *first = format!("{indent}/*{}", &first[indent.len() + 2..]);
    }
    out.push(format!("{indent} */"));
    out
}

/// A folder for the sources that are not on the disk yet.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("monipy-generate-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Scratch(folder))
    }

    fn write(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
