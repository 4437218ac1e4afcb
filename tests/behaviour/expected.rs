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

/// Compares what happened with what must happen.
pub(crate) fn compare(scenario: &str, seen: Vec<Value>) -> Result<(), String> {
    let steps = EXPECTED.get(scenario).ok_or_else(|| format!("{scenario} is not in expected.json"))?;
    let seen = in_order(seen.into_iter().filter(|e| name(e) != "stats").collect());
    let mut events = seen.iter().peekable();
    let story = || {
        let side = |list: &[Value]| list.iter().map(|v| format!("    {}\n", line(v))).collect::<String>();
        format!("{scenario}\n  expected:\n{}  seen:\n{}", side(steps), side(&seen))
    };
    for step in steps {
        if events.next_if(|event| fits(step, event)).is_none() && step.get("optional").is_none() {
            return Err(format!("{} is missing: {}", line(step), story()));
        }
    }
    events.next().map_or(Ok(()), |event| Err(format!("{} is too much: {}", line(event), story())))
}

#[test]
fn the_rules_of_comparing_hold() {
    let parse = |text: &str| serde_json::from_str::<Vec<Value>>(text).expect("a list");
    let login = r#"[{"event":"connected","code":200},{"event":"login","code":200,"seq":2},{"event":"stats","code":200},
        {"event":"logout","code":200},{"event":"disconnected","code":200}]"#;
    assert_eq!(compare("login", parse(login)), Ok(()));
    assert!(compare("login", parse(&login.replace("200", "201"))).is_err());
    assert!(compare("login", parse(login)[1..].to_vec()).is_err(), "one is missing");
    assert!(compare("logout_before_login", parse(login)).is_err());
    let swapped = in_order(parse(r#"[{"event":"callStream"},{"event":"answered"}]"#));
    assert_eq!(name(&swapped[0]), "answered");
}
