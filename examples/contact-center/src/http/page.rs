//! The page and its parts, as they lie in `page/`: nothing is built.

use super::Control;
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;

/// Path, type, content.
const PARTS: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("../../page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("../../page/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("../../page/page.js")),
    ("/dom.js", "text/javascript; charset=utf-8", include_str!("../../page/dom.js")),
    ("/ladder.js", "text/javascript; charset=utf-8", include_str!("../../page/ladder.js")),
    ("/phone.js", "text/javascript; charset=utf-8", include_str!("../../page/phone.js")),
    ("/sip.js", "text/javascript; charset=utf-8", include_str!("../../page/sip.js")),
    ("/md5.js", "text/javascript; charset=utf-8", include_str!("../../page/md5.js")),
];

pub(super) fn add(router: Router<Control>) -> Router<Control> {
    PARTS.iter().fold(router, |router, &(path, kind, text)| {
        router.route(path, get(move || async move { ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text).into_response() }))
    })
}
