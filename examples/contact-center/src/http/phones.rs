//! Accounts of phones: supervisors, agents, customers.

use super::api::{Api, Operation, Parameter};
use super::{Answer, Control, Wait, parse, read, timeout};
use crate::endpoints::check_id;
use crate::error::CentreError;
use crate::party::Role;
use crate::state::{Account, Book};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

pub(super) fn add(api: Api) -> Api {
    let new = [
        Parameter::string("id", "login id"),
        Parameter::string("password", "password"),
        Parameter::string("role", "supervisor, agent or customer; supervisor when left out"),
    ];
    let wait = [Parameter::string("wait", "registered or unregistered"), Parameter::number("timeout_ms", "5000 when left out")];
    api.at(Operation::new("GET", "/phones", "The accounts of real phones, and who is registered."), list)
        .at(Operation::new("POST", "/phones", "One more account.").body(&new), add_phone)
        .at(Operation::new("GET", "/phones/{id}", "Whether a phone is registered. Waits, if asked to.").query(&wait), phone)
        .at(Operation::new("POST", "/supervisors", "The same as POST /phones.").body(&new), add_phone)
        .at(Operation::new("GET", "/supervisors/{id}", "The same as GET /phones/{id}.").query(&wait), phone)
}

/// Every account with its role, and whether its phone is registered.
pub(super) fn all(book: &Book) -> Value {
    let now = Instant::now();
    let one =
        |(id, account): (&String, &Account)| json!({ "id": id, "role": account.role, "registered": book.registered(id, now).is_some() });
    book.accounts.iter().map(one).collect()
}

async fn list(State(Control { centre, .. }): State<Control>) -> Json<Value> {
    Json(all(&centre.book()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPhone {
    id: String,
    password: String,
    role: Option<String>,
}

async fn add_phone(State(Control { centre, .. }): State<Control>, body: Bytes) -> Answer {
    let NewPhone { id, password, role } = read(&body)?;
    check_id(&id)?;
    let role: Role = role.as_deref().map_or(Ok(Role::Supervisor), parse)?;
    centre.change(|book| book.accounts.insert(id.clone(), Account { password, role }));
    Ok(Json(json!({ "id": id, "role": role })))
}

async fn phone(State(Control { centre, .. }): State<Control>, Path(id): Path<String>, Query(query): Query<Wait>) -> Answer {
    if !centre.book().accounts.contains_key(&id) {
        return Err(CentreError::unknown(format!("there is no supervisor or phone {id:?}")));
    }
    let wanted = match query.wait.as_deref() {
        None => None,
        Some("registered") => Some(true),
        Some("unregistered") => Some(false),
        Some(other) => return Err(CentreError::invalid(format!("wait={other}; it accepts registered or unregistered"))),
    };
    if let Some(wanted) = wanted {
        let ready = |book: &Book| Ok((book.registered(&id, Instant::now()).is_some() == wanted).then_some(()));
        let what = |_: &Book| format!("{id} is {}registered", if wanted { "" } else { "un" });
        centre.wait(timeout(query.timeout_ms), what, ready).await?;
    }
    let registered = centre.book().registered(&id, Instant::now()).is_some();
    Ok(Json(json!({ "id": id, "registered": registered })))
}
