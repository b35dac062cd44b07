//! The files of the pages, inside the binary.
//! They are embedded by `page-kit`, and are no pages.

use axum::extract::Path;
use axum::response::Response;
use page_kit::{BASE_STYLE, File, Kind, serve_file, version_of};

const FILES: [File; 5] = [
    BASE_STYLE,
    File { name: "wallet.css", kind: Kind::Style, text: include_str!("../../static/wallet.css") },
    File { name: "wallet.js", kind: Kind::Script, text: include_str!("../../static/wallet.js") },
    File { name: "passkeys.js", kind: Kind::Script, text: include_str!("../../static/passkeys.js") },
    File { name: "icon.svg", kind: Kind::Picture, text: include_str!("../../static/icon.svg") },
];

/// Changes when one of the files changes.
pub(crate) fn version() -> String {
    version_of(&FILES)
}

/// `GET /static/{version}/{name}`
pub(crate) async fn serve(Path((_, name)): Path<(String, String)>) -> Response {
    serve_file(&FILES, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_and_script_stay_light() {
        let size =
            |kind: Kind| FILES.iter().filter(|file| file.kind == kind).map(|file| file.text.len()).sum::<usize>();
        assert!((1_000..=25_000).contains(&size(Kind::Style)));
        assert!((500..=30_000).contains(&size(Kind::Script)));
    }
}
