//! The HTTP listeners of the authorization server: parse, call the service, render.
//!
//! One router per listener, because each has other clients. The decisions are made in `auth`.

mod admin;
mod body;
mod continuation;
mod errors;
mod grants;
mod interact;
mod interaction;
mod introspection;
mod outside;
mod pages;
mod routing;
mod service;
mod session;
mod signed;
mod tokens;

use std::sync::Arc;

use auth::Auth;
use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_kit::graphql::{self, Endpoint};
use http_kit::{
    CallerSecret, SourceLimit, limit_guesses, limit_requests, open_to_every_origin, refuse_browsers, require_secret,
};
use http_signatures::TargetOrigin;
use shared_cache::{Limiter, Rate};

use crate::admin::AdminSchema;
pub use crate::admin::{AdminSettings, schema_definition};
use crate::errors::{ApiError, not_found};
pub use crate::service::ServiceOperation;
pub use crate::session::SameSite;
use crate::session::Sessions;

/// The largest body accepted, in octets.
pub(crate) const BODY_MAX: usize = 1024 * 1024;

/// The settings of the listeners besides the service.
#[derive(Clone)]
pub struct ApiSettings {
    /// The source of scheme and host of signed URLs.
    pub target_origin: TargetOrigin,
    /// `COOKIE_KEY`: signs the cookie that binds an interaction to a browser.
    pub cookie_key: String,
    /// `INTERACTION_COOKIE_SAME_SITE`; `Lax` if unset.
    pub cookie_same_site: SameSite,
    /// The Admin API.
    pub admin: AdminSettings,
    /// Which programs may call introspection and the service API.
    pub services: ServiceCallers,
    /// Counts requests of unknown clients.
    pub limiter: Limiter,
    /// How many grants one source may request.
    pub grant_requests: Rate,
    /// How often one source may continue and cancel grants, rotate and revoke tokens.
    pub continuations: Rate,
    /// How many tokens one source may look up.
    pub introspections: Rate,
    /// How many wrong signatures, tokens and interactions one source may send.
    pub failures: Rate,
}

/// Which programs may call introspection and the service API.
#[derive(Clone, Debug)]
pub enum ServiceCallers {
    /// Those that send the secret.
    WithSecret(CallerSecret),
    /// All programs that can reach the listeners.
    Anybody,
}

/// One router per listener.
#[derive(Clone, Debug)]
pub struct Routers {
    /// `AUTH_PORT`: clients and browsers; public.
    pub auth: Router,
    /// `INTERACTION_PORT`: identity providers; private.
    pub interaction: Router,
    /// `INTROSPECTION_PORT`: resource servers; private.
    pub introspection: Router,
    /// `SERVICE_API_PORT`: the backend; private.
    pub service: Router,
    /// `ADMIN_PORT`: operators and tenants; private.
    pub admin: Router,
}

#[derive(Clone)]
struct Api {
    auth: Auth,
    origin: TargetOrigin,
    sessions: Arc<Sessions>,
    admin: Arc<AdminSettings>,
    endpoint: Endpoint<AdminSchema>,
}

/// The routers of an authorization server.
pub fn routers(auth: Auth, settings: ApiSettings) -> Routers {
    let is_https = auth.settings().server_url.scheme() == "https";
    let sessions = Sessions::new(&settings.cookie_key, settings.cookie_same_site, is_https);
    // No input of this schema has a scalar of its own.
    let inputs = graphql::Inputs::of(&schema_definition(), |_, _| None);
    let endpoint = Endpoint::new(admin::build(auth.clone()), inputs, settings.admin.introspection);

    let api = Api {
        auth,
        origin: settings.target_origin,
        sessions: Arc::new(sessions),
        admin: Arc::new(settings.admin),
        endpoint,
    };

    let limit = |rate| SourceLimit {
        limiter: settings.limiter.clone(),
        rate,
        refuse: |refused| ApiError::from(refused).into_response(),
    };

    let grant_requests = Router::new().route("/{tenant}", post(grants::request));
    let continuations = Router::new()
        .route("/continue/{id}", post(continuation::go_on).delete(continuation::cancel))
        .route("/token/{id}", post(tokens::rotate).delete(tokens::revoke));
    let client_facing = client_facing()
        .merge(limit_requests(grant_requests, limit(settings.grant_requests)))
        .merge(limit_requests(continuations, limit(settings.continuations)));
    let client_facing = limit_guesses(client_facing, limit(settings.failures));

    let interaction = Router::new()
        .route("/healthz", get(healthz))
        .route("/grant/{id}/{nonce}", get(interaction::details))
        .route("/grant/{id}/{nonce}/{choice}", post(interaction::decide));
    let interaction = limit_guesses(interaction, limit(settings.failures));

    let introspection = Router::new().route("/", post(introspection::introspect));
    let introspection = limit_requests(introspection, limit(settings.introspections)).route("/healthz", get(healthz));
    let service = service::routes().route("/healthz", get(healthz));
    let admin = Router::new()
        .route("/healthz", get(healthz))
        .route("/graphql", post(admin::execute).fallback(graphql::only_post));

    let finish = |router: Router<Api>| {
        let router = router.fallback(not_found).method_not_allowed_fallback(not_found).with_state(api.clone());
        routing::tolerant(router).layer(from_fn(outside::check_target_of))
    };
    let services = |router: Router| match &settings.services {
        ServiceCallers::WithSecret(secret) => refuse_browsers(require_secret(router, secret.clone())),
        ServiceCallers::Anybody => refuse_browsers(router),
    };

    Routers {
        auth: open_to_every_origin(finish(client_facing)),
        interaction: open_to_every_origin(finish(interaction)),
        introspection: services(finish(introspection)),
        service: services(finish(service)),
        admin: finish(admin),
    }
}

/// What clients and browsers of owners call, except the routes with a limit for each address.
fn client_facing() -> Router<Api> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/discovery", get(grants::discover))
        .route("/interact/{id}/{nonce}", get(interact::start))
        .route("/interact/{id}/{nonce}/finish", get(interact::finish))
}

/// `GET /healthz`
async fn healthz(State(api): State<Api>) -> Response {
    http_kit::answers_in_time(api.auth.ping()).await
}
