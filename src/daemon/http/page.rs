//! The live page: what the daemon sees, in a browser. All of it is in the program; nothing comes from elsewhere.

use axum::http::header;
use axum::response::IntoResponse;

/// The page itself.
pub(super) async fn html() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("live.html"))
}

/// Its script.
pub(super) async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("live.js"))
}

/// Its style.
pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("live.css"))
}
