//! Request bodies: read completely, with limits of size and time.
//! Parsing JSON is in `json_body`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::header::CONNECTION;
use http::{HeaderValue, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Sleep, sleep};

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the route allows.
    #[error("the body is too large")]
    TooLarge,
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection ended early.
    #[error("the body could not be read")]
    Broken,
}

impl BodyError {
    /// The status of the refusal.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        // The rest of the body is not awaited.
        (self.status(), [(CONNECTION, HeaderValue::from_static("close"))], self.to_string()).into_response()
    }
}

/// The whole body, if it has at most `limit` octets.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => {
            let mut cause = Some(error.as_ref() as &(dyn std::error::Error + 'static));
            while let Some(error) = cause {
                if error.is::<LengthLimitError>() {
                    return Err(BodyError::TooLarge);
                }
                if let Some(told) = error.downcast_ref::<BodyError>() {
                    return Err(*told);
                }
                cause = error.source();
            }
            tracing::debug!(error = error.source(), "a body broke off");
            Err(BodyError::Broken)
        }
    }
}

/// A body that fails with [`BodyError::TooSlow`] if it is not complete in time.
#[derive(Debug)]
pub struct TimedBody {
    body: Body,
    limit: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl TimedBody {
    /// Limits `body` to `limit`, counted from its first read.
    pub fn new(body: Body, limit: Duration) -> Self {
        Self { body, limit, alarm: None }
    }
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_ready() {
            return frame;
        }
        let limit = self.limit;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(limit)));
        alarm.as_mut().poll(cx).map(|()| Some(Err(axum::Error::new(BodyError::TooSlow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
