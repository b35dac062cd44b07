//! Files of pages inside the binary: styles, scripts and pictures.
//!
//! Their address contains a hash of their content, so browsers may cache them for ever.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

/// A file.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// The last part of its address.
    pub name: &'static str,
    /// What it contains.
    pub kind: Kind,
    /// Its content.
    pub text: &'static str,
}

/// What a file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A style sheet.
    Style,
    /// A script.
    Script,
    /// A picture (SVG).
    Picture,
}

impl Kind {
    fn media_type(self) -> &'static str {
        match self {
            Self::Style => "text/css; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Picture => "image/svg+xml",
        }
    }
}

/// Colours, letters, buttons and forms of every page.
pub const BASE_STYLE: File = File { name: "base.css", kind: Kind::Style, text: include_str!("../static/base.css") };

/// Changes when one of the files changes.
pub fn version_of(files: &[File]) -> String {
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.text.as_bytes());
    }
    hex::encode(&digest.finalize()[..6])
}

/// The file with this name, as an answer.
pub fn serve_file(files: &[File], name: &str) -> Response {
    match files.iter().find(|file| file.name == name) {
        Some(file) => (
            [
                (CONTENT_TYPE, HeaderValue::from_static(file.kind.media_type())),
                (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
            ],
            file.text,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
