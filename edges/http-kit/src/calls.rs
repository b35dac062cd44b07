//! What became of the calls of a listener that services use: counted by route and status, and audited in the log.
//!
//! It decides nothing. Who may call is decided where the proofs arrive.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::StatusCode;
use service_identity::Principal;

use crate::client_address::ClientAddress;

/// Counts one more call.
pub type OneMore = Arc<dyn Fn() + Send + Sync>;

type MakeCounter = dyn Fn(&str, StatusCode) -> OneMore + Send + Sync;

/// Counts and audits calls. Clones count together.
#[derive(Clone)]
pub struct CallWatch {
    make: Arc<MakeCounter>,
    /// A counter is made once, and then only added to.
    counters: Arc<RwLock<HashMap<(String, StatusCode), OneMore>>>,
}

/// Who was let in. It is put into the extensions of the answer where the proof was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetIn(pub String);

impl LetIn {
    /// A caller that has shown the secret of two roles.
    pub fn by_secret() -> Self {
        Self("somebody with the shared secret".to_owned())
    }

    /// A tenant whose secret has signed the request.
    pub fn tenant(tenant: impl fmt::Display) -> Self {
        Self(format!("tenant {tenant}"))
    }

    /// A service that has shown a token or a certificate.
    pub fn service(principal: &Principal) -> Self {
        match &principal.tenant {
            Some(tenant) => Self(format!("{} for tenant {tenant}", principal.client)),
            None => Self(principal.client.clone()),
        }
    }
}

/// What a call may do, in the extensions of an answer whose method does not tell it (RFC 9110 section 9.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Read,
    /// It may change something.
    Change,
}

impl CallWatch {
    /// Counts with what `make` gives for a route and a status.
    pub fn new(make: impl Fn(&str, StatusCode) -> OneMore + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make), counters: Arc::default() }
    }

    fn count(&self, route: &str, status: StatusCode) {
        let key = (route.to_owned(), status);
        if let Some(counter) = self.counters.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return counter();
        }
        let mut counters = self.counters.write().unwrap_or_else(PoisonError::into_inner);
        counters.entry(key).or_insert_with(|| (self.make)(route, status))();
    }
}

impl Default for CallWatch {
    /// Counts nothing, and audits.
    fn default() -> Self {
        Self::new(|_, _| Arc::new(|| {}))
    }
}

impl fmt::Debug for CallWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallWatch").finish_non_exhaustive()
    }
}

/// Watches the calls of all routes of `router`.
pub fn watch_calls(router: Router, watch: CallWatch) -> Router {
    router.layer(from_fn_with_state(watch, watched))
}

async fn watched(State(watch): State<CallWatch>, from: ClientAddress, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let declared = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // Other paths are the caller's text. They may also have a part that only few should know.
    let shown: String =
        request.uri().path().split('/').take(2).collect::<Vec<_>>().join("/").chars().take(40).collect();
    let response = next.run(request).await;
    let status = response.status();
    watch.count(declared.as_deref().unwrap_or("none"), status);
    let route = declared.unwrap_or(shown);
    let by_method = if method.is_safe() { Effect::Read } else { Effect::Change };
    let effect = response.extensions().get().copied().unwrap_or(by_method);
    match (denied_for(status), response.extensions().get()) {
        (Some(reason), _) => {
            let source = from.source().to_string();
            tracing::warn!(%method, route, source, reason, "audit: a call was refused");
        }
        (None, Some(LetIn(who))) if effect == Effect::Change => {
            let status = status.as_u16();
            tracing::info!(%method, route, who, status, "audit: a call was let in");
        }
        (None, _) => {}
    }
    response
}

/// Why a call with this answer was not let in.
fn denied_for(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::UNAUTHORIZED => Some("it does not prove who calls"),
        StatusCode::FORBIDDEN => Some("the caller may not do this"),
        StatusCode::TOO_MANY_REQUESTS => Some("there were too many, or too many with wrong secrets"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use axum::body::Body;
    use axum::response::IntoResponse;
    use axum::routing::{get, post};
    use tower::ServiceExt;

    use super::*;

    type Counted = Arc<Mutex<HashMap<(String, u16), Arc<AtomicU64>>>>;

    #[test]
    fn calls_are_counted_by_route_and_status_also_those_that_a_layer_refuses() {
        testkit::block_on(async {
            let counted = Counted::default();
            let made = Arc::clone(&counted);
            let watch = CallWatch::new(move |route, status| {
                let mut made = made.lock().unwrap();
                let count = Arc::clone(made.entry((route.to_owned(), status.as_u16())).or_default());
                Arc::new(move || {
                    count.fetch_add(1, Ordering::Relaxed);
                })
            });
            let guarded = Router::new()
                .route("/thing/{id}", get(async || "read"))
                .route("/change", post(async || "done"))
                .layer(axum::middleware::from_fn(async |request: Request, next: Next| {
                    if request.headers().contains_key("proof") {
                        return next.run(request).await;
                    }
                    StatusCode::UNAUTHORIZED.into_response()
                }));
            let router = watch_calls(guarded, watch);
            let call = async |method: &str, path: &str, proof: bool| {
                let mut request = http::Request::builder().method(method).uri(path);
                if proof {
                    request = request.header("proof", "yes");
                }
                let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
                answer.status().as_u16()
            };
            assert_eq!(call("GET", "/thing/1", true).await, 200);
            assert_eq!(call("GET", "/thing/2", true).await, 200);
            assert_eq!(call("GET", "/thing/3", false).await, 401);
            assert_eq!(call("POST", "/change", false).await, 401);
            call("GET", "/a-path-of-the-caller", true).await;
            let count = |route: &str, status| {
                let counted = counted.lock().unwrap();
                counted.get(&(route.to_owned(), status)).map_or(0, |count| count.load(Ordering::Relaxed))
            };
            assert_eq!((count("/thing/{id}", 200), count("/thing/{id}", 401), count("/change", 401)), (2, 1, 1));
            assert!(counted.lock().unwrap().keys().all(|(route, _)| !route.contains("caller")));
        });
    }
}
