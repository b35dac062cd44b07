//! Tells handlers that their listener stops, so that a request that waits for something is answered then.
//!
//! The listener itself is in `serve`.

use http::Extensions;
use tokio::sync::watch;

/// Whether the listener stops. A request that came another way never hears of it.
#[derive(Clone, Debug, Default)]
pub struct Stopping(Option<watch::Receiver<bool>>);

impl Stopping {
    pub(crate) fn new(told: watch::Receiver<bool>) -> Self {
        Self(Some(told))
    }

    /// What the listener put into the extensions of a request.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Waits until the listener stops.
    pub async fn begun(&mut self) {
        match &mut self.0 {
            // The end of the sender also means stop.
            Some(told) => drop(told.wait_for(|stop| *stop).await),
            None => std::future::pending().await,
        }
    }
}
