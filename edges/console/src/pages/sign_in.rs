//! Signing in and out. Credentials are checked with the instance before they are stored.
//!
//! A secret is never in an address: it arrives in the body of a form and is stored in the sealed cookie.

use admin_client::{AdminError, ErrorCode, Mutation};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use clock::Timestamp;
use http::StatusCode;
use http::header::SET_COOKIE;
use http_kit::{WrongGuess, read_body};
use page_kit::own_path;
use serde_json::json;
use uuid::Uuid;

use crate::audit::{Entry, Stage};
use crate::console::OneClick;
use crate::context::{Answer, Ctx, Problem, Reader};
use crate::posted::{FORM_MAX, Posted};
use crate::render;
use crate::session::{Person, Rights, Role, Session};
use crate::view::{Action, Block, Field, Form, Input, Page, Tone, short};

const NO_SECRETS: &str =
    "This console does not know the secrets of tenants: it acts as a service. Sign in with your own account.";
const WRONG: &str = "The instance refused this tenant id and API secret. Check both.";

/// `GET /sign-in`
pub(crate) async fn page(reader: Reader) -> Response {
    draw(&reader, StatusCode::OK, &Posted::default())
}

/// `GET /errors`, where a provider of the original console sent people when signing in failed.
pub(crate) async fn failed_elsewhere(reader: Reader) -> Response {
    let text = "Signing in at the provider failed. Try it again, or ask the operator of the provider.";
    let page = Page {
        kind: "There was an issue with your request.",
        main: vec![
            Block::Note { tone: Tone::Failed, text: text.to_owned() },
            Block::Actions(vec![Action::main("/sign-in", "Sign in")]),
        ],
        ..Page::default()
    };
    reader.html(StatusCode::OK, render::page(&reader.frame(), None, &page))
}

/// `POST /sign-in`
pub(crate) async fn sign_in(reader: Reader, body: Body) -> Response {
    let mut posted = match read_body(body, FORM_MAX).await {
        Ok(body) => Posted::read(&body),
        Err(error) => return error.into_response(),
    };
    // The console shows its own proof, so nothing would check the secret.
    if !reader.console.knows_secrets() {
        posted.problem = Some(NO_SECRETS.to_owned());
        return draw(&reader, StatusCode::FORBIDDEN, &posted);
    }
    let tenant = posted.id("tenantId");
    let secret = posted.required("apiSecret");
    let rights = if posted.is_on("readOnly") { Rights::Look } else { Rights::Change };
    let (Some(tenant), true) = (tenant, posted.is_good()) else {
        return draw(&reader, StatusCode::UNPROCESSABLE_ENTITY, &posted);
    };
    enter(&reader, Entering { person: Person::Secret, tenant, secret, rights }, &mut posted, next(&reader)).await
}

/// `POST /sign-in/one-click`
pub(crate) async fn one_click(reader: Reader, body: Body) -> Response {
    let mut posted = match read_body(body, FORM_MAX).await {
        Ok(body) => Posted::read(&body),
        Err(error) => return error.into_response(),
    };
    let chosen = reader.console.settings().one_click.iter().find(|entry| entry.name == posted.text("as")).cloned();
    let Some(chosen) = chosen else {
        posted.problem = Some("There is no such button here.".to_owned());
        return draw(&reader, StatusCode::UNPROCESSABLE_ENTITY, &posted);
    };
    if let Err(error) = create(&reader, &chosen).await {
        posted.problem = Some(error.to_string());
        return draw(&reader, StatusCode::BAD_GATEWAY, &posted);
    }
    let person = Person::Known { id: format!("button {}", chosen.name), name: chosen.name };
    let entering = Entering { person, tenant: chosen.tenant_id, secret: chosen.secret, rights: Rights::Change };
    enter(&reader, entering, &mut posted, next(&reader)).await
}

