//! Links between processes that are watched: each request makes two moments, when it arrives and when its answer goes
//! back. At a chosen moment a process is killed.
//!
//! The requests themselves are not changed.

use std::process::Command;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::runtime::Runtime;

const BODY_MOST: usize = 4 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_mins(2);

/// What a tap that is watched came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The process was killed at the planned moment.
    Killed,
    /// The tap ended, and the moment did not come.
    Ended,
}

/// Watches the links of one process.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    /// The moments since the tap began.
    moments: Vec<String>,
    plan: Option<Plan>,
}

struct Plan {
    when: When,
    victim: u32,
    told: Sender<Told>,
}

/// The moment at which a process is killed.
enum When {
    /// When so many have come before.
    After(usize),
    /// The first whose name has all these parts.
    Named(&'static [&'static str]),
}

/// Whether a request goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    Nowhere,
}

impl Watch {
    /// Forgets the moments so far, and kills `victim` when so many more have come.
    pub(super) fn kill_after(&self, moments: usize, victim: u32, told: Sender<Told>) {
        let mut watched = self.0.lock().unwrap();
        *watched = Watched { moments: Vec::new(), plan: Some(Plan { when: When::After(moments), victim, told }) };
    }

    /// Kills `victim` at the first moment whose name has all these parts.
    pub(super) fn kill_at(&self, parts: &'static [&'static str], victim: u32, told: Sender<Told>) {
        let mut watched = self.0.lock().unwrap();
        *watched = Watched { moments: Vec::new(), plan: Some(Plan { when: When::Named(parts), victim, told }) };
    }

    /// The moments since the last tap began. Nothing is killed any more.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap()).moments
    }

    fn note(&self, moment: String) -> Goes {
        let mut watched = self.0.lock().unwrap();
        watched.moments.push(moment.clone());
        let so_far = watched.moments.len();
        let has_come = |plan: &mut Plan| match plan.when {
            When::After(moments) => moments < so_far,
            When::Named(parts) => parts.iter().all(|part| moment.contains(part)),
        };
        let Some(plan) = watched.plan.take_if(has_come) else { return Goes::On };
        let killed = Command::new("kill").args(["-KILL", &plan.victim.to_string()]).status().unwrap();
        assert!(killed.success());
        // Whoever waited has stopped waiting if the test has failed meanwhile.
        let _ = plan.told.send(Told::Killed);
        Goes::Nowhere
    }

    /// Passes on what arrives on `port` to `to`. `name` is for people.
    pub(super) fn link(&self, runtime: &Runtime, name: &'static str, port: u16, to: u16) {
        // Nothing here uses TLS. The client still needs the provider of the system under test.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(DEADLINE).redirect(reqwest::redirect::Policy::none());
        let link = Arc::new(Link { watch: self.clone(), name, to, client: client.build().unwrap() });
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))).unwrap();
        let router = Router::new().fallback(pass_on).with_state(link);
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
    }
}

struct Link {
    watch: Watch,
    name: &'static str,
    to: u16,
    client: reqwest::Client,
}

async fn pass_on(State(link): State<Arc<Link>>, request: Request) -> Response {
    let lost = || StatusCode::BAD_GATEWAY.into_response();
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MOST).await else { return StatusCode::BAD_REQUEST.into_response() };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let asked = format!("{}: {} {path}", link.name, head.method);
    if link.watch.note(format!("{asked} arrives")) == Goes::Nowhere {
        return lost();
    }
    let call = link.client.request(head.method.clone(), format!("http://127.0.0.1:{}{path}", link.to));
    // The host header is not changed, because it is signed.
    let Ok(answer) = call.headers(head.headers.clone()).body(body).send().await else { return lost() };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let Ok(body) = answer.bytes().await else { return lost() };
    if link.watch.note(format!("{asked}: {status} goes back")) == Goes::Nowhere {
        return lost();
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().remove("transfer-encoding");
    response
}
