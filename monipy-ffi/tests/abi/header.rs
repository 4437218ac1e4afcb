//! The header, taken apart: functions, structs, constants.

use std::collections::BTreeMap;

/// `include/monipy.h` without comments.
pub(crate) fn text() -> String {
    let mut rest = std::fs::read_to_string(crate::top().join("include/monipy.h")).expect("the header is there");
    while let Some(from) = rest.find("/*") {
        let to = rest[from..].find("*/").expect("comments end") + from + 2;
        rest.replace_range(from..to, " ");
    }
    rest
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Functions by name, with their declaration on one line.
pub(crate) fn functions() -> BTreeMap<String, String> {
    let text = text();
    let mut functions = BTreeMap::new();
    for declaration in text.split("MONIPY_API").skip(1).filter(|d| d.contains("MONIPY_NOEXCEPT;")) {
        let declaration = one_line(declaration.split("MONIPY_NOEXCEPT;").next().expect("split gives one part at least"));
        let name = declaration.split('(').next().and_then(|d| d.split([' ', '*']).next_back()).expect("a function has a name");
        functions.insert(name.to_owned(), declaration);
    }
    functions
}

/// Structs with the names of their fields, in the order of the header.
pub(crate) fn structs() -> Vec<(String, Vec<String>)> {
    let text = text();
    let mut structs = Vec::new();
    for definition in text.split("typedef struct ").skip(1) {
        let Some((name, body)) = definition.split_once('{') else { continue };
        if name.contains(';') {
            continue; // opaque
        }
        let body = body.split('}').next().expect("split gives one part at least");
        let fields = body.split(';').map(one_line).filter(|f| !f.is_empty()).map(|f| field_name(&f)).collect();
        structs.push((name.trim().to_owned(), fields));
    }
    structs
}

fn field_name(declaration: &str) -> String {
    let name = match declaration.split_once("(*") {
        Some((_, pointer)) => pointer.split(')').next(),
        None => declaration.split([' ', '*']).next_back(),
    };
    name.expect("a field has a name").to_owned()
}

/// Constants with their values.
pub(crate) fn constants() -> Vec<(String, String)> {
    let text = text();
    let defines = text.lines().filter_map(|l| l.strip_prefix("#define MONIPY_")).filter_map(|d| d.split_once(' '));
    let numbers = defines.filter(|(_, value)| value.trim().trim_matches(['(', ')']).parse::<i64>().is_ok());
    numbers.map(|(name, value)| (format!("MONIPY_{name}"), value.trim().to_owned())).collect()
}

#[test]
fn the_header_has_functions_structs_and_constants() {
    assert!(functions().len() > 35, "{:?}", functions().keys());
    assert_eq!(functions()["monipy_version"], "uint32_t monipy_version(void)");
    let config = structs().into_iter().find(|(name, _)| name == "monipy_config").expect("monipy_config is a struct").1;
    assert_eq!(config[0], "struct_size");
    assert!(config.contains(&"ice_servers_count".to_owned()));
    let callbacks = structs().into_iter().find(|(name, _)| name == "monipy_callbacks").expect("it is a struct").1;
    assert_eq!(callbacks[4], "on_event");
    assert!(constants().contains(&("MONIPY_ERR_INTERNAL".into(), "(-99)".into())));
}
