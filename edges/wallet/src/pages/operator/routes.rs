//! The routes of the operators' pages. Each asks first whether an operator is signed in.
//!
//! The routes of customers are in `routes` beside this folder.

use page_kit::Posted;
use std::future::Future;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http_kit::{Access, Declared, read_body};
use uuid::Uuid;

use super::super::context::{Ctx, FORM_MAX, Pages, Problem};
use super::{fees, income, liquidity, overview, rates, record};

/// The operators' pages.
pub(in super::super) fn routes() -> Router<Pages> {
    Router::new()
        .declare("/operator", Access::Session, page(overview::page))
        .declare("/operator/fees", Access::Session, page(fees::list))
        .declare("/operator/fees/{id}", Access::Session, form(fees::page, fees::set))
        .declare("/operator/rates", Access::Session, page(rates::page))
        .declare("/operator/liquidity", Access::Session, page(liquidity::list))
        .declare("/operator/liquidity/{kind}/{id}", Access::Session, form(liquidity::page, liquidity::deposit))
        .declare("/operator/income", Access::Session, page(income::page))
        .declare("/operator/income.csv", Access::Session, page(income::csv))
        .declare("/operator/record", Access::Session, page(record::page))
}

fn page<H, F>(handler: H) -> MethodRouter<Pages>
where
    H: Fn(Ctx) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    get(move |ctx: Ctx| async move {
        let asking = ctx.clone();
        let answer = if asking.operates() { handler(ctx).await } else { Err(Problem::NotFound) };
        answer.unwrap_or_else(|problem| asking.problem(&problem))
    })
}

fn form<H, F, P, Q>(show: H, act: P) -> MethodRouter<Pages>
where
    H: Fn(Ctx) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Problem>> + Send + 'static,
    P: Fn(Ctx, Posted, Uuid) -> Q + Clone + Send + Sync + 'static,
    Q: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    page(show).post(move |ctx: Ctx, body: Body| async move {
        let asking = ctx.clone();
        if !asking.operates() {
            return asking.problem(&Problem::NotFound);
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
