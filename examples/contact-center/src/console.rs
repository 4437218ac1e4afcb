//! Commands typed at the running program: one a line.

use contact_center::{CallHandle, ContactCenter, LegHandle, Misbehaviour, Mode, Party, Role};

/// What there is, for people.
pub(crate) const COMMANDS: &str = "\
call [AGENT'S SOUND [CUSTOMER'S SOUND]]   begins a call
barge [SUPERVISOR [MODE]]                 asks a supervisor into the newest call
mode MODE                                 switches the newest leg: listen, whisper, barge, whisper-customer
hold, unhold, hang-up                     the newest leg
end                                       ends the newest call
misbehave NAME[:KEY=VALUE,...], behave NAME
matrix                                    who heard whom in the newest call
help";

/// Does what a line says; the answer is for people.
pub(crate) fn obey(centre: &ContactCenter, line: &str) -> Result<String, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((&command, rest)) = words.split_first() else { return Ok(String::new()) };
    let said = |e: contact_center::CentreError| e.message;
    match (command, rest) {
        ("help" | "?", _) => Ok(COMMANDS.to_owned()),
        ("call", sounds) => {
            let n = centre.timeline().len();
            let party = |role: Role, sound: Option<&&str>| {
                Party::named(Some(format!("{}-{n}", role.as_str())), role, sound.copied().unwrap_or("speech"))
            };
            let call = centre.call(party(Role::Agent, sounds.first())?, party(Role::Customer, sounds.get(1))?).map_err(said)?;
            Ok(format!("call {}", call.id()))
        }
        ("barge", who) => {
            let first = || centre.credentials().iter().find(|c| c.role == Role::Supervisor).map(|c| c.id.clone());
            let supervisor = who.first().map(|s| (*s).to_owned()).or_else(first).unwrap_or_default();
            let mode = who.get(1).map_or(Ok(Mode::Barge), |m| m.parse())?;
            let leg = newest_call(centre)?.barge(&supervisor, mode).map_err(said)?;
            Ok(format!("leg {}", leg.id()))
        }
        ("mode", [mode]) => newest_leg(centre)?.set_mode(mode.parse()?).map(|()| String::new()).map_err(said),
        ("hold", []) => newest_leg(centre)?.hold().map(|()| String::new()).map_err(said),
        ("unhold", []) => newest_leg(centre)?.unhold().map(|()| String::new()).map_err(said),
        ("hang-up", []) => newest_leg(centre)?.hang_up().map(|()| String::new()).map_err(said),
        ("end", []) => newest_call(centre)?.hang_up().map(|()| String::new()).map_err(said),
        ("matrix", []) => newest_call(centre)?.audibility().map(|m| m.to_string()).map_err(said),
        ("misbehave", [what]) => {
            centre.misbehave(what.parse::<Misbehaviour>()?, None);
            Ok(String::new())
        }
        ("behave", [name]) if centre.behave(name) => Ok(String::new()),
        ("behave", [name]) => Err(format!("{name:?} does not stand")),
        _ => Err(format!("{line:?} is not a command; there are\n{COMMANDS}")),
    }
}

fn newest_call(centre: &ContactCenter) -> Result<CallHandle, String> {
    centre.calls().pop().ok_or_else(|| "there is no call; begin one with: call".to_owned())
}

fn newest_leg(centre: &ContactCenter) -> Result<LegHandle, String> {
    let legs = centre.calls().into_iter().filter_map(|c| c.legs().ok()).flatten();
    legs.max_by_key(LegHandle::id).ok_or_else(|| "there is no leg; ask a supervisor in with: barge".to_owned())
}
