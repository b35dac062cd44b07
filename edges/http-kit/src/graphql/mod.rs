//! GraphQL over HTTP: one POST, one answer, one set of limits for every schema.
//!
//! The edge identifies the caller between reading the body and answering it.

mod documents;
mod limits;
mod malformed;
mod outside;
mod request;
mod response;
mod rights;
mod suggestions;
mod variables;
mod waiting;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Executor, Request};
use axum::response::{IntoResponse, Response};
use database::Subscription;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use service_identity::Refusal;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::{Effect, RetryAfter, Stopping, unproven};
use documents::Documents;
pub use rights::{AllFields, FieldRights};
pub use variables::{Inputs, ScalarRefusal};

use request::Asked;
use response::{JSON, error, errors, media_type, respond};
use waiting::{End, Wait};

/// The largest body of a request, in octets.
pub const BODY_MAX: usize = 1 << 20;

const BAD_REQUEST: &str = "BAD_REQUEST";
const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
const FORBIDDEN: &str = "FORBIDDEN";
const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";

/// Whether introspection is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Introspection {
    /// It is allowed.
    Allowed,
    /// It is refused, as in production.
    Refused,
}

/// Help for callers.
const HOW_TO_SIGN: &str = "Every request carries two headers:\n\
    \u{20} tenant-id: <the tenant's UUID>\n\
    \u{20} signature: t=<milliseconds since 1970>, v1=<HMAC-SHA256 of \"<t>.<body as canonical JSON>\", in hex>\n\
    docs/admin-api.md has the recipe for a shell, JavaScript and Python, and says where the schema is.";

/// Why the caller is unknown. The answer does not show which reason it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// The request is not signed by a tenant, or the signature was used before.
    Unauthorized,
    /// A required header is missing. Its sender may know that.
    Header(&'static str),
    /// The check failed. Nothing is wrong with the request.
    Unavailable,
    /// The token is not accepted, or cannot be checked now.
    Token(Refusal),
}

impl IntoResponse for Unauthenticated {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized").into_response(),
            Self::Header(name) => {
                let told = format!("Unauthorized: the header {name} is missing or unreadable.\n\n{HOW_TO_SIGN}\n");
                (StatusCode::UNAUTHORIZED, told).into_response()
            }
            Self::Unavailable => {
                let again = RetryAfter(Duration::from_secs(1));
                (StatusCode::SERVICE_UNAVAILABLE, again, "Service Unavailable").into_response()
            }
            Self::Token(refusal) => unproven(refusal, &[]),
        }
    }
}

/// A schema at a path.
#[derive(Clone, Debug)]
pub struct Endpoint<E> {
    schema: E,
    introspection: Introspection,
    documents: Documents,
    inputs: Arc<Inputs>,
    waits: Arc<Semaphore>,
}

/// The JSON of a request, which is also what is signed.
pub fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().filter(|body: &Value| body.is_object() || body.is_array())
}

/// The answer to a body that is not JSON.
pub fn no_json() -> Response {
    (StatusCode::BAD_REQUEST, "Bad Request").into_response()
}

/// The answer to every method except POST, because URLs are not signed.
#[expect(clippy::unused_async, reason = "a handler is asynchronous, whether it waits or not")]
pub async fn only_post() -> Response {
    refused(
        StatusCode::METHOD_NOT_ALLOWED,
        "The Admin API takes POST requests only: GraphQL as JSON, signed. docs/admin-api.md says how.",
        BAD_REQUEST,
    )
}

impl<E: Executor> Endpoint<E> {
    /// Makes an endpoint for `schema`, whose variables are `inputs`.
    pub fn new(schema: E, inputs: Inputs, introspection: Introspection) -> Self {
        let waits = Arc::new(Semaphore::new(waiting::AT_ONCE));
        Self { schema, introspection, documents: Documents::default(), inputs: Arc::new(inputs), waits }
    }

