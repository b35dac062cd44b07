//! Why nobody was signed in, in words for the person who tried and for the operator.
//!
//! The faults of an ID token are in `id_token`.

use oauth_provider::PublishedError;
use outbound_http::OutboundError;

use crate::id_token::TokenFault;

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The provider does not answer.
    #[error("the sign-in provider does not answer ({0}); try again, or sign in another way")]
    Unreachable(String),
    /// An answer of the provider cannot be used.
    #[error("the sign-in provider answered something unusable: {0}")]
    Unusable(String),
    /// The provider refused the person or the console.
    #[error("the sign-in provider refused: {0}")]
    Refused(String),
    /// The answer belongs to another attempt to sign in, or to none.
    #[error("this answer belongs to another attempt to sign in; begin again")]
    OtherAttempt,
    /// The ID token is not accepted.
    #[error("the sign-in provider's token is not accepted: {0}")]
    Token(#[from] TokenFault),
}

impl From<OutboundError> for SignInError {
    fn from(error: OutboundError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

impl From<PublishedError> for SignInError {
    fn from(error: PublishedError) -> Self {
        match error {
            PublishedError::NoAnswer(told) => Self::Unreachable(told),
            PublishedError::Unusable(told) => Self::Unusable(format!("its configuration: {told}")),
        }
    }
}
