//! The page at `/`, for a person who opens a listener's address in a browser.
//!
//! It is not part of any API.

use axum::Router;
use axum::response::Html;
use axum::routing::get;

use crate::declared::{Access, Declared};

/// A page at `/` that says what this listener is, with links.
pub fn welcome_page(instance: &str, what: &'static str, hints: &'static [&'static str]) -> Router {
    let instance = escaped(instance);
    let hints: Vec<String> = hints.iter().map(|hint| format!("<li>{}</li>", escaped(hint))).collect();
    let hints = hints.concat();
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{instance}: {what}</title>\
         <h1>{instance}</h1><p>{what}</p><ul>{hints}</ul></html>\n"
    );
    Router::new().declare("/", Access::Public, get(move || std::future::ready(Html(text.clone()))))
}

/// Escapes text for a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_name_with_signs_of_the_language_of_pages_is_shown_as_it_is() {
        let page = welcome_page("A & <B>", "Something.", &["GET /x"]);
        let answer = page.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        let text = String::from_utf8(to_bytes(answer.into_body(), 4096).await.unwrap().to_vec()).unwrap();
        assert!(text.contains("<h1>A &amp; &lt;B&gt;</h1>") && text.contains("<li>GET /x</li>"), "{text}");
    }
}
