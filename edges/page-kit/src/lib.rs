//! What the pages of console, wallet and shop share: words in each language, amounts as text, sent forms and their
//! tokens, cookies, QR codes, headers, and files inside the binary.
//!
//! It has no page, and knows neither sessions nor the Admin API.

mod answer;
mod files;
pub mod form_token;
mod guard;
pub mod numbers;
mod posted;
pub mod qr;
mod request;
mod seal;
mod settings;
mod words;

pub use answer::html;
pub use files::{BASE_STYLE, File, Kind, serve_file, version_of};
pub use guard::{cookie, own_forms_only, strict_headers};
pub use posted::Posted;
pub use request::{own_path, path_parameters, sign_in_first};
pub use seal::Seal;
pub use settings::{Accent, Cookies};
pub use words::Words;
