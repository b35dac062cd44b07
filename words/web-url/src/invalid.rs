//! Why a text is not a URL that this program accepts.
//!
//! It checks nothing. A message follows the name of a member, as in `client must be an absolute URI`.

/// The longest URL, in octets, as it is written and in its normal form.
pub const URL_LENGTH_MAX: usize = 2048;

/// Why a text is not a usable URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is not an absolute URI.
    #[error("must be an absolute URI")]
    NotAbsolute,
    /// It is longer than [`URL_LENGTH_MAX`].
    #[error("must not be longer than {URL_LENGTH_MAX} characters")]
    TooLong,
    /// Its scheme is not http or https.
    #[error("must be an http or https URL")]
    Scheme,
    /// It has user information, a query or a fragment.
    #[error("must not have user information, a query or a fragment")]
    Decorated,
    /// It has a blank, a control character, an invisible character or a backslash.
    #[error("must not contain blanks, control characters, invisible characters or backslashes")]
    Character,
    /// It is a wallet address with an empty path segment in the middle.
    #[error("must not have empty path segments")]
    EmptySegment,
}
