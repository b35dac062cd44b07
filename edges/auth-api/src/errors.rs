//! Every refusal as HTTP: status, code and message. This is the only place where they are mapped.
//!
//! A failing database is logged here. Clients do not see the cause.

use std::time::Duration;

use auth::{
    CancelError, ClientError, ContinueError, DecideError, DetailsError, FinishError, IntrospectError,
    RequestGrantError, StartError, StoreError, TenantError, TokenError,
};
use auth_model::{ChoiceRefusal, ContinueRefusal, RequestRefusal};
use axum::Json;
use axum::response::{IntoResponse, Response};
use gnap::{ErrorBody, ErrorCode, InvalidBody};
use http::StatusCode;
use http_kit::{BodyError, InvalidKey, RetryAfter, WrongGuess};
use service_identity::Refusal;
use shared_cache::TooMany;

/// When to try again while the provider of tokens does not answer.
const AGAIN: Duration = Duration::from_secs(1);

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: ErrorCode,
    pub(crate) description: String,
    /// When the request may be sent again, if it was refused because of a rate.
    pub(crate) retry_after: Option<RetryAfter>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: ErrorCode, description: impl ToString) -> Self {
        Self { status, code, description: description.to_string(), retry_after: None }
    }

    /// The request does not match the schema of the API.
    pub(crate) fn schema(status: StatusCode, problem: impl std::fmt::Display) -> Self {
        let description = format!("Received error validating OpenAPI request: {problem}");
        Self::new(status, ErrorCode::InvalidRequest, description)
    }

    pub(crate) fn bad_request(problem: impl std::fmt::Display) -> Self {
        Self::schema(StatusCode::BAD_REQUEST, problem)
    }

    pub(crate) fn internal(error: &StoreError) -> Self {
        tracing::error!(%error, "the database failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::RequestDenied, "internal server error")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let is_guess = matches!(
            self.code,
            ErrorCode::InvalidClient | ErrorCode::InvalidContinuation | ErrorCode::UnknownInteraction
        );
        let mut response = (self.status, Json(ErrorBody::new(self.code, self.description))).into_response();
        if is_guess {
            response.extensions_mut().insert(WrongGuess);
        }
        match self.retry_after {
            Some(retry_after) => (retry_after, response).into_response(),
            None => response,
        }
    }
}

/// The token of a service is not accepted, or cannot be checked now.
impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let retry_after = (refusal == Refusal::Unavailable).then_some(RetryAfter(AGAIN));
        Self { retry_after, ..Self::new(refusal.status(), ErrorCode::InvalidRequest, refusal) }
    }
}

/// A client sends too many requests, or too many wrong guesses.
impl From<TooMany> for ApiError {
    fn from(refused: TooMany) -> Self {
        let retry_after = Some(RetryAfter(refused.retry_after));
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooFast, refused) }
    }
}

/// An unknown path, or a method the path does not have.
pub(crate) async fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, ErrorCode::InvalidRequest, "Not Found")
}

impl From<InvalidBody> for ApiError {
    fn from(error: InvalidBody) -> Self {
        Self::bad_request(error)
    }
}

impl From<InvalidKey> for ApiError {
    fn from(error: InvalidKey) -> Self {
        Self::bad_request(error)
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        let problem = match error {
            BodyError::TooLarge => "request entity too large".to_owned(),
            BodyError::TooSlow | BodyError::Broken => error.to_string(),
        };
        Self::schema(error.status(), problem)
    }
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        let status = match error {
            ClientError::Unknown(ref cause) => {
                tracing::info!(reason = %cause, "a client's key could not be retrieved");
                StatusCode::BAD_REQUEST
            }
            ClientError::Unavailable => {
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::RequestDenied, error);
            }
            _ => StatusCode::UNAUTHORIZED,
        };
        Self::new(status, ErrorCode::InvalidClient, error)
    }
}

impl From<RequestGrantError> for ApiError {
    fn from(error: RequestGrantError) -> Self {
        let code = match error {
            RequestGrantError::Body(error) => return error.into(),
            RequestGrantError::Client(error) => return error.into(),
            RequestGrantError::Store(error) => return Self::internal(&error),
            RequestGrantError::TooMany(refused) => return refused.into(),
            RequestGrantError::NoTenant => {
                return Self::new(StatusCode::NOT_FOUND, ErrorCode::InvalidRequest, error);
            }
            RequestGrantError::Refused(RequestRefusal::NamelessClient) | RequestGrantError::NamelessClient => {
                ErrorCode::InvalidClient
            }
            RequestGrantError::Refused(_) => ErrorCode::InvalidRequest,
        };
        Self::new(StatusCode::BAD_REQUEST, code, error)
    }
}