    /// Answers `body`, sent by `caller`, who has these rights. Resolvers find the caller in their context.
    ///
    /// Runs to the end even if the client disconnects. So a mutation that was begun is stored under its idempotency key
    /// for a later request.
    pub async fn answer<C: Send + Sync + 'static>(
        &self,
        headers: &HeaderMap,
        body: Value,
        caller: C,
        rights: &dyn FieldRights,
    ) -> Response {
        let media_type = match accepted(headers) {
            Ok(media_type) => media_type,
            Err(unaccepted) => return unaccepted.into_response(),
        };
        let asked = match self.read(body, rights) {
            Ok(asked) => asked,
            Err((status, answer)) => return respond(status, media_type, &answer),
        };
        let effect = asked.effect();
        let (status, answer) = self.execute(asked.request.data(caller)).await;
        with_effect(effect, respond(status, media_type, &answer))
    }

    /// As [`Endpoint::answer`]. If the request asks for it, and is a query, it waits until the answer is another one than
    /// the caller knows, until the time is over, or until the listener stops. The caller gives up by closing its connection.
    /// `follow` signals changes of what queries read.
    pub async fn answer_when_changed<C: Clone + Send + Sync + 'static>(
        &self,
        headers: &HeaderMap,
        body: Value,
        caller: C,
        rights: &dyn FieldRights,
        follow: impl FnOnce() -> Subscription,
        mut stopping: Stopping,
    ) -> Response {
        let Some(wait) = Wait::of(&body) else { return self.answer(headers, body, caller, rights).await };
        let Ok(place) = self.waits.try_acquire() else { return self.answer(headers, body, caller, rights).await };
        let media_type = match accepted(headers) {
            Ok(media_type) => media_type,
            Err(unaccepted) => return unaccepted.into_response(),
        };
        let until = Instant::now() + wait.time();
        let mut changes = follow();
        loop {
            let executed = Instant::now();
            changes.forget();
            let asked = match self.read(body.clone(), rights) {
                Ok(asked) => asked,
                Err((status, answer)) => return respond(status, media_type, &answer),
            };
            let (reads, effect) = (asked.reads, asked.effect());
            let (status, answer) = self.execute(asked.request.data(caller.clone())).await;
            if !reads || status != StatusCode::OK || answer.get("errors").is_some() {
                return with_effect(effect, respond(status, media_type, &answer));
            }

            let mark = waiting::mark(&answer);
            if !wait.knows(&mark) || waiting::end(&mut changes, executed, until, &mut stopping).await == End::Over {
                drop(place);
                return with_effect(Effect::Read, respond(status, media_type, &waiting::marked(answer, &mark)));
            }
        }
    }

    fn read(&self, body: Value, rights: &dyn FieldRights) -> Result<Asked, (StatusCode, Value)> {
        let asked = request::read(body, &self.documents, &self.inputs, self.introspection, rights);
        asked.map_err(|malformed| (malformed.status, errors(malformed.errors)))
    }

    /// Runs to the end even if the client disconnects. So a mutation that was begun is stored under its idempotency key
    /// for a later request.
    async fn execute(&self, request: Request) -> (StatusCode, Value) {
        let schema = self.schema.clone();
        match tokio::spawn(Box::pin(async move { schema.execute(request).await })).await {
            Ok(response) => response::render(response, self.inputs.names()),
            Err(error) => {
                tracing::error!(%error, "an Admin API request ended before its answer");
                let body = errors(vec![self::error("Internal server error", "INTERNAL_SERVER_ERROR")]);
                (StatusCode::INTERNAL_SERVER_ERROR, body)
            }
        }
    }
}

/// Tells whoever audits the call what it may have done.
fn with_effect(effect: Effect, mut response: Response) -> Response {
    response.extensions_mut().insert(effect);
    response
}

/// Why a request cannot be one of a program.
#[derive(Clone, Copy, Debug)]
enum Unaccepted {
    /// A browser may have sent it for a page of another site.
    Form,
    /// It accepts no media type of an answer.
    MediaType,
}

