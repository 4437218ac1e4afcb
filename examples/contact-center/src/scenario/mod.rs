//! Scenarios: a TOML file that says what happens in a centre, and when. The same file with the same
//! seed gives the same run: the same times, labels, nonces, dialogues and lost packets.
//!
//! - this page: the file and its plan; `action`: what a step may do; `play`: how it is done;
//! - `reference`: the page about all that, made of the same tables.

mod action;
mod play;
mod reference;

use crate::dialect::Dialect;
use crate::endpoints::Credentials;
use crate::error::{CentreError, Result};
use crate::party::Role;
use crate::random::Random;
use action::Action;
pub(crate) use play::play;
pub use reference::reference;
use serde::Deserialize;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// Steps in a file, repetitions included.
const MOST_STEPS: usize = 10_000;
/// The latest that a step may be planned for, seconds: a day.
const LATEST: f64 = 86_400.0;

/// A scenario, read and looked through.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    name: String,
    seed: u64,
    dialect: Dialect,
    phones: Vec<Credentials>,
    steps: Vec<Step>,
}

/// A step of the file.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    /// Number in the file, from 1.
    number: usize,
    at: Option<f64>,
    spread: f64,
    repeat: u32,
    every: f64,
    action: Action,
}

/// A step at its time.
#[derive(Debug, Clone, PartialEq)]
struct Planned<'a> {
    at: Duration,
    number: usize,
    action: &'a Action,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    seed: Option<u64>,
    dialect: Option<String>,
    #[serde(default)]
    phones: Vec<PhoneEntry>,
    #[serde(default)]
    steps: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhoneEntry {
    id: String,
    password: String,
    role: Option<String>,
}

impl FromStr for Scenario {
    type Err = String;

    /// Reads a file's text; what is wrong is said with its line or step.
    fn from_str(text: &str) -> Result<Scenario, String> {
        let file: File = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(0, |s| text.get(..s.start).unwrap_or_default().matches('\n').count() + 1);
            format!("line {line}: {}", e.message())
        })?;
        let phone = |p: PhoneEntry| {
            let role = p.role.as_deref().map_or(Ok(Role::Supervisor), str::parse).map_err(|e| format!("phone {:?}: {e}", p.id))?;
            Ok::<_, String>(Credentials { id: p.id, password: p.password, role })
        };
        let phones = file.phones.into_iter().map(phone).collect::<Result<Vec<_>, _>>()?;
        let steps: Vec<Step> = file
            .steps
            .into_iter()
            .enumerate()
            .map(|(i, table)| step(i + 1, table).map_err(|e| format!("step {}: {e}", i + 1)))
            .collect::<Result<_, _>>()?;
        let total: u64 = steps.iter().map(|s| u64::from(s.repeat)).sum();
        if steps.is_empty() || total > MOST_STEPS as u64 {
            return Err(format!("there are {total} steps; a scenario has 1 to {MOST_STEPS}, each as [[steps]]"));
        }
        Ok(Scenario {
            name: file.name.unwrap_or_else(|| "scenario".to_owned()),
            seed: file.seed.unwrap_or(1),
            dialect: file.dialect.as_deref().map_or(Ok(Dialect::None), str::parse)?,
            phones,
            steps,
        })
    }
}

