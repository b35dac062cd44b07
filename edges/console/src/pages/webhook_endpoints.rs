//! The endpoints that webhook events are sent to: list, adding, pausing, a test, a new secret with an overlap, deleting.
//!
//! A secret is shown once: in the answer to the form that made it.

use admin_client::{AttemptView, EndpointView, Mutation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::{choices, deliveries, event_kinds};
use crate::posted::Posted;
use crate::view::{Action, Block, Cell, Empty, Field, Form, Input, Page, Table, Tone, facts};

const LIST: &str = "/webhooks/endpoints";
/// For how long the secret before may stay in use, in hours.
const OVERLAP_MAX: u64 = 30 * 24;

fn at(endpoint: &EndpointView) -> String {
    format!("{LIST}/{}/{}", endpoint.tenant_id, endpoint.id)
}

fn name(endpoint: &EndpointView) -> Cell {
    match &endpoint.url {
        Some(url) => Cell::link(at(endpoint), url.clone()),
        None => Cell::WordLink { href: at(endpoint), word: "The default endpoint" },
    }
}

fn types(endpoint: &EndpointView) -> Cell {
    if endpoint.event_types.is_empty() {
        return Cell::Word("Every type");
    }
    Cell::Lines(endpoint.event_types.iter().map(Cell::text).collect())
}

fn secret(endpoint: &EndpointView) -> Cell {
    let whose = Cell::Word(if endpoint.has_own_secret { "Its own" } else { "That of the instance" });
    match endpoint.previous_secret_until {
        Some(until) => Cell::Lines(vec![whose, Cell::Word("The one before holds, too, until"), Cell::Time(until)]),
        None => whose,
    }
}

/// Whether events are sent to it now.
fn sending(endpoint: &EndpointView) -> Cell {
    match endpoint.paused_since {
        Some(since) => Cell::Lines(vec![Cell::state("Paused since", Tone::Waiting), Cell::Time(since)]),
        None => Cell::state("Sending", Tone::Done),
    }
}

fn waiting(ctx: &Ctx, endpoint: &EndpointView) -> Cell {
    let count = page_kit::numbers::count(endpoint.waiting_deliveries, ctx.words());
    let href = format!("/webhooks/deliveries?endpoint={}&state=PENDING", endpoint.id);
    if endpoint.waiting_deliveries == 0 { Cell::text(count) } else { Cell::link(href, count) }
}

/// The tenant whose endpoints are shown: for the operator the one in the address.
fn tenant(ctx: &Ctx) -> Result<Uuid, Problem> {
    match ctx.asked("tenantId").filter(|_| ctx.session.is_operator()) {
        Some(id) => Uuid::parse_str(id).map_err(|_| Problem::Invalid("Invalid tenant ID.")),
        None => Ok(ctx.session.tenant_id),
    }
}

/// `GET /webhooks/endpoints`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let tenant = tenant(&ctx)?;
    Ok(draw_list(&ctx, tenant, None).await?.into())
}