impl IntoResponse for Unaccepted {
    fn into_response(self) -> Response {
        match self {
            Self::Form => {
                let message = "This operation has been blocked as a potential Cross-Site Request Forgery (CSRF). \
                               Send it with the content type application/json.";
                refused(StatusCode::BAD_REQUEST, message, BAD_REQUEST)
            }
            Self::MediaType => (StatusCode::NOT_ACCEPTABLE, "Not Acceptable").into_response(),
        }
    }
}

/// The media type of the answer.
fn accepted(headers: &HeaderMap) -> Result<&'static str, Unaccepted> {
    if request::is_form(headers) {
        return Err(Unaccepted::Form);
    }
    media_type(headers).ok_or(Unaccepted::MediaType)
}

fn refused(status: StatusCode, message: &str, code: &str) -> Response {
    respond(status, JSON, &errors(vec![error(message, code)]))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_graphql::{Context, EmptySubscription, Object, Schema};
    use database::{Database, Options};
    use futures::future::join_all;
    use http::HeaderValue;
    use http::header::CONTENT_TYPE;
    use serde_json::json;

    use super::*;

    const TOPIC: &str = "changes";

    struct Query;
    struct Mutation;

    #[derive(Default)]
    struct Facts {
        executions: AtomicU64,
        value: AtomicU64,
        /// How many seconds an execution takes.
        takes: AtomicU64,
    }

    impl Facts {
        fn execute(&self) -> u64 {
            self.executions.fetch_add(1, Ordering::Relaxed)
        }

        fn executions(&self) -> u64 {
            self.executions.load(Ordering::Relaxed)
        }
    }

    #[Object]
    impl Query {
        /// The value as it is.
        async fn value(&self, context: &Context<'_>) -> u64 {
            let facts = context.data_unchecked::<Arc<Facts>>();
            facts.execute();
            let takes = facts.takes.load(Ordering::Relaxed);
            if takes > 0 {
                tokio::time::sleep_until(Instant::now() + Duration::from_secs(takes)).await;
            }
            facts.value.load(Ordering::Relaxed)
        }
    }

    #[Object]
    impl Mutation {
        async fn add(&self, context: &Context<'_>) -> u64 {
            context.data_unchecked::<Arc<Facts>>().execute()
        }
    }

    /// An endpoint over one value, in virtual time.
    struct Bench {
        endpoint: Endpoint<Schema<Query, Mutation, EmptySubscription>>,
        facts: Arc<Facts>,
        database: Database,
    }

    impl Bench {
        async fn open() -> Self {
            let database = Database::connect("sqlite::memory:", &Options::default()).await.unwrap();
            tokio::time::pause();
            let facts: Arc<Facts> = Arc::default();
            let schema = Schema::build(Query, Mutation, EmptySubscription).data(Arc::clone(&facts)).finish();
            let inputs = Inputs::of(&schema.sdl(), |_, _| None);
            Self { endpoint: Endpoint::new(schema, inputs, Introspection::Refused), facts, database }
        }

        /// Sets the value and signals a change.
        fn change(&self, value: u64) {
            self.facts.value.store(value, Ordering::Relaxed);
            self.database.wake_here(TOPIC);
        }

        async fn ask(&self, query: &str, known: Option<&str>, stopping: Stopping) -> Value {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(JSON))]);
            let wish = json!({"known": known, "seconds": 10});
            let body = json!({"query": query, "extensions": {"waitForChange": wish}});
            let follow = || self.database.follow(TOPIC);
            let answer = self.endpoint.answer_when_changed(&headers, body, (), &AllFields, follow, stopping).await;
            serde_json::from_slice(&axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap()).unwrap()
        }

        /// The present answer.
        async fn first(&self) -> Value {
            self.ask("{ value }", None, Stopping::default()).await
        }

        /// How often a query is executed in its ten seconds if something changes all the time, but not its answer.
        async fn executions_among_changes(&self) -> u64 {
            let first = self.first().await;
            let before = self.facts.executions();
            let changes = async {
                let mut ticks = tokio::time::interval(Duration::from_millis(10));
                loop {
                    ticks.tick().await;
                    self.change(0);
                }
            };
            tokio::select! {
                same = self.next(&first) => assert_eq!(same, first),
                () = changes => {}
            }
            self.facts.executions() - before
        }

        /// The answer after the present one.
        async fn next(&self, first: &Value) -> Value {
            self.ask("{ value }", first["extensions"]["change"]["mark"].as_str(), Stopping::default()).await
        }
    }

    #[tokio::test]
    async fn a_query_waits_until_its_answer_is_another_one() {
        let bench = Bench::open().await;
        let begun = Instant::now();
        let first = bench.first().await;
        assert_eq!((&first["data"]["value"], begun.elapsed()), (&json!(0), Duration::ZERO));
        let change = async {
            // Something else changes first.
            tokio::time::sleep_until(begun + Duration::from_secs(3)).await;
            bench.change(0);
            tokio::time::sleep_until(begun + Duration::from_secs(6)).await;
            bench.change(1);
        };
        let (second, ()) = tokio::join!(bench.next(&first), change);
        assert_eq!((&second["data"]["value"], begun.elapsed().as_secs()), (&json!(1), 6));
        assert_ne!(second["extensions"]["change"]["mark"], first["extensions"]["change"]["mark"]);
        assert_eq!(bench.facts.executions(), 4);
    }

    #[tokio::test]
    async fn nothing_is_read_while_ten_wait_and_nothing_happens() {
        let bench = Bench::open().await;
        let first = bench.first().await;
        let begun = Instant::now();
        let answers = join_all((0..10).map(|_| bench.next(&first))).await;
        assert_eq!((answers, begun.elapsed().as_secs()), (vec![first; 10], 10));
        assert_eq!(bench.facts.executions(), 1 + 10, "each query was executed once, when it came");
    }

    #[tokio::test]
    async fn changes_without_end_are_looked_at_twice_a_second() {
        let executions = Bench::open().await.executions_among_changes().await;
        assert!((18..=21).contains(&executions), "{executions} executions in ten seconds");
    }

    #[tokio::test]
    async fn a_slow_query_is_executed_for_half_of_the_time_at_most() {
        let bench = Bench::open().await;
        bench.facts.takes.store(1, Ordering::Relaxed);
        let executions = bench.executions_among_changes().await;
        assert!((4..=6).contains(&executions), "{executions} executions of a second each in ten seconds");
    }

    #[tokio::test]
    async fn a_wait_ends_when_the_listener_stops() {
        let bench = Bench::open().await;
        let first = bench.first().await;
        let mark = first["extensions"]["change"]["mark"].as_str();
        let (stop, told) = tokio::sync::watch::channel(false);
        let begun = Instant::now();
        let waits = bench.ask("{ value }", mark, Stopping::new(told));
        let (answer, ()) = tokio::join!(waits, async { stop.send(true).unwrap() });
        assert_eq!((answer, begun.elapsed()), (first.clone(), Duration::ZERO));
    }

    #[tokio::test]
    async fn a_mutation_is_made_once_and_an_error_is_answered_at_once() {
        let bench = Bench::open().await;
        let made = bench.ask("mutation { add }", Some("x"), Stopping::default()).await;
        assert_eq!(made, json!({"data": {"add": 0}}));
        assert_eq!(bench.facts.executions(), 1);
        let wrong = bench.ask("{ nothing }", Some("x"), Stopping::default()).await;
        assert!(wrong["errors"].is_array() && wrong.get("extensions").is_none(), "{wrong}");
    }

    #[tokio::test]
    async fn more_than_the_most_that_wait_are_answered_at_once() {
        let bench = Bench::open().await;
        let all = Arc::clone(&bench.endpoint.waits).acquire_many_owned(64).await.unwrap();
        let answer = bench.first().await;
        assert_eq!(answer, json!({"data": {"value": 0}}), "no mark, so the caller asks again by itself");
        drop(all);
        assert!(bench.first().await.get("extensions").is_some());
    }
}
