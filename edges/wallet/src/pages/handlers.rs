//! How a page of a signed-in user becomes a handler, with its form, if it has one.
//!
//! Which pages there are is in `routes`, and in those of the operators.

use std::future::Future;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http_kit::read_body;
use page_kit::Posted;
use uuid::Uuid;

use super::context::{Ctx, FORM_MAX, Pages, Problem};

/// Decides, before anything else, whether a user may see the pages.
pub(crate) type Permit = fn(&Ctx) -> Result<(), Problem>;

/// A page of the users that `permit` lets in.
pub(crate) fn page_for<H, F>(permit: Permit, handler: H) -> MethodRouter<Pages>
where
    H: Fn(Ctx) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    get(move |ctx: Ctx| async move {
        let asking = ctx.clone();
        let answer = match permit(&ctx) {
            Ok(()) => handler(ctx).await,
            Err(problem) => Err(problem),
        };
        answer.unwrap_or_else(|problem| asking.problem(&problem))
    })
}

/// The same with a form that is sent to the same address.
pub(crate) fn form_for<H, F, P, Q>(permit: Permit, show: H, act: P) -> MethodRouter<Pages>
where
    H: Fn(Ctx) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Problem>> + Send + 'static,
    P: Fn(Ctx, Posted, Uuid) -> Q + Clone + Send + Sync + 'static,
    Q: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    page_for(permit, show).post(move |ctx: Ctx, body: Body| async move {
        let asking = ctx.clone();
        if let Err(problem) = permit(&asking) {
            return asking.problem(&problem);
        }
        let answer = match read_body(body, FORM_MAX).await {
            Err(error) => return error.into_response(),
            Ok(body) => {
                let posted = Posted::read(&body);
                match ctx.key(&posted) {
                    Ok(key) => act(ctx, posted, key).await,
                    Err(problem) => Err(problem),
                }
            }
        };
        answer.unwrap_or_else(|problem| asking.problem(&problem))
    })
}
