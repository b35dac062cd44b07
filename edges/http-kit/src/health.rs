//! The health of a process, answered within a time limit.
//! What is asked about its health is given by the role.

use std::error::Error;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;

/// How long a listener's store may take to answer. Load balancers do not wait long.
const HEALTHY: Duration = Duration::from_secs(3);

/// 200 `OK` if `ping` succeeds in time, else 500; the reason is logged.
pub async fn answers_in_time<E: Error + 'static>(ping: impl Future<Output = Result<(), E>>) -> Response {
    match tokio::time::timeout(HEALTHY, ping).await {
        Ok(Ok(())) => return (StatusCode::OK, "OK").into_response(),
        Ok(Err(error)) => tracing::warn!(error = &error as &dyn Error, "not healthy"),
        Err(_) => {
            tracing::warn!(limit = ?HEALTHY, "not healthy: a database, cache or ledger behind this listener does not answer");
        }
    }
    (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response()
}