async fn draw_list(ctx: &Ctx, tenant: Uuid, posted: Option<&Posted>) -> Result<Page, Problem> {
    let found = ctx.admin().webhook_endpoints(Some(tenant)).await?;
    let empty = Empty {
        title: "No endpoints.",
        text: "Events are sent to endpoints. Add the first one.",
        action: Some(Action::main(format!("{LIST}/create"), "Add endpoint")),
    };
    let rows = found.iter().map(|endpoint| {
        let created = Cell::Time(endpoint.created_at);
        vec![name(endpoint), sending(endpoint), waiting(ctx, endpoint), types(endpoint), secret(endpoint), created]
    });
    let columns = ["Endpoint", "State", "Waiting events", "Types", "Signed with", "Created"];
    let table = Table::new("Endpoints", columns, empty).rows(rows);

    let mut main = Vec::new();
    if let Some(mut field) = choices::tenants(ctx).await? {
        field.value = tenant.to_string();
        main.push(Block::Sieve(crate::view::Sieve { chosen: Vec::new(), fields: vec![field], kept: Vec::new() }));
    }
    main.push(Block::Table { title: None, table });
    if found.iter().any(|endpoint| endpoint.paused_since.is_none()) {
        let pause = pause_form("Pause all endpoints", format!("{LIST}/{tenant}/pause"), "Pause all");
        main.push(Block::Form(ctx.form(pause, posted)));
    }
    if found.iter().any(|endpoint| endpoint.paused_since.is_some()) {
        let resume = resume_form("Resume all endpoints", format!("{LIST}/{tenant}/resume"), "Resume all");
        main.push(Block::Form(ctx.form(resume, posted)));
    }
    Ok(Page {
        place: "webhook-events",
        kind: "Endpoints",
        reads: "ConsoleWebhookEndpoints",
        lead: Some("Where events are sent. The default endpoint is the webhook URL of the tenant or of the instance."),
        tabs: deliveries::tabs(ctx, LIST),
        actions: vec![Action::main(format!("{LIST}/create"), "Add endpoint")],
        main,
        ..Page::default()
    })
}

fn pause_form(title: &'static str, action: String, submit: &'static str) -> Form {
    Form::new(title, action, submit)
        .intro("Events are kept and nothing is sent, until you resume. No attempt is used up meanwhile.")
        .calls(Mutation::PauseWebhookEndpoints)
}

fn resume_form(title: &'static str, action: String, submit: &'static str) -> Form {
    Form::new(title, action, submit)
        .intro("What waits is sent at once, in the usual order.")
        .calls(Mutation::ResumeWebhookEndpoints)
}

/// `GET /webhooks/endpoints/{tenant}/pause` and `.../resume`: the list again.
pub(crate) async fn list_of(ctx: Ctx) -> Result<Answer, Problem> {
    let tenant = ctx.id_named("tenant", "Invalid tenant ID.")?;
    Ok(draw_list(&ctx, tenant, None).await?.into())
}

/// `POST /webhooks/endpoints/{tenant}/pause`
pub(crate) async fn pause_all(ctx: Ctx, posted: Posted) -> Result<Answer, Problem> {
    for_all(ctx, posted, Mutation::PauseWebhookEndpoints, "The endpoints were paused.").await
}

/// `POST /webhooks/endpoints/{tenant}/resume`
pub(crate) async fn resume_all(ctx: Ctx, posted: Posted) -> Result<Answer, Problem> {
    for_all(ctx, posted, Mutation::ResumeWebhookEndpoints, "Events are sent again.").await
}

async fn for_all(ctx: Ctx, mut posted: Posted, mutation: Mutation, said: &'static str) -> Result<Answer, Problem> {
    let tenant = ctx.id_named("tenant", "Invalid tenant ID.")?;
    let found = ctx.admin().webhook_endpoints(Some(tenant)).await?;
    let before: Vec<Value> = found.iter().map(|one| json!({"id": one.id, "pausedSince": one.paused_since})).collect();
    let input = json!({"tenantId": tenant, "idempotencyKey": posted.key()});
    if ctx.change(&mut posted, mutation, input, json!({"webhookEndpoints": before})).await?.is_some() {
        return Ok(ctx.done(format!("{LIST}?tenantId={tenant}"), said));
    }
    Ok(Answer::refused(draw_list(&ctx, tenant, Some(&posted)).await?))
}

fn type_fields(chosen: &[String]) -> impl Iterator<Item = Field> {
    event_kinds::KINDS.into_iter().map(move |kind| {
        let on = chosen.iter().any(|one| one == kind);
        Field::new(kind, kind, Input::Switch).value(if on { "yes" } else { "" })
    })
}

fn chosen_types(posted: &Posted) -> Vec<&'static str> {
    event_kinds::KINDS.into_iter().filter(|kind| posted.is_on(kind)).collect()
}