impl From<ContinueError> for ApiError {
    fn from(error: ContinueError) -> Self {
        let (status, code) = match error {
            ContinueError::Body(error) => return error.into(),
            ContinueError::Client(error) => return error.into(),
            ContinueError::Store(error) => return Self::internal(&error),
            ContinueError::TooMany(refused) => return refused.into(),
            ContinueError::NoGrant => (StatusCode::UNAUTHORIZED, ErrorCode::InvalidContinuation),
            ContinueError::Refused(refusal) => match refusal {
                ContinueRefusal::NoReference => (StatusCode::UNAUTHORIZED, ErrorCode::InvalidRequest),
                ContinueRefusal::Expired => (StatusCode::UNAUTHORIZED, ErrorCode::InvalidContinuation),
                ContinueRefusal::NotFound => (StatusCode::NOT_FOUND, ErrorCode::InvalidContinuation),
                ContinueRefusal::TooFast | ContinueRefusal::PolledTooFast => {
                    (StatusCode::BAD_REQUEST, ErrorCode::TooFast)
                }
                ContinueRefusal::NotApproved | ContinueRefusal::NotPollable | ContinueRefusal::NotContinuable => {
                    (StatusCode::UNAUTHORIZED, ErrorCode::RequestDenied)
                }
            },
        };
        Self::new(status, code, error)
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Client(error) => error.into(),
            CancelError::Store(error) => Self::internal(&error),
            CancelError::TooMany(refused) => refused.into(),
            CancelError::NoGrant => Self::new(StatusCode::UNAUTHORIZED, ErrorCode::InvalidContinuation, error),
        }
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Client(error) => error.into(),
            TokenError::Store(error) => Self::internal(&error),
            TokenError::TooMany(refused) => refused.into(),
            TokenError::NoToken => Self::new(StatusCode::UNAUTHORIZED, ErrorCode::InvalidClient, error),
            TokenError::Refused(_) => Self::new(StatusCode::NOT_FOUND, ErrorCode::InvalidRotation, error),
        }
    }
}

impl From<IntrospectError> for ApiError {
    fn from(error: IntrospectError) -> Self {
        let IntrospectError::Store(error) = error;
        Self::internal(&error)
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        let (status, code) = match error {
            StartError::Store(error) => return Self::internal(&error),
            StartError::Unknown => (StatusCode::BAD_REQUEST, ErrorCode::UnknownInteraction),
            StartError::Over { .. } => (StatusCode::FORBIDDEN, ErrorCode::InvalidInteraction),
            StartError::NoIdentityProvider { .. } => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::RequestDenied),
        };
        Self::new(status, code, error)
    }
}

impl From<FinishError> for ApiError {
    fn from(error: FinishError) -> Self {
        let (status, code) = match error {
            FinishError::Store(error) => return Self::internal(&error),
            FinishError::Unknown => (StatusCode::NOT_FOUND, ErrorCode::UnknownInteraction),
            FinishError::Expired { .. } | FinishError::Undecided => {
                (StatusCode::UNAUTHORIZED, ErrorCode::InvalidInteraction)
            }
            FinishError::OtherBrowser => (StatusCode::UNAUTHORIZED, ErrorCode::InvalidRequest),
        };
        Self::new(status, code, error)
    }
}

impl From<DetailsError> for ApiError {
    fn from(error: DetailsError) -> Self {
        let (status, code) = match error {
            DetailsError::Store(error) => return Self::internal(&error),
            DetailsError::TooMany(refused) => return refused.into(),
            DetailsError::Unknown => (StatusCode::NOT_FOUND, ErrorCode::UnknownInteraction),
            DetailsError::NoIdentityProvider => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::InvalidRequest),
            DetailsError::Secret => (StatusCode::UNAUTHORIZED, ErrorCode::InvalidRequest),
        };
        Self::new(status, code, error)
    }
}

impl From<DecideError> for ApiError {
    fn from(error: DecideError) -> Self {
        let (status, code) = match error {
            DecideError::Store(error) => return Self::internal(&error),
            DecideError::TooMany(refused) => return refused.into(),
            DecideError::Unknown => (StatusCode::NOT_FOUND, ErrorCode::UnknownInteraction),
            DecideError::Secret => (StatusCode::UNAUTHORIZED, ErrorCode::InvalidInteraction),
            DecideError::Refused(ChoiceRefusal::Over) => (StatusCode::UNAUTHORIZED, ErrorCode::UserDenied),
            DecideError::Refused(ChoiceRefusal::NotPending) => (StatusCode::BAD_REQUEST, ErrorCode::InvalidInteraction),
        };
        Self::new(status, code, error)
    }
}

impl From<TenantError> for ApiError {
    fn from(error: TenantError) -> Self {
        let status = match error {
            TenantError::Store(error) => return Self::internal(&error),
            TenantError::Duplicate => StatusCode::CONFLICT,
            TenantError::NotFound => StatusCode::NOT_FOUND,
            TenantError::OperatorSecret => StatusCode::BAD_REQUEST,
        };
        Self::new(status, ErrorCode::InvalidRequest, error)
    }
}