/// Reads a step: its times, and what it does.
fn step(number: usize, mut table: toml::Table) -> Result<Step, String> {
    let mut seconds = |key: &str| match table.remove(key) {
        None => Ok(None),
        Some(value) => {
            let number = value.as_float().or_else(|| value.as_integer().map(|i| i as f64));
            number
                .filter(|n| (0.0..=LATEST).contains(n))
                .map(Some)
                .ok_or_else(|| format!("{key} = {value}; it takes seconds, 0 to {LATEST}"))
        }
    };
    let (at, spread, every) = (seconds("at")?, seconds("spread")?, seconds("every")?);
    let repeat = match table.remove("repeat") {
        None => 1,
        Some(value) => value
            .as_integer()
            .and_then(|i| u32::try_from(i).ok())
            .filter(|n| (1..=MOST_STEPS as u32).contains(n))
            .ok_or_else(|| format!("repeat = {value}; it takes a whole number from 1 to {MOST_STEPS}"))?,
    };
    let action = Action::read(table)?;
    Ok(Step { number, at, spread: spread.unwrap_or(0.0), repeat, every: every.unwrap_or(1.0), action })
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence with the file, the line or step, and what to do.
    pub fn load(path: &Path) -> Result<Scenario> {
        let text = std::fs::read_to_string(path).map_err(|e| CentreError::system(format!("{}: {e}", path.display())))?;
        text.parse().map_err(|e| CentreError::invalid(format!("{}: {e}", path.display())))
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The seed of the file, 1 when it names none.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The same scenario with another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Scenario {
        self.seed = seed;
        self
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn phones(&self) -> &[Credentials] {
        &self.phones
    }

    /// Every step at its time, in order: a function of the file and the seed.
    fn plan(&self) -> Vec<Planned<'_>> {
        let mut random = Random::new(self.seed, 0x5CE4);
        let mut plan = Vec::new();
        let mut before = 0.0;
        for step in &self.steps {
            let begin = step.at.unwrap_or(before);
            for round in 0..step.repeat {
                let at = begin + step.every * f64::from(round) + step.spread * random.fraction();
                plan.push(Planned { at: Duration::from_secs_f64(at.clamp(0.0, 2.0 * LATEST)), number: step.number, action: &step.action });
                before = at;
            }
        }
        // Steps of one moment stay in the order of the file.
        plan.sort_by_key(|p| p.at);
        plan
    }

    /// The plan for people: a line a step.
    #[must_use]
    pub fn schedule(&self) -> String {
        self.plan().iter().map(|p| format!("{:>8.3} s  step {}  {}\n", p.at.as_secs_f64(), p.number, p.action)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = r#"
        name = "a day"
        seed = 7
        [[phones]]
        id = "maria"
        password = "secret"
        [[steps]]
        do = "call"
        [[steps]]
        at = 2
        spread = 1.0
        do = "misbehave"
        misbehaviour = "loss:share=0.2"
        repeat = 3
        every = 10
        [[steps]]
        at = 5.5
        do = "behave"
        misbehaviour = "loss"
    "#;

    #[test]
    fn the_plan_is_a_function_of_file_and_seed() {
        let scenario: Scenario = DAY.parse().unwrap();
        assert_eq!(scenario.schedule(), DAY.parse::<Scenario>().unwrap().schedule());
        assert_ne!(scenario.schedule(), scenario.clone().with_seed(8).schedule());
        let plan = scenario.plan();
        assert_eq!(plan.iter().map(|p| p.number).collect::<Vec<_>>(), [1, 2, 3, 2, 2]);
        assert!(plan.is_sorted_by_key(|p| p.at));
        assert!((2.0..3.0).contains(&plan[1].at.as_secs_f64()), "{}", scenario.schedule());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, wants) in [
            ("[[steps]]\ndo = \"sing\"", "step 1: \"sing\" is not a step; there are call"),
            ("[[steps]]\ndo = \"call\"\n[[steps]]\nat = -1\ndo = \"end\"", "step 2: at = -1"),
            ("[[steps]]\ndo = \"barge\"\ncolour = 1", "step 1: barge: unknown field `colour`"),
            ("[[steps]]\ndo = \"barge\"\nmode = \"shout\"", "step 1: barge: \"shout\" is not a mode"),
            ("[[steps]]\ndo = \"misbehave\"\nmisbehaviour = \"sulk\"", "step 1: misbehave: \"sulk\" is not a misbehaviour"),
            ("[[steps]]\nat = 1", "step 1: \"\" is not a step"),
            ("seed = \"x\"", "line 1"),
            ("\n\nsteps = [", "line 3"),
            ("colour = 1", "unknown field `colour`"),
            ("seed = 1", "there are 0 steps"),
            ("dialect = \"klingon\"\n[[steps]]\ndo = \"call\"", "is not a dialect"),
        ] {
            let error = text.parse::<Scenario>().unwrap_err();
            assert!(error.contains(wants), "{text:?}: {error}");
        }
    }
}
