//! The routes of the pages, and the rules for every answer.
//! The pages themselves are in the files beside it.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http_kit::{Access, Declared, read_body};
use page_kit::{Posted, own_forms_only, strict_headers};
use uuid::Uuid;

use super::context::{Ctx, FORM_MAX, PageCore, Pages, Problem, Reader};
use super::handlers::{form_for, page_for};
use super::{
    account, account_state, agreements, cards, challenges, consent, contacts, doors, exchange, export, files, forgot,
    front, history, home, keys, leave, monetization, operator, own_use, passkeys, reach, requests, security, send,
    settings,
};
use crate::modules::Module;

/// The pages that browsers reach at this process.
pub(crate) fn router(core: Arc<PageCore>) -> Router {
    let runs = core.elsewhere.runs();
    let pages = if runs.all() {
        users().merge(accounts()).merge(payments()).merge(agreements())
    } else if runs.users {
        users().declare_rest("/…", Access::Session, front::pass_on)
    } else {
        Router::new()
    };
    dressed(pages).with_state(Pages(core))
}

/// The pages of a module that are reached through the process of the users.
pub(crate) fn behind_the_front(core: Arc<PageCore>, module: Module) -> Router {
    let pages = match module {
        Module::Users => users(),
        Module::Agreements => agreements(),
        Module::Accounts => accounts(),
        Module::Payments => payments(),
    };
    dressed(pages).layer(from_fn(front::visitor_told)).with_state(Pages(core))
}

fn dressed(pages: Router<Pages>) -> Router<Pages> {
    pages.layer(from_fn(own_forms_only)).layer(from_fn(strict_headers))
}

/// Who somebody is, and what is needed for that.
fn users() -> Router<Pages> {
    let open = Router::new()
        .declare("/sign-in", Access::Public, get(doors::sign_in_page).post(guest(doors::sign_in)))
        .declare("/sign-in/code", Access::Public, get(doors::code_page).post(guest(doors::code)))
        .declare("/sign-in/one-click", Access::Public, post(guest(doors::one_click)))
        .declare("/sign-in/question", Access::Public, get(doors::code_page).post(guest(passkeys::question_of_guest)))
        .declare("/sign-in/passkey", Access::Public, get(doors::code_page).post(guest(passkeys::sign_in)))
        .declare("/sign-up", Access::Public, get(doors::sign_up_page).post(guest(doors::sign_up)))
        .declare("/verify/{token}", Access::Public, get(doors::verify_page).post(doors::verify))
        .declare("/forgot", Access::Public, get(forgot::page).post(guest(forgot::ask)))
        .declare("/reset/{token}", Access::Public, get(forgot::choose_page).post(guest(forgot::choose)))
        .declare("/email/{token}", Access::Public, get(forgot::email_page).post(guest(forgot::email)))
        .declare("/static/{version}/{name}", Access::Public, get(files::serve));

    let own = Router::new()
        .declare("/settings/leave", Access::Session, form(leave::page, leave::leave))
        .declare("/settings", Access::Session, form(settings::page, settings::save))
        .declare("/settings/password", Access::Session, form(settings::page, settings::change_password))
        .declare("/settings/email", Access::Session, form(settings::page, settings::change_email))
        .declare("/settings/second-factor", Access::Session, form(security::page, security::activate))
        .declare("/settings/second-factor/begin", Access::Session, form(security::page, security::begin))
        .declare("/settings/second-factor/codes", Access::Session, form(security::page, security::renew))
        .declare("/settings/second-factor/limits", Access::Session, form(security::page, security::limits))
        .declare("/settings/second-factor/off", Access::Session, form(security::page, security::off))
        .declare("/settings/passkeys", Access::Session, form(passkeys::page, passkeys::add))
        .declare("/settings/passkeys/begin", Access::Session, form(passkeys::page, passkeys::begin))
        .declare("/settings/passkeys/question", Access::Session, form(passkeys::page, passkeys::question))
        .declare("/settings/passkeys/name", Access::Session, form(passkeys::page, passkeys::rename))
        .declare("/settings/passkeys/remove", Access::Session, form(passkeys::page, passkeys::remove))
        .declare("/prove/question", Access::Session, form(security::prove_page, passkeys::question_again))
        .declare("/prove/passkey", Access::Session, form(security::prove_page, passkeys::prove))
        .declare("/prove", Access::Session, form(security::prove_page, security::prove))
        .declare("/settings/sessions", Access::Session, form(settings::page, settings::end_session))
        .declare("/sign-out", Access::Session, form(doors::sign_out_page, doors::sign_out));

    open.merge(own)
}

