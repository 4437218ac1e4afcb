//! HTTP control: everything the library can do, for tests in any language.
//!
//! Bodies are JSON; an error is `{"error": "a sentence"}` with the status of its kind. What a GET
//! with `wait=...&timeout_ms=...` waits for has happened when it answers 200; 504 when it has not.
//!
//! - this page: the server and what all requests share; `api`: their list, its router, help and
//!   OpenAPI document; `run`, `phones`, `calls`, `legs`, `misbehaviours`: the requests;
//! - `page`: the page and its parts; `feed`: the voice feed over socket.io.

mod api;
mod calls;
mod feed;
mod legs;
mod misbehaviours;
mod page;
mod phones;
mod run;

use crate::endpoints::{Credentials, Endpoints};
use crate::error::{CentreError, Result};
use crate::state::Centre;
use api::Api;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::http::header::{HOST, ORIGIN};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Longest wait of a request, ms.
const LONGEST_WAIT: u64 = 600_000;
/// Largest body: a minute of observed audio at 48 kHz.
const LARGEST_BODY: usize = 60 * 48_000 * 2;

/// What the centre says of itself.
#[derive(Debug, Clone)]
pub(crate) struct About {
    endpoints: Endpoints,
    credentials: Vec<Credentials>,
}

impl About {
    pub(crate) fn new(endpoints: &Endpoints, credentials: &[Credentials]) -> Arc<About> {
        Arc::new(About { endpoints: endpoints.clone(), credentials: credentials.to_vec() })
    }
}

#[derive(Clone)]
struct Control {
    centre: Arc<Centre>,
    about: Arc<About>,
    help: Arc<str>,
    openapi: Arc<Value>,
}

type Answer = Result<Json<Value>>;

impl IntoResponse for CentreError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(json!({ "error": self.message }))).into_response()
    }
}

/// Serves control until the centre stops.
pub(crate) async fn serve(centre: Arc<Centre>, listener: TcpListener, about: Arc<About>) {
    let mut stop = centre.stop.subscribe();
    let (layer, feed) = feed::layer(&centre);
    let app = router(centre, about).layer(layer);
    let stopped = async move {
        // The sender lives as long as the centre does.
        let _ = stop.wait_for(|s| *s).await;
        feed.close().await;
    };
    if let Err(e) = axum::serve(listener, app).with_graceful_shutdown(stopped).await {
        log::error!("HTTP control ended: {e}");
    }
}

fn api() -> Api {
    let api = run::add(Api::default());
    misbehaviours::add(legs::add(calls::add(phones::add(api))))
}

/// The OpenAPI document of control.
pub(crate) fn openapi() -> Value {
    api().openapi()
}

fn router(centre: Arc<Centre>, about: Arc<About>) -> Router {
    let api = api();
    let Endpoints { ws, wss, ca_file, .. } = &about.endpoints;
    let help = format!("contact-center: SIP over WebSocket at {ws} and {wss} (CA {})\n\n{}", ca_file.display(), api.help());
    let control = Control { centre, about, help: help.into(), openapi: Arc::new(api.openapi()) };
    page::add(api.router)
        .fallback(|| async { CentreError::unknown("there is no such path; GET /help lists them") })
        .layer(middleware::from_fn(own_pages_only))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(control)
}

/// Refuses what another site's page in somebody's browser asks for: control has no password.
async fn own_pages_only(request: Request, next: Next) -> Response {
    let foreign = {
        let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
        header(ORIGIN).is_some_and(|origin| origin.split_once("://").map(|(_, rest)| rest) != header(HOST))
    };
    if foreign {
        let refusal = json!({ "error": "control is for the centre's own page and for programs" });
        return (StatusCode::FORBIDDEN, Json(refusal)).into_response();
    }
    next.run(request).await
}

/// Reads a JSON body; an empty one is `{}`.
fn read<T: for<'de> Deserialize<'de>>(body: &Bytes) -> Result<T> {
    let bytes: &[u8] = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    serde_json::from_slice(bytes).map_err(|e| CentreError::invalid(format!("the body: {e}")))
}

fn parse<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T> {
    text.parse().map_err(CentreError::invalid)
}

/// What the program prints with `--json`, and `GET /status` begins with.
pub(crate) fn about(endpoints: &Endpoints, credentials: &[Credentials]) -> Value {
    json!({
        "ws": endpoints.ws,
        "wss": endpoints.wss,
        "http": endpoints.http,
        "ca_file": endpoints.ca_file,
        "domain": endpoints.domain,
        "feed": endpoints.feed,
        "feed_token": endpoints.feed_token,
        "credentials": credentials,
    })
}

#[derive(Deserialize)]
struct Wait {
    wait: Option<String>,
    timeout_ms: Option<u64>,
}

fn timeout(ms: Option<u64>) -> Duration {
    Duration::from_millis(ms.unwrap_or(5000).min(LONGEST_WAIT))
}
