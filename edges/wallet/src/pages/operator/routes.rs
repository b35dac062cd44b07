//! The routes of the operators' pages. Each asks first whether an operator is signed in.
//!
//! The routes of customers are in `routes` beside this folder.

use axum::Router;
use http_kit::{Access, Declared};

use super::super::context::{Ctx, Pages, Problem};
use super::super::handlers::{form_for, page_for};
use super::{accounts, fees, income, liquidity, overview, rates, record};

/// The operators' pages.
pub(in super::super) fn routes() -> Router<Pages> {
    Router::new()
        .declare("/operator", Access::Session, page_for(operators_only, overview::page))
        .declare("/operator/fees", Access::Session, page_for(operators_only, fees::list))
        .declare("/operator/fees/{id}", Access::Session, form_for(operators_only, fees::page, fees::set))
        .declare("/operator/rates", Access::Session, page_for(operators_only, rates::page))
        .declare("/operator/liquidity", Access::Session, page_for(operators_only, liquidity::list))
        .declare(
            "/operator/liquidity/{kind}/{id}",
            Access::Session,
            form_for(operators_only, liquidity::page, liquidity::deposit),
        )
        .declare("/operator/accounts", Access::Session, page_for(operators_only, accounts::list))
        .declare("/operator/accounts/{id}", Access::Session, form_for(operators_only, accounts::page, accounts::change))
        .declare("/operator/income", Access::Session, page_for(operators_only, income::page))
        .declare("/operator/income.csv", Access::Session, page_for(operators_only, income::csv))
        .declare("/operator/record", Access::Session, page_for(operators_only, record::page))
}

fn operators_only(ctx: &Ctx) -> Result<(), Problem> {
    if ctx.operates() { Ok(()) } else { Err(Problem::NotFound) }
}
