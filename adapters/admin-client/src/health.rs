//! Asks a server whether it works, as load balancers do, and how its clock goes.
//!
//! It needs no signature, so it also tells of a server that refuses every signature because of its clock.

use std::time::Duration;

use clock::{Stopwatch, Timestamp};
use http::header::DATE;
use outbound_http::{Request, Response};

use crate::client::AdminClient;

/// A server that works answers much sooner.
const DEADLINE: Duration = Duration::from_secs(5);

/// What a server says about its health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthView {
    /// It works, with its database and whatever else it needs.
    Well {
        /// How long the answer took.
        took: Duration,
        /// Its clock, in whole seconds, if it tells it.
        clock: Option<Timestamp>,
    },
    /// It answers, and does not work.
    Ill {
        /// The status of its answer.
        status: u16,
    },
    /// It does not answer.
    Silent {
        /// The reason.
        reason: String,
    },
}

impl AdminClient {
    /// Whether the server of this API works. It never fails: no answer is an answer, too.
    pub async fn health(&self) -> HealthView {
        let url = match self.beside("/healthz") {
            Ok(url) => url,
            Err(error) => return HealthView::Silent { reason: error.to_string() },
        };
        let watch = Stopwatch::start();
        match self.http().send(Request::get(url).configured().deadline(DEADLINE)).await {
            Ok(answer) if answer.status.is_success() => {
                HealthView::Well { took: watch.elapsed(), clock: clock(&answer) }
            }
            Ok(answer) => HealthView::Ill { status: answer.status.as_u16() },
            Err(error) => HealthView::Silent { reason: error.to_string() },
        }
    }
}

/// The date of an answer (RFC 9110, section 6.6.1).
fn clock(answer: &Response) -> Option<Timestamp> {
    let date = jiff::fmt::rfc2822::parse(answer.headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(Timestamp::from_jiff(date.timestamp()))
}
