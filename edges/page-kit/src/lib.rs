//! What the pages of the console and of the wallet share: words in each language, amounts as text, tokens of forms,
//! sealed cookies, QR codes, headers, and files inside the binary.
//!
//! It has no page, and knows neither sessions nor the Admin API.

mod files;
pub mod form_token;
mod guard;
pub mod numbers;
pub mod qr;
mod request;
mod seal;
mod settings;
mod words;

pub use files::{BASE_STYLE, File, Kind, serve_file, version_of};
pub use guard::{cookie, own_forms_only, strict_headers};
pub use request::{path_parameters, sign_in_first};
pub use seal::Seal;
pub use settings::{Accent, Cookies};
pub use words::Words;
