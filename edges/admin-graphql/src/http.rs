//! The listener: one endpoint for signed GraphQL requests, and one for the health of the process.
//! Signatures are checked in `authenticate`; limits are in `http-kit`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use http_kit::graphql::{self, AllFields, Endpoint, FieldRights, Introspection};
use http_kit::{Access, Declared, Stopping};
use payments::Unavailable;

use crate::authenticate::authenticate;
use crate::rights::ScopedRights;
use crate::schema::AdminSchema;
use crate::{AdminApiParts, Explorer};

struct Api {
    parts: AdminApiParts,
    endpoint: Endpoint<AdminSchema>,
}

/// The Admin API: `POST /graphql` and `/healthz`.
pub fn router(parts: AdminApiParts) -> Router {
    let introspection = if parts.settings.introspection { Introspection::Allowed } else { Introspection::Refused };
    let inputs = graphql::Inputs::of(&crate::schema::sdl(), crate::scalars::refusal);
    let endpoint = Endpoint::new(crate::schema::schema(&parts), inputs, introspection);
    let explorer = parts.settings.explorer;
    let router = Router::new()
        .declare("/graphql", Access::Tenant, post(answer).fallback(graphql::only_post))
        .declare("/healthz", Access::Health, any(healthz))
        // Shared, because each request gets a copy.
        .with_state(Arc::new(Api { parts, endpoint }));
    let router = http_kit::open_to_every_origin(router);
    match explorer {
        // Pages of other origins cannot read the answers.
        Explorer::Offered => router.merge(crate::explorer::routes()),
        Explorer::Absent => router,
    }
}

/// Whether database, ledger and cache answer.
async fn healthz(State(api): State<Arc<Api>>) -> Response {
    http_kit::answers_in_time(async {
        api.parts.administration.ping(api.parts.settings.operator).await?;
        api.parts.cache.get("health").await?;
        Ok::<(), Unavailable>(())
    })
    .await
}

async fn answer(State(api): State<Arc<Api>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = match http_kit::read_body(body, graphql::BODY_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let Some(body) = graphql::json(&body) else { return graphql::no_json() };
    let sender = match authenticate(&api.parts, &head, &body).await {
        Ok(sender) => sender,
        Err(unauthenticated) => return graphql::Unauthenticated::from(unauthenticated).into_response(),
    };
    let (headers, stopping) = (&head.headers, Stopping::of(&head.extensions));
    let follow = || api.parts.administration.store().follow_changes();
    let who = sender.let_in();
    let principal = sender.principal.clone();
    let scoped = principal.as_ref().map(ScopedRights);
    let rights = scoped.as_ref().map_or(&AllFields as &dyn FieldRights, |scoped| scoped as &dyn FieldRights);
    let mut response = api.endpoint.answer_when_changed(headers, body, sender, rights, follow, stopping).await;
    response.extensions_mut().insert(who);
    response
}