/// Accounts, with their history.
fn accounts() -> Router<Pages> {
    Router::new()
        .declare("/", Access::Session, page(home::page))
        .declare("/accounts/open", Access::Session, form(account::open_page, account::open))
        .declare("/accounts/{id}", Access::Session, page(account::page))
        .declare("/accounts/{id}/address", Access::Session, form(account::page, account::make_address))
        .declare("/accounts/{id}/top-up", Access::Session, form(account::page, account::top_up))
        .declare("/accounts/{id}/keys", Access::Session, form(keys::page, keys::add))
        .declare("/accounts/{id}/keys/revoke", Access::Session, form(keys::page, keys::revoke))
        .declare("/accounts/{id}/public", Access::Session, form(reach::page, reach::rename))
        .declare("/accounts/{id}/public/switch", Access::Session, form(reach::page, reach::switch))
        .declare("/accounts/{id}/own-use", Access::Session, form(own_use::page, own_use::limit))
        .declare("/accounts/{id}/state", Access::Session, form(account_state::page, account_state::change))
        .declare("/accounts/{id}/monetization", Access::Session, page(monetization::page))
        .declare("/receive", Access::Session, page(account::receive))
        .declare("/history", Access::Session, page(history::list))
        .declare("/history.csv", Access::Session, page(export::csv))
        .declare("/history/{id}", Access::Session, page(history::movement))
        .merge(operator::routes())
}

/// Payments, and whom and with what.
fn payments() -> Router<Pages> {
    Router::new()
        .declare("/cards", Access::Session, page(cards::list))
        .declare("/cards/{id}", Access::Session, form(cards::page, cards::stand))
        .declare("/cards/{id}/limits", Access::Session, form(cards::page, cards::limit))
        .declare("/contacts", Access::Session, page(contacts::list))
        .declare("/contacts/add", Access::Session, form(contacts::add_page, contacts::add))
        .declare("/contacts/{id}", Access::Session, form(contacts::page, contacts::rename))
        .declare("/contacts/{id}/forget", Access::Session, form(contacts::page, contacts::forget))
        .declare("/exchange", Access::Session, form(exchange::page, exchange::begin))
        .declare("/request", Access::Session, form(requests::ask_page, requests::ask))
        .declare("/requests", Access::Session, page(requests::list))
        .declare("/requests/{id}", Access::Session, form(requests::page, requests::close))
        .declare("/send", Access::Session, form(send::to_page, send::to))
        .declare("/send/{id}", Access::Session, form(send::amount_page, send::amount))
        .declare("/send/{id}/review", Access::Session, form(send::review_page, send::confirm))
        .declare("/send/{id}/done", Access::Session, page(send::done))
}

/// Agreements, and consent to them.
fn agreements() -> Router<Pages> {
    let own = Router::new()
        .declare("/agreements", Access::Session, page(agreements::list))
        .declare("/agreements/{id}", Access::Session, form(agreements::page, agreements::revoke))
        .declare("/agreements/{id}/standing", Access::Session, form(agreements::page, agreements::stand))
        .declare("/agreements/{id}/limits", Access::Session, form(agreements::page, agreements::limit));

    let consents = Router::new()
        .declare("/consent", Access::Session, page(consent::arrive))
        // The addresses of the original's playground.
        .declare("/mock-idp", Access::Session, page(consent::arrive))
        .declare("/mock-idp/", Access::Session, page(consent::arrive))
        .declare("/consent-screen", Access::Session, page(consent::arrive))
        .declare("/consent/{id}", Access::Session, form(consent::page, consent::decide))
        .declare("/consent/{id}/done", Access::Session, page(consent::leave));

    let challenges = Router::new()
        .declare("/oauth/login", Access::Session, page(challenges::login))
        .declare("/oauth/login/{id}", Access::Session, form(challenges::login_page, challenges::login_decide))
        .declare("/oauth/consent", Access::Session, page(challenges::consent))
        .declare("/oauth/consent/{id}", Access::Session, form(challenges::consent_page, challenges::consent_decide))
        .declare("/oauth/logout", Access::Public, get(challenges::logout))
        .declare("/oauth/logout/{id}", Access::Session, form(challenges::logout_page, challenges::logout_decide));

    own.merge(consents).merge(challenges)
}

/// A page of a signed-in user.
fn page<H, F>(handler: H) -> MethodRouter<Pages>
where
    H: Fn(Ctx) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    page_for(|_| Ok(()), handler)
}

/// A page with a form that is sent to the same address.
fn form<H, F, P, Q>(show: H, act: P) -> MethodRouter<Pages>
where
    H: Fn(Ctx) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Problem>> + Send + 'static,
    P: Fn(Ctx, Posted, Uuid) -> Q + Clone + Send + Sync + 'static,
    Q: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    form_for(|_| Ok(()), show, act)
}

/// A form of somebody who is not signed in.
fn guest<P, Q>(
    act: P,
) -> impl Fn(Reader, Body) -> std::pin::Pin<Box<dyn Future<Output = Response> + Send>> + Clone + Send + Sync + 'static
where
    P: Fn(Reader, Posted) -> Q + Clone + Send + Sync + 'static,
    Q: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    move |reader: Reader, body: Body| {
        let act = act.clone();
        Box::pin(async move {
            match read_body(body, FORM_MAX).await {
                Err(error) => error.into_response(),
                Ok(body) => {
                    let answer = act(reader.clone(), Posted::read(&body)).await;
                    answer.unwrap_or_else(|problem| reader.problem(&problem))
                }
            }
        })
    }
}
