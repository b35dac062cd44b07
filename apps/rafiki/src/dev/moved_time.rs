//! The clock of a playground: a file that says how far it is ahead, and a listener that takes changes of it.
//!
//! No other command than `rafiki dev` has it, so no other installation has a clock that can be moved.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use clock::{Clock, MovedClock, SystemClock, Timestamp};
use http::StatusCode;
use http_kit::{Admission, ConnectionLimits, Deadlines, Proxies, Serving, read_body};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use url::Url;

use crate::failure::Failure;

/// The file in the data folder of the playground.
const FILE: &str = "clock.json";
/// A header without which nothing is changed. A page in a browser cannot send it to another origin without asking first.
pub(crate) const GUARD: (&str, &str) = ("rafiki-clock", "1");
const BODY_MAX: usize = 1024;

/// What the file holds, and what the listener takes.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Setting {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ahead_ms: Option<u64>,
}

/// What a clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reading {
    pub(crate) now: Timestamp,
    pub(crate) ahead_ms: u64,
}

/// The file of the playground in this folder.
pub(crate) fn file(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

/// How far the clock of the playground in this folder is ahead.
pub(crate) fn read(data_dir: &Path) -> Result<Duration, Failure> {
    let path = file(data_dir);
    let failed = |error| Failure::io(format!("cannot read {}", path.display()), error);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let setting: Setting = serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
            Ok(Duration::from_millis(setting.ahead_ms.unwrap_or(0)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Duration::ZERO),
        Err(error) => Err(failed(error)),
    }
}

/// The content of the file.
pub(crate) fn text(ahead: Duration) -> String {
    let setting = Setting { ahead_ms: u64::try_from(ahead.as_millis()).ok() };
    serde_json::to_string(&setting).unwrap_or_default()
}

/// Forgets how far the clock was ahead.
pub(crate) fn forget(data_dir: &Path) -> Result<(), Failure> {
    let path = file(data_dir);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::io(format!("cannot remove {}", path.display()), error))
        }
        _ => Ok(()),
    }
}

/// The clock of this process, and the URL of its listener.
#[derive(Clone, Debug)]
pub(crate) struct MovedTime {
    pub(crate) clock: Arc<MovedClock>,
    pub(crate) url: Url,
}

impl MovedTime {
    /// Starts the listener. It ends with the process.
    pub(crate) async fn start(data_dir: &Path) -> Result<Self, Failure> {
        let clock = Arc::new(MovedClock::over(Arc::new(SystemClock), read(data_dir)?));
        let failed = |error: std::io::Error| Failure::start("the clock of the playground", error);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let url = Url::parse(&format!("http://{address}/")).map_err(|error| Failure::start("the clock", error))?;

        let router = axum::Router::new().fallback(take).with_state(Arc::clone(&clock));
        let serving = Serving {
            deadlines: Deadlines::default(),
            admission: Admission::new(ConnectionLimits::default()),
            proxies: Proxies::None,
            tls: None,
        };
        tokio::spawn(http_kit::serve(listener, router, serving, std::future::pending()));
        Ok(Self { clock, url })
    }
}

async fn take(State(clock): State<Arc<MovedClock>>, request: Request) -> Response {
    let (name, value) = GUARD;
    if request.headers().get(name).is_none_or(|sent| sent != value) {
        return (StatusCode::FORBIDDEN, "`rafiki clock` moves this clock").into_response();
    }
    let body = match read_body(request.into_body(), BODY_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let Ok(setting) = serde_json::from_slice::<Setting>(&body) else {
        return (StatusCode::BAD_REQUEST, "write {\"aheadMs\": 1000}").into_response();
    };
    if let Some(ahead) = setting.ahead_ms {
        clock.set_ahead(Duration::from_millis(ahead));
    }
    let ahead_ms = u64::try_from(clock.ahead().as_millis()).unwrap_or(u64::MAX);
    axum::Json(Reading { now: clock.now(), ahead_ms }).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_keeps_how_far_the_clock_is_ahead_and_none_means_the_real_time() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Duration::ZERO);
        std::fs::write(file(folder.path()), text(Duration::from_hours(5))).unwrap();
        assert_eq!(read(folder.path()).unwrap(), Duration::from_hours(5));
        forget(folder.path()).unwrap();
        forget(folder.path()).unwrap();
        assert_eq!(read(folder.path()).unwrap(), Duration::ZERO);
        std::fs::write(file(folder.path()), "{").unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("clock.json"));
    }
}
