//! What must happen, and whether it did: the rules of README.md.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static EXPECTED: LazyLock<BTreeMap<String, Vec<Value>>> =
    LazyLock::new(|| serde_json::from_str(include_str!("expected.json")).expect("expected.json holds lists of steps"));

/// The scenarios, in the order of the alphabet.
pub(crate) fn names() -> Vec<&'static str> {
    EXPECTED.keys().map(String::as_str).collect()
}

fn name(step: &Value) -> &str {
    step["event"].as_str().unwrap_or_default()
}

/// `answered` and `callStream` come in whichever order they become true.
fn in_order(mut seen: Vec<Value>) -> Vec<Value> {
    for at in 1..seen.len() {
        if name(&seen[at]) == "answered" && name(&seen[at - 1]) == "callStream" {
            seen.swap(at - 1, at);
        }
    }
    seen
}

fn fits(step: &Value, event: &Value) -> bool {
    let fields = step.as_object().expect("a step is an object");
    fields.iter().filter(|(key, _)| *key != "optional").all(|(key, want)| match want {
        Value::Array(any) => any.contains(&event[key]),
        want => *want == event[key],
    })
}

fn line(value: &Value) -> String {
    let of = |key: &str| value.get(key).map(|v| format!(" {v}")).unwrap_or_default();
    format!("{}{}{}{}{}", name(value), of("code"), of("type"), of("whom"), of("dtmf"))
}

/// Compares what happened with what must happen. Gives the events that had to come, in their order
/// by the rules, for comparing faces with each other.
pub(crate) fn compare(scenario: &str, seen: Vec<Value>) -> Result<Vec<Value>, String> {
    let steps = EXPECTED.get(scenario).ok_or_else(|| format!("{scenario} is not in expected.json"))?;
    // Every event is numbered, and comes in the order of its number.
    let numbers: Vec<u64> = seen.iter().filter_map(|e| e["seq"].as_u64()).collect();
    if numbers.len() != seen.len() || !numbers.is_sorted_by(|a, b| a < b) {
        return Err(format!("{scenario}: the numbers of its events are {numbers:?}, of {} events", seen.len()));
    }
    let seen = in_order(seen.into_iter().filter(|e| name(e) != "stats").collect());
    let mut events = seen.iter().peekable();
    let story = || {
        let side = |list: &[Value]| list.iter().map(|v| format!("    {}\n", line(v))).collect::<String>();
        format!("{scenario}\n  expected:\n{}  seen:\n{}", side(steps), side(&seen))
    };
    let mut came = Vec::new();
    for step in steps {
        match events.next_if(|event| fits(step, event)) {
            Some(event) if step.get("optional").is_none() => came.push(event.clone()),
            Some(_) => {}
            None if step.get("optional").is_some() => {}
            None => return Err(format!("{} is missing: {}", line(step), story())),
        }
    }
    match events.next() {
        None => Ok(came),
        Some(event) => Err(format!("{} is too much: {}", line(event), story())),
    }
}

/// What every face must say of an event in the same words: all but numbers and ids of this run, and
/// the stream, which is each language's own.
fn said(event: &Value) -> Value {
    let mut said = event.clone();
    let fields = said.as_object_mut().expect("an event is an object");
    let of_this_run = ["seq", "time_ms", "call", "call_id", "sip_call_id", "from_uri", "headers", "stream"];
    fields.retain(|key, value| !of_this_run.contains(&key.as_str()) && !value.is_null());
    let own = match name(event) {
        "callStream" => "status",
        // The BYE, or the end of the media session that comes with it: whichever is first.
        "ended" => "reason",
        _ => return said,
    };
    said.as_object_mut().expect("an event is an object").remove(own);
    said
}

/// Compares two faces' events, as [`compare`] gives them: each field must be the same.
pub(crate) fn same(one: &[Value], other: &[Value]) -> Result<(), String> {
    for (a, b) in one.iter().zip(other).map(|(a, b)| (said(a), said(b))) {
        if a != b {
            return Err(format!("\n  {a}\nis not\n  {b}"));
        }
    }
    if one.len() == other.len() { Ok(()) } else { Err(format!("{} events are not {}", one.len(), other.len())) }
}

#[test]
fn the_rules_of_comparing_hold() {
    let parse = |text: &str| serde_json::from_str::<Vec<Value>>(text).expect("a list");
    let login = r#"[{"event":"connected","code":200,"seq":1},{"event":"login","code":200,"seq":2,"status":"in"},{"event":"stats","code":200,"seq":3},
        {"event":"logout","code":200,"seq":4},{"event":"disconnected","code":200,"seq":6}]"#;
    let came = compare("login", parse(login)).expect("it is what must happen");
    assert_eq!(came.len(), 4);
    assert!(compare("login", parse(&login.replace("200", "201"))).is_err());
    assert!(compare("login", parse(login)[1..].to_vec()).is_err(), "one is missing");
    assert!(compare("login", parse(&login.replace("\"seq\":6", "\"seq\":4"))).is_err(), "a number comes twice");
    assert!(compare("logout_before_login", parse(login)).is_err());
    let swapped = in_order(parse(r#"[{"event":"callStream"},{"event":"answered"}]"#));
    assert_eq!(name(&swapped[0]), "answered");
    let other = compare("login", parse(&login.replace("\"seq\":6", "\"seq\":9"))).expect("it is what must happen");
    assert_eq!(same(&came, &other), Ok(()));
    let other = compare("login", parse(&login.replace("\"in\"", "\"on\""))).expect("it is what must happen");
    assert!(same(&came, &other).is_err(), "a status differs");
    assert!(same(&came, &came[1..]).is_err());
}
