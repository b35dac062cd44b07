//! The files of the pages: styles, script and picture, inside the binary.
//!
//! Their address contains a hash of their content, so browsers may cache them for ever.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

const FILES: [(&str, &str, &str); 3] = [
    ("console.css", "text/css; charset=utf-8", include_str!("../static/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("../static/console.js")),
    ("icon.svg", "image/svg+xml", include_str!("../static/icon.svg")),
];

/// Changes when one of the files changes.
pub(crate) fn version() -> String {
    let mut digest = Sha256::new();
    for (_, _, content) in FILES {
        digest.update(content.as_bytes());
    }
    hex::encode(&digest.finalize()[..6])
}

/// `GET /static/{version}/{name}`
pub(crate) async fn serve(Path((_, name)): Path<(String, String)>) -> Response {
    match FILES.iter().find(|(file, _, _)| *file == name) {
        Some((_, kind, content)) => (
            [
                (CONTENT_TYPE, HeaderValue::from_static(kind)),
                (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
            ],
            *content,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_and_script_stay_light() {
        let size = |name: &str| FILES.iter().find(|(file, _, _)| *file == name).map_or(0, |(_, _, text)| text.len());
        assert!(size("console.css") <= 25_000 && size("console.css") > 1_000);
        assert!(size("console.js") <= 30_000 && size("console.js") > 1_000);
    }
}
