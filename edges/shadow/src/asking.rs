//! Sends to ours the requests that the old installation has answered, and compares the answers.
//!
//! Reads are sent in parallel. A write is sent after all earlier requests have ended. Later requests wait for it,
//! because they may name what it makes.

use std::borrow::Cow;
use std::sync::Arc;

use answer_comparison::{Answer, Compared, Exchange, Purpose, Route, compare};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use outbound_http::Response;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::counts::{Left, Result as Counted};
use crate::queue::{Job, Waiting};
use crate::{Finding, Shared, proxy};

/// The largest answer of ours that is read. No API of Rafiki has a larger one.
const ANSWER_MAX: usize = 8 * 1024 * 1024;

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const TENANT_ID: HeaderName = HeaderName::from_static("tenant-id");

/// Sends the queued requests to ours.
pub struct Asker {
    shared: Arc<Shared>,
    jobs: mpsc::Receiver<Waiting>,
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}

/// The lock that a request holds while it is sent.
enum Turn {
    Read { _guard: OwnedRwLockReadGuard<()> },
    Write { _guard: OwnedRwLockWriteGuard<()> },
}

impl Asker {
    pub(crate) fn new(shared: Arc<Shared>, jobs: mpsc::Receiver<Waiting>) -> Self {
        Self { shared, jobs }
    }

    /// Runs until every listener is closed and the queue is empty, or until `stop` resolves.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let (order, places) =
            (Arc::new(RwLock::new(())), Arc::new(Semaphore::new(self.shared.settings.at_once.max(1))));
        let mut under_way = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let next = tokio::select! {
                () = &mut stop => return,
                next = self.jobs.recv() => next,
            };
            let Some(Waiting { job, room }) = next else { break };
            let turn = match job.purpose {
                Purpose::Read => Turn::Read { _guard: Arc::clone(&order).read_owned().await },
                Purpose::Write => Turn::Write { _guard: Arc::clone(&order).write_owned().await },
            };
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let shared = Arc::clone(&self.shared);
            under_way.spawn(async move {
                shared.handle(&job, turn).await;
                drop((place, room));
            });
            while under_way.try_join_next().is_some() {}
        }
        while under_way.join_next().await.is_some() {}
    }
}

/// A request with the ids of ours.
struct Reworded<'a> {
    path: Cow<'a, str>,
    body: Bytes,
    /// The secret for a new signature.
    secret: Option<&'a str>,
    /// Whether it can be sent again. Ours refuses a signature that it has seen before.
    is_repeatable: bool,
}

impl Shared {
    async fn handle(&self, job: &Job, turn: Turn) {
        let reworded = match self.reworded(job) {
            Ok(reworded) => reworded,
            Err(left) => {
                self.counts.left_out(left);
                if job.purpose == Purpose::Write {
                    self.made_only_there(job);
                }
                return;
            }
        };

        let Some(mut compared) = self.ask(job, &reworded).await else {
            self.counts.ended(Counted::NoAnswer);
            if job.purpose == Purpose::Write {
                self.made_only_there(job);
            }
            return;
        };
        drop(turn);

        let mut again = 0;
        if job.purpose == Purpose::Read && reworded.is_repeatable {
            for pause in &self.settings.pauses {
                if compared.differences.is_empty() || !compared.may_pass {
                    break;
                }
                tokio::time::sleep(*pause).await;
                again += 1;
                compared = self.ask(job, &reworded).await.unwrap_or(compared);
            }
        }
        self.end(job, compared, again);
    }

    fn end(&self, job: &Job, compared: Compared, again: u32) {
        self.sums().add(&compared.sums);
        if compared.differences.is_empty() {
            return self.counts.ended(if again == 0 { Counted::Equal } else { Counted::EqualLater });
        }
        self.counts.ended(Counted::Different);
        (self.report)(Finding {
            request: job.asked.id.clone(),
            at: job.old.at,
            route: Route::of(job.asked.method.as_str(), &job.asked.path, &job.asked.body),
            differences: compared.differences,
            more: compared.more,
        });
    }

