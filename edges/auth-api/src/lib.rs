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
mod issuer;
mod outside;
mod pages;
mod routing;
mod service;
mod session;
mod signed;
mod tokens;

use std::sync::Arc;

use auth::{Auth, Issuer};
use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_kit::graphql::{self, Endpoint};
use http_kit::{
    Access, Declared, Need, ServiceCallers, SourceLimit, limit_guesses, limit_requests, open_to_every_origin,
    refuse_browsers, require_service_to_read,
};
use http_signatures::TargetOrigin;
use service_auth::{Scope, Service};
use shared_cache::{Limiter, Rate};

use crate::admin::AdminSchema;
pub use crate::admin::{AdminSettings, schema_definition};
use crate::errors::{ApiError, not_found};
pub use crate::service::ServiceOperation;
use crate::session::Sessions;
pub use crate::session::{CookieKeys, SameSite};

/// What callers of introspection need.
const INTROSPECTION: Need = Need { service: Service::AuthIntrospection, scopes: &[Scope::TokenIntrospect] };
/// What callers of the service API need to change tenants.
const TENANTS: Need = Need { service: Service::AuthService, scopes: &[Scope::TenantsWrite] };
/// One of these is enough to ask about a grant.
const TO_ASK: &[Scope] = &[Scope::TenantsRead, Scope::TenantsWrite];

/// The largest body accepted, in octets.
pub(crate) const BODY_MAX: usize = 1024 * 1024;

/// The settings of the listeners besides the service.
#[derive(Clone)]
pub struct ApiSettings {
    /// The source of scheme and host of signed URLs.
    pub target_origin: TargetOrigin,
    /// `COOKIE_KEY`, and the key before it: they sign the cookie that binds an interaction to a browser.
    pub cookie_keys: CookieKeys,
    /// `INTERACTION_COOKIE_SAME_SITE`; `Lax` if unset.
    pub cookie_same_site: SameSite,
    /// The Admin API.
    pub admin: AdminSettings,
    /// Which programs may call introspection and the service API.
    pub services: ServiceCallers,
    /// The built-in issuer of tokens for services, if there is one.
    pub issuer: Option<Issuer>,
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
    let sessions = Sessions::new(&settings.cookie_keys, settings.cookie_same_site, is_https);
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

    let grant_requests = Router::new().declare("/{tenant}", Access::Client, post(grants::request));
    let continuations = Router::new()
        .declare("/continue/{id}", Access::Client, post(continuation::go_on).delete(continuation::cancel))
        .declare("/token/{id}", Access::Client, post(tokens::rotate).delete(tokens::revoke));
    let client_facing = client_facing()
        .merge(limit_requests(grant_requests, limit(settings.grant_requests)))
        .merge(limit_requests(continuations, limit(settings.continuations)));
    let client_facing = limit_guesses(client_facing, limit(settings.failures));

    let interaction = Router::new()
        .declare("/healthz", Access::Health, get(healthz))
        .declare("/grant/{id}/{nonce}", Access::IdentityProvider, get(interaction::details))
        .declare("/grant/{id}/{nonce}/{choice}", Access::IdentityProvider, post(interaction::decide));
    let interaction = limit_guesses(interaction, limit(settings.failures));

    let introspection = Router::new().declare("/", Access::Service, post(introspection::introspect));
    let introspection =
        limit_requests(introspection, limit(settings.introspections)).declare("/healthz", Access::Health, get(healthz));
    let service = service::routes().declare("/healthz", Access::Health, get(healthz));
    let admin = Router::new().declare("/healthz", Access::Health, get(healthz)).declare(
        "/graphql",
        Access::Tenant,
        post(admin::execute).fallback(graphql::only_post),
    );

    let finish = |router: Router<Api>| {
        let router = router.fallback(not_found).method_not_allowed_fallback(not_found).with_state(api.clone());
        routing::tolerant(router).layer(from_fn(outside::check_target_of))
    };
    let services = |router: Router, need: Need, reading: &'static [Scope]| {
        refuse_browsers(require_service_to_read(router, settings.services.clone(), need, reading))
    };

    Routers {
        auth: open_to_every_origin(finish(client_facing)),
        interaction: open_to_every_origin(finish(interaction)),
        introspection: services(finish(introspection), INTROSPECTION, INTROSPECTION.scopes),
        service: match settings.issuer {
            Some(issuer) => services(finish(service), TENANTS, TO_ASK).merge(issuer::routes(issuer)),
            None => services(finish(service), TENANTS, TO_ASK),
        },
        admin: finish(admin),
    }
}

/// What clients and browsers of owners call, except the routes with a limit for each address.
fn client_facing() -> Router<Api> {
    Router::new()
        .declare("/healthz", Access::Health, get(healthz))
        .declare("/discovery", Access::Public, get(grants::discover))
        .declare("/interact/{id}/{nonce}", Access::Owner, get(interact::start))
        .declare("/interact/{id}/{nonce}/finish", Access::Owner, get(interact::finish))
}

/// `GET /healthz`
async fn healthz(State(api): State<Api>) -> Response {
    http_kit::answers_in_time(api.auth.ping()).await
}
