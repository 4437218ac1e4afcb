//! Pages that come of the code are those that the code gives.

fn compare(path: &str, wanted: &str) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/").to_owned() + path;
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(found.trim_end(), wanted.trim_end(), "docs/{path} is stale: run `make generate`");
}

#[test]
fn the_scenario_reference_is_fresh() {
    compare("contact-center-scenarios.md", &contact_center::scenario_reference());
}

#[test]
fn the_openapi_document_is_fresh() {
    compare("contact-center-openapi.json", &serde_json::to_string_pretty(&contact_center::openapi()).unwrap());
}