fn url_field() -> Field {
    Field::new("url", "URL", Input::Url).required().help("Events are posted there, signed. It answers with status 200.")
}

fn secret_field() -> Field {
    Field::new("secret", "Secret", Input::Password)
        .help("16 to 255 characters. Leave it empty and one is made and shown once.")
}

fn sent_secret(posted: &mut Posted) -> Value {
    let secret = posted.optional("secret").map(str::to_owned);
    if secret.as_ref().is_some_and(|secret| !(16..=255).contains(&secret.chars().count())) {
        posted.refuse("secret", "A secret has 16 to 255 characters.");
    }
    secret.map_or(Value::Null, Value::String)
}

fn sent_url(posted: &mut Posted) -> Value {
    posted.required("url");
    posted.url("url").map_or(Value::Null, Value::String)
}

/// `GET /webhooks/endpoints/create`
pub(crate) async fn create_page(ctx: Ctx) -> Result<Answer, Problem> {
    Ok(create_form(&ctx, None).await?.into())
}

async fn create_form(ctx: &Ctx, posted: Option<&Posted>) -> Result<Page, Problem> {
    let mut fields: Vec<Field> = choices::tenants(ctx).await?.into_iter().collect();
    fields.extend([url_field(), secret_field()]);
    fields.extend(type_fields(&[]));
    let form = Form::new("", format!("{LIST}/create"), "Add endpoint")
        .intro("Choose the types of events that it gets. If you choose none, it gets every type.")
        .fields(fields)
        .cancel(LIST)
        .calls(Mutation::CreateWebhookEndpoint);
    Ok(Page {
        place: "webhook-events",
        kind: "Add endpoint",
        back: Some(("Endpoints", LIST.to_owned())),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    })
}

/// `POST /webhooks/endpoints/create`
pub(crate) async fn create(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let owner = if ctx.session.is_operator() { posted.id("tenantId") } else { Some(ctx.session.tenant_id) };
    let mut input = json!({
        "tenantId": owner, "url": sent_url(&mut posted), "eventTypes": chosen_types(&posted),
        "idempotencyKey": posted.key(),
    });
    let secret = sent_secret(&mut posted);
    if !secret.is_null() {
        input["secret"] = secret;
    }
    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, Mutation::CreateWebhookEndpoint, input, Value::Null).await?
    {
        let id = done["webhookEndpoint"]["id"].as_str().unwrap_or_default();
        let href = format!("{LIST}/{}/{id}", owner.unwrap_or_default());
        return Ok(told_once("The endpoint was added.", &done, href));
    }
    Ok(Answer::refused(create_form(&ctx, Some(&posted)).await?))
}

/// The answer with a secret that is never shown again.
fn told_once(title: &'static str, done: &Value, href: String) -> Answer {
    let main = match done["secret"].as_str() {
        Some(secret) => vec![Block::Secret {
            title: "Its secret",
            note: "Copy it now: it is not shown again. The recipient checks the signatures of events with it.",
            secret: secret.to_owned(),
        }],
        None => vec![Block::Note {
            tone: Tone::Info,
            text: "Its secret was shown when the form was sent the first time. Make a new one if it is lost."
                .to_owned(),
        }],
    };
    Page {
        place: "webhook-events",
        kind: title,
        back: Some(("Endpoints", LIST.to_owned())),
        actions: vec![Action::main(href, "Open the endpoint")],
        main,
        ..Page::default()
    }
    .into()
}

async fn load(ctx: &Ctx) -> Result<EndpointView, Problem> {
    let tenant = ctx.id_named("tenant", "Invalid tenant ID.")?;
    let id = ctx.id("Invalid endpoint ID.")?;
    let all = ctx.admin().webhook_endpoints(Some(tenant)).await?;
    all.into_iter().find(|endpoint| endpoint.id == id).ok_or(Problem::NotFound("Endpoint not found."))
}