/// The tenant of the playground is created at the first click.
async fn create(reader: &Reader, chosen: &OneClick) -> Result<(), AdminError> {
    let Some(creator) = &chosen.creator else { return Ok(()) };
    let operator = reader.console.client(creator.clone());
    if operator.tenant_view(chosen.tenant_id).await?.is_some() {
        return Ok(());
    }
    let input = json!({"id": chosen.tenant_id, "apiSecret": chosen.secret, "publicName": chosen.name});
    match operator.change(Mutation::CreateTenant, input).await {
        Ok(_) => Ok(()),
        // Another click was faster.
        Err(error) if error.is(&ErrorCode::Duplicate) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The page that was asked for.
fn next(reader: &Reader) -> &str {
    reader.query.get("next").map_or("/", String::as_str)
}

/// Somebody who signs in.
pub(crate) struct Entering {
    pub(crate) person: Person,
    pub(crate) tenant: Uuid,
    pub(crate) secret: String,
    pub(crate) rights: Rights,
}

/// Begins a session, and shows the page `next`.
pub(crate) async fn enter(reader: &Reader, entering: Entering, posted: &mut Posted, next: &str) -> Response {
    let Entering { person, tenant, secret, rights } = entering;
    let console = &reader.console;
    let admin = console.admin(tenant, &secret);
    let (who, name) = match admin.whoami().await {
        Ok(who) => {
            let name = admin.tenant_view(who.id).await.ok().flatten().and_then(|tenant| tenant.public_name);
            let usual = if who.is_operator { console.settings().institution.clone() } else { short(who.id) };
            (who, name.filter(|name| !name.is_empty()).unwrap_or(usual))
        }
        Err(AdminError::Unauthorized) => {
            posted.problem = Some(WRONG.to_owned());
            let mut response = draw(reader, StatusCode::UNPROCESSABLE_ENTITY, posted);
            response.extensions_mut().insert(WrongGuess);
            return response;
        }
        Err(error) => {
            posted.problem = Some(error.to_string());
            return draw(reader, StatusCode::BAD_GATEWAY, posted);
        }
    };

    let now = console.now();
    let role = if who.is_operator { Role::Operator } else { Role::Tenant };
    let session = Session {
        id: console.new_id(),
        person,
        tenant_id: who.id,
        secret,
        name,
        role,
        rights,
        signed_in_at: now,
        seen_at: now,
    };

    if let Err(error) = console.audit().add(entry(reader, &session, "signIn", now)).await {
        posted.problem = Some(error.to_string());
        return draw(reader, StatusCode::SERVICE_UNAVAILABLE, posted);
    }

    let mut response = reader.go(own_path(next), None);
    let line = reader.set_cookie(&console.cookie("session"), &session.sealed(console.seal()), None);
    response.headers_mut().extend(line.map(|value| (SET_COOKIE, value)));
    response
}

fn entry(reader: &Reader, session: &Session, action: &str, now: Timestamp) -> Entry {
    Entry {
        at: now,
        stage: Stage::Session,
        tenant: session.tenant_id,
        name: session.name.clone(),
        person: session.person.name().map(str::to_owned),
        session: session.id,
        from: reader.from.clone(),
        key: None,
        action: action.to_owned(),
        place: "/sign-in".to_owned(),
        input: serde_json::Value::Null,
        before: serde_json::Value::Null,
        moves: None,
        scale: None,
        why: None,
        outcome: None,
    }
}

/// `POST /sign-out`
pub(crate) async fn sign_out(ctx: Ctx, _: Posted) -> Result<Answer, Problem> {
    ctx.reader.console.audit().add(ctx.entry(Stage::Session, "signOut")).await?;
    let said = (Tone::Done, ctx.words().t("You are signed out.").to_owned());
    let mut response = ctx.reader.go("/sign-in", Some(said));
    let line = ctx.reader.set_cookie(&ctx.reader.console.cookie("session"), "", None);
    response.headers_mut().extend(line.map(|value| (SET_COOKIE, value)));
    Ok(Answer::Raw(response))
}

/// The page with the ways to sign in.
pub(crate) fn draw(reader: &Reader, status: StatusCode, posted: &Posted) -> Response {
    let settings = reader.console.settings();
    let next = reader.query.get("next").map_or("", String::as_str);
    let with_next = |path: &str| match next {
        "" => path.to_owned(),
        next => {
            let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("{path}?next={next}")
        }
    };

    let form = Form::new("With tenant id and API secret", with_next("/sign-in"), "Sign in").fields([
        Field::new("tenantId", "Tenant ID", Input::Text)
            .required()
            .value(reader.query.get("tenantId").map_or("", String::as_str)),
        Field::new("apiSecret", "API Secret", Input::Password)
            .required()
            .help("It is checked with the instance, and kept in an encrypted cookie of this browser only."),
        Field::new("readOnly", "Read only: no changes in this session", Input::Switch),
    ]);

    let mut main = Vec::new();
    if reader.console.provider().is_some() {
        main.push(Block::Actions(vec![Action::main(with_next("/sign-in/provider"), "Sign in with your own account")]));
    }
    for entry in &settings.one_click {
        main.push(Block::Enter { action: with_next("/sign-in/one-click"), name: entry.name.clone() });
    }
    if reader.console.knows_secrets() {
        main.push(Block::Form(if posted.is_empty() { form } else { posted.fill(form) }));
    } else {
        let tone = if posted.problem.is_some() { Tone::Failed } else { Tone::Info };
        let text = posted.problem.as_deref().unwrap_or(NO_SECRETS);
        main.push(Block::Note { tone, text: reader.words.t(text).to_owned() });
    }
    for (name, url) in &settings.neighbours {
        main.push(Block::Elsewhere { name: name.clone(), url: url.to_string() });
    }

    let page =
        Page { kind: "Sign in", lead: Some("Payments, peers and ledger of this instance."), main, ..Page::default() };
    reader.html(status, render::page(&reader.frame(), None, &page))
}
