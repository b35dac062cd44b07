//! Why a text is no URL that this house works with.
//!
//! The words follow the name of a member, as in `client must be an absolute URI`.

/// The longest URL, in octets, as it is written and in its normal form.
pub const URL_LENGTH_MAX: usize = 2048;

/// Why a text is not a usable URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not an absolute URI.
    #[error("must be an absolute URI")]
    NotAbsolute,
    /// Longer than [`URL_LENGTH_MAX`].
    #[error("must not be longer than {URL_LENGTH_MAX} characters")]
    TooLong,
    /// Another scheme than http or https.
    #[error("must be an http or https URL")]
    Scheme,
    /// User information, a query or a fragment.
    #[error("must not have user information, a query or a fragment")]
    Decorated,
    /// A blank, a control character, an invisible character or a backslash.
    #[error("must not contain blanks, control characters, invisible characters or backslashes")]
    Character,
    /// An empty path segment in the middle of a wallet address.
    #[error("must not have empty path segments")]
    EmptySegment,
}