    /// The request with the ids of ours, or the reason why it cannot be sent.
    fn reworded<'a>(&'a self, job: &'a Job) -> Result<Reworded<'a>, Left> {
        let asked = &job.asked;
        let mut known = self.known();
        let authorization = asked.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if authorization.is_some_and(|value| known.is_token_only_there(value))
            || known.names_only_there(asked.path.as_bytes())
            || known.names_only_there(&asked.body)
            || known.introspects_only_there(&asked.body)
        {
            return Err(Left::OnlyThere);
        }

        let path = known.for_ours(&asked.path);
        let body = match std::str::from_utf8(&asked.body).map(|body| known.for_ours(body)) {
            Ok(Cow::Owned(body)) => Some(Bytes::from(body)),
            Ok(Cow::Borrowed(_)) | Err(_) => None,
        };
        let is_changed = matches!(path, Cow::Owned(_)) || body.is_some();

        let secret = is_of_admin(&asked.headers).then(|| self.secret_of(&asked.headers)).flatten();
        let is_signed = asked.headers.contains_key(SIGNATURE) || asked.headers.contains_key(SIGNATURE_INPUT);
        if is_changed && is_signed && secret.is_none() {
            return Err(Left::Signed);
        }
        let body = body.unwrap_or_else(|| asked.body.clone());
        Ok(Reworded { path, body, secret, is_repeatable: !is_signed || secret.is_some() })
    }

    fn secret_of(&self, headers: &HeaderMap) -> Option<&str> {
        let tenant = headers.get(TENANT_ID)?.to_str().ok()?;
        self.settings.secrets.get(tenant).map(String::as_str)
    }

    /// Sends the request once and compares. `None` if there is no answer in time.
    async fn ask(&self, job: &Job, reworded: &Reworded<'_>) -> Option<Compared> {
        let mut request = proxy::call(&job.ours, &job.asked, &reworded.path)?;
        request = request.deadline(self.settings.patience).limit(ANSWER_MAX).body(reworded.body.clone());
        if let Some(signature) = reworded.secret.and_then(|secret| self.signature(job, &reworded.body, secret)) {
            request.headers.insert(SIGNATURE, signature);
        }
        let ours = match self.http.send(request).await {
            Ok(ours) => ours,
            Err(error) => {
                tracing::debug!(request = %job.asked.id, %error, "ours did not answer");
                return None;
            }
        };
        Some(self.compare(job, &ours))
    }

    fn compare(&self, job: &Job, ours: &Response) -> Compared {
        let exchange = Exchange {
            method: job.asked.method.as_str(),
            path: &job.asked.path,
            request: &job.asked.body,
            old: Answer { status: job.old.status.as_u16(), body: &job.old.body },
            ours: Answer { status: ours.status.as_u16(), body: &ours.body },
        };
        compare(&exchange, &self.settings.allowed, &mut self.known())
    }

    /// A new signature, of the same version as the old one.
    fn signature(&self, job: &Job, body: &[u8], secret: &str) -> Option<HeaderValue> {
        let written = job.asked.headers.get(SIGNATURE)?.to_str().ok()?;
        let (_, version) = written.split_once(", v").or_else(|| written.split_once(",v"))?;
        let version = version.split('=').next()?.parse().ok()?;
        let body: serde_json::Value = serde_json::from_slice(body).ok()?;
        let signed = admin_signature::sign(secret, version, self.clock.now(), &admin_signature::canonical(&body));
        HeaderValue::from_str(&signed).ok()
    }
}

/// Whether the signature is that of the Admin API. Open Payments has `Signature-Input` beside it.
fn is_of_admin(headers: &HeaderMap) -> bool {
    headers.contains_key(SIGNATURE) && !headers.contains_key(SIGNATURE_INPUT)
}