/// `GET /webhooks/endpoints/{tenant}/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let endpoint = load(&ctx).await?;
    Ok(draw(&ctx, &endpoint, None, None).into())
}

fn draw(ctx: &Ctx, endpoint: &EndpointView, tested: Option<&AttemptView>, posted: Option<&Posted>) -> Page {
    let here = at(endpoint);
    let mut main = Vec::new();
    if let Some(attempt) = tested {
        let good = attempt.error.is_none();
        let text = if good { "The endpoint answered well." } else { "The endpoint did not answer as it should." };
        let tone = if good { Tone::Done } else { Tone::Failed };
        main.push(Block::Note { tone, text: ctx.words().t(text).to_owned() });
        let facts = deliveries::attempt_facts(attempt);
        main.push(Block::Facts { title: "Test", facts, actions: Vec::new() });
    }

    let test = Form::new("Test", format!("{here}/test"), "Send a test event")
        .intro("A signed event of the type webhook.ping is sent at once, and its answer is shown.")
        .calls(Mutation::TestWebhookEndpoint);
    let mut fields = Vec::new();
    if let Some(url) = &endpoint.url {
        fields.push(url_field().value(url.clone()));
    }
    fields.extend(type_fields(&endpoint.event_types));
    let change = Form::new("What it gets", here.clone(), "Save")
        .intro("If you choose none, it gets every type.")
        .fields(fields)
        .calls(Mutation::UpdateWebhookEndpoint);
    let rotate = Form::new("New secret", format!("{here}/secret"), "Change secret")
        .intro("For a while events are signed with both secrets, so the recipient can change in peace.")
        .fields([
            secret_field(),
            Field::new("hours", "Hours in which the secret before holds, too", Input::Number).required().value("24"),
        ])
        .calls(Mutation::RotateWebhookEndpointSecret);
    let flow = match endpoint.paused_since {
        None => pause_form("Pause", format!("{here}/pause"), "Pause this endpoint"),
        Some(_) => resume_form("Resume", format!("{here}/resume"), "Resume this endpoint"),
    };
    main.extend([flow, test, change, rotate].map(|form| Block::Form(ctx.form(form, posted))));

    if !endpoint.is_default {
        let remove = Form::new("Delete endpoint", format!("{here}/delete"), "Delete this endpoint")
            .intro("It gets no more events, also not those that wait.")
            .danger("delete endpoint")
            .calls(Mutation::DeleteWebhookEndpoint);
        main.push(Block::Form(ctx.form(remove, posted)));
    }

    let about = facts([
        ("State", sending(endpoint)),
        ("Waiting events", waiting(ctx, endpoint)),
        ("Types", types(endpoint)),
        ("Signed with", secret(endpoint)),
        ("Tenant", Cell::link(format!("/tenants/{}", endpoint.tenant_id), crate::view::short(endpoint.tenant_id))),
        ("Created", Cell::Time(endpoint.created_at)),
    ]);
    let its = Action::other(format!("/webhooks/deliveries?endpoint={}", endpoint.id), "Its deliveries");
    Page {
        place: "webhook-events",
        kind: "Endpoint",
        name: Some(endpoint.url.clone().unwrap_or_else(|| ctx.words().t("The default endpoint").to_owned())),
        back: Some(("Endpoints", LIST.to_owned())),
        id: Some(endpoint.id.to_string()),
        actions: vec![its],
        main,
        side: vec![Block::Facts { title: "Facts", facts: about, actions: Vec::new() }],
        ..Page::default()
    }
}

/// `POST /webhooks/endpoints/{tenant}/{id}`
pub(crate) async fn update(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let endpoint = load(&ctx).await?;
    let mut input = json!({
        "id": endpoint.id, "eventTypes": chosen_types(&posted), "idempotencyKey": posted.key(),
    });
    if !endpoint.is_default {
        input["url"] = sent_url(&mut posted);
    }
    let before = json!({"url": endpoint.url, "eventTypes": endpoint.event_types});
    if posted.is_good() && ctx.change(&mut posted, Mutation::UpdateWebhookEndpoint, input, before).await?.is_some() {
        return Ok(ctx.done(at(&endpoint), "The endpoint was changed."));
    }
    Ok(Answer::refused(draw(&ctx, &endpoint, None, Some(&posted))))
}

/// `POST /webhooks/endpoints/{tenant}/{id}/pause`
pub(crate) async fn pause(ctx: Ctx, posted: Posted) -> Result<Answer, Problem> {
    for_one(ctx, posted, Mutation::PauseWebhookEndpoints, "The endpoint was paused.").await
}

/// `POST /webhooks/endpoints/{tenant}/{id}/resume`
pub(crate) async fn resume(ctx: Ctx, posted: Posted) -> Result<Answer, Problem> {
    for_one(ctx, posted, Mutation::ResumeWebhookEndpoints, "Events are sent again.").await
}

async fn for_one(ctx: Ctx, mut posted: Posted, mutation: Mutation, said: &'static str) -> Result<Answer, Problem> {
    let endpoint = load(&ctx).await?;
    let input = json!({"id": endpoint.id, "idempotencyKey": posted.key()});
    let before = json!({"pausedSince": endpoint.paused_since});
    if ctx.change(&mut posted, mutation, input, before).await?.is_some() {
        return Ok(ctx.done(at(&endpoint), said));
    }
    Ok(Answer::refused(draw(&ctx, &endpoint, None, Some(&posted))))
}

/// `POST /webhooks/endpoints/{tenant}/{id}/test`
pub(crate) async fn test(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let endpoint = load(&ctx).await?;
    let input = json!({"id": endpoint.id});
    let Some(done) = ctx.change(&mut posted, Mutation::TestWebhookEndpoint, input, Value::Null).await? else {
        return Ok(Answer::refused(draw(&ctx, &endpoint, None, Some(&posted))));
    };
    let attempt = serde_json::from_value(done["attempt"].clone())
        .map_err(|error| admin_client::AdminError::Unexpected(error.to_string()))?;
    Ok(draw(&ctx, &endpoint, Some(&attempt), None).into())
}

/// `POST /webhooks/endpoints/{tenant}/{id}/secret`
pub(crate) async fn rotate(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let endpoint = load(&ctx).await?;
    posted.required("hours");
    let hours = posted.number("hours", OVERLAP_MAX, "Write a number from 0 to 720, which is thirty days.");
    let secret = sent_secret(&mut posted);
    let mut input = json!({
        "id": endpoint.id, "overlapSeconds": hours.unwrap_or(0) * 3600, "idempotencyKey": posted.key(),
    });
    if !secret.is_null() {
        input["secret"] = secret;
    }
    let before = json!({"hasOwnSecret": endpoint.has_own_secret});
    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, Mutation::RotateWebhookEndpointSecret, input, before).await?
    {
        return Ok(told_once("The secret was changed.", &done, at(&endpoint)));
    }
    Ok(Answer::refused(draw(&ctx, &endpoint, None, Some(&posted))))
}

/// `POST /webhooks/endpoints/{tenant}/{id}/delete`
pub(crate) async fn delete(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let endpoint = load(&ctx).await?;
    posted.confirm("delete endpoint");
    let input = json!({"id": endpoint.id, "idempotencyKey": posted.key()});
    let before = json!({"url": endpoint.url, "eventTypes": endpoint.event_types});
    if posted.is_good() && ctx.change(&mut posted, Mutation::DeleteWebhookEndpoint, input, before).await?.is_some() {
        return Ok(ctx.done(LIST, "The endpoint was deleted."));
    }
    Ok(Answer::refused(draw(&ctx, &endpoint, None, Some(&posted))))
}
