//! Tenants: list, one tenant with its settings, creating, changing, a new secret, deleting.
//!
//! A secret can be set here and is never shown.

use admin_client::{Listed, Mutation, PageInfo, PageRequest, TenantView};
use http::header::SET_COOKIE;
use ilp_packet::Address;
use serde_json::{Value, json};

use crate::context::{Answer, Ctx, Problem};
use crate::pages::{probes, tenant_filter};
use crate::posted::Posted;
use crate::session::Session;
use crate::view::{Action, Block, Cell, Empty, Field, Form, Input, Page, Table, Tone, facts};

const INVALID: &str = "Invalid tenant ID.";
const NOT_FOUND: &str = "Tenant not found.";

/// Settings of a tenant: key, label, format.
const SETTINGS: [(&str, &str, Input); 6] = [
    ("EXCHANGE_RATES_URL", "Exchange rates URL", Input::Url),
    ("WEBHOOK_URL", "Webhook URL", Input::Url),
    ("WEBHOOK_TIMEOUT", "Webhook timeout", Input::Number),
    ("WEBHOOK_MAX_RETRY", "Webhook max retry", Input::Number),
    ("WALLET_ADDRESS_URL", "Wallet address URL", Input::Url),
    ("ILP_ADDRESS", "ILP address", Input::Text),
];

async fn load(ctx: &Ctx) -> Result<TenantView, Problem> {
    let id = ctx.id(INVALID)?;
    ctx.admin().tenant_view(id).await?.ok_or(Problem::NotFound(NOT_FOUND))
}

/// The tenants this session may see: all, or its own only.
pub(crate) async fn seen(ctx: &Ctx) -> Result<Listed<TenantView>, Problem> {
    let admin = ctx.admin();
    if ctx.session.is_operator() {
        return Ok(admin.tenants_page(&ctx.page_request()?).await?);
    }
    let own = admin.tenant_view(ctx.session.tenant_id).await?;
    Ok(Listed { nodes: own.into_iter().collect(), page_info: PageInfo::default() })
}

fn status(ctx: &Ctx, tenant: &TenantView) -> Cell {
    if tenant.deleted_at.is_some() {
        return Cell::state("Inactive", Tone::Failed);
    }
    let active = Cell::state("Active", Tone::Done);
    if ctx.session.is_operator() && tenant.id == ctx.session.tenant_id {
        return Cell::Lines(vec![active, Cell::state("Operator", Tone::Info)]);
    }
    active
}

/// `GET /tenants`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let found = seen(&ctx).await?;
    let operator = ctx.session.is_operator();
    let add = Action::main("/tenants/create", "Add tenant");

    let empty = Empty {
        title: "No tenants found.",
        text: "A tenant is an institution that shares this instance.",
        action: operator.then(|| add.clone()),
    };
    let rows = found.nodes.iter().map(|tenant| {
        vec![
            Cell::Link {
                href: format!("/tenants/{}", tenant.id),
                text: tenant
                    .public_name
                    .clone()
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| ctx.words().t("No public name").to_owned()),
                note: Some(tenant.id.to_string()),
            },
            Cell::text_or(tenant.email.as_deref(), "No email"),
            status(&ctx, tenant),
            Cell::Time(tenant.created_at),
        ]
    });

    let mut table = Table::new("Tenants", ["Public name", "Email", "Status", "Created"], empty).rows(rows);
    if operator {
        table = table.paged(ctx.paging(&found.page_info));
    }

    Ok(Page {
        place: "tenants",
        kind: "Tenants",
        reads: "ConsoleTenants",
        lead: Some("Institutions that share this instance."),
        actions: if operator { vec![add, Action::other("/export/tenants", "Export CSV")] } else { Vec::new() },
        main: vec![Block::Table { title: None, table }],
        ..Page::default()
    }
    .into())
}

/// `GET /tenants/create`
pub(crate) async fn create_page(ctx: Ctx) -> Result<Answer, Problem> {
    if !ctx.session.is_operator() {
        return Ok(Answer::Go { to: "/tenants".to_owned(), said: None });
    }
    Ok(create_form(&ctx, None).into())
}

fn setting_fields(values: &TenantView) -> impl Iterator<Item = Field> {
    let value =
        |key: &str| values.settings.iter().find(|setting| setting.key == key).map(|setting| setting.value.clone());
    SETTINGS
        .into_iter()
        .map(move |(key, label, input)| Field::new(key, label, input).value(value(key).unwrap_or_default()))
}

fn general_fields(tenant: Option<&TenantView>) -> [Field; 2] {
    let value = |text: Option<&String>| text.cloned().unwrap_or_default();
    [
        Field::new("publicName", "Public name", Input::Text)
            .value(value(tenant.and_then(|tenant| tenant.public_name.as_ref()))),
        Field::new("email", "Email", Input::Email).value(value(tenant.and_then(|tenant| tenant.email.as_ref()))),
    ]
}

fn create_form(ctx: &Ctx, posted: Option<&Posted>) -> Page {
    let nothing = TenantView {
        id: uuid::Uuid::nil(),
        public_name: None,
        email: None,
        idp_consent_url: None,
        created_at: ctx.reader.console.now(),
        deleted_at: None,
        settings: Vec::new(),
    };

    let mut fields = Vec::from(general_fields(None));
    fields.push(
        Field::new("apiSecret", "API secret", Input::Password)
            .required()
            .help("10 to 255 characters. The tenant signs its requests with it; it is not shown again."),
    );
    fields.push(Field::new("idpConsentUrl", "Consent URL", Input::Url).help("Where its customers give consent."));
    fields.push(Field::new("idpSecret", "Secret of the identity provider", Input::Password));
    fields.extend(setting_fields(&nothing));

    let form = Form::new("", "/tenants/create", "Create tenant")
        .fields(fields)
        .cancel("/tenants")
        .calls(Mutation::CreateTenant);

    Page {
        place: "tenants",
        kind: "Create tenant",
        back: Some(("Tenants", "/tenants".to_owned())),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    }
}

fn email(posted: &mut Posted) {
    let good = posted.optional("email").is_none_or(|email| {
        email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.ends_with('.'))
    });
    if !good {
        posted.refuse("email", "Invalid email address.");
    }
}

fn secret(posted: &mut Posted) -> String {
    let secret = posted.required("apiSecret");
    if !(10..=255).contains(&secret.chars().count()) {
        posted.refuse("apiSecret", "An API secret has 10 to 255 characters.");
    }
    secret
}

/// The settings in the form, checked like in the instance.
fn settings(posted: &mut Posted) -> Vec<Value> {
    let mut written = Vec::new();
    for (key, _, input) in SETTINGS {
        match input {
            Input::Url => {
                posted.url(key);
            }
            Input::Number => {
                posted.number(key, u64::from(u32::MAX), "Write a whole number.");
            }
            _ => {
                if posted.optional(key).is_some_and(|address| address.parse::<Address>().is_err()) {
                    posted.refuse(key, "The provided ILP Address is not valid.");
                }
            }
        }
        written.extend(posted.optional(key).map(|value| json!({"key": key, "value": value})));
    }
    written
}

/// `POST /tenants/create`
pub(crate) async fn create(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    email(&mut posted);
    let mut input = json!({"apiSecret": secret(&mut posted), "settings": settings(&mut posted)});
    if let Some(url) = posted.url("idpConsentUrl") {
        input["idpConsentUrl"] = json!(url);
    }
    for name in ["publicName", "email", "idpSecret"] {
        if let Some(value) = posted.optional(name) {
            input[name] = json!(value);
        }
    }
    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, Mutation::CreateTenant, input, Value::Null).await?
    {
        let id = done["tenant"]["id"].as_str().unwrap_or_default();
        return Ok(ctx.done(format!("/tenants/{id}/start"), "Tenant created."));
    }
    Ok(Answer::refused(create_form(&ctx, Some(&posted))))
}

pub(crate) async fn start(ctx: Ctx) -> Result<Answer, Problem> {
    let tenant = load(&ctx).await?;
    let id = tenant.id;
    let one = PageRequest { first: Some(1), ..PageRequest::default() };
    let admin = ctx.admin();
    let (endpoints, assets, addresses) = futures::join!(
        admin.webhook_endpoints(Some(id)),
        admin.assets_page(&one, Some(id)),
        admin.wallet_addresses_page(&one, Some(id)),
    );

    let has_url = tenant.settings.iter().any(|setting| setting.key == "WEBHOOK_URL");
    let told = has_url || endpoints?.iter().any(|endpoint| !endpoint.is_default);
    let steps = first_steps(
        &tenant,
        Progress::of(told),
        Progress::of(!assets?.nodes.is_empty()),
        Progress::of(!addresses?.nodes.is_empty()),
    );

    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let rows = steps.into_iter().map(FirstStep::row);
    let table = Table::new("First steps", ["Step", "State", "Change"], empty).rows(rows);
    Ok(Page {
        place: "tenants",
        kind: "First steps",
        name: Some(named(&tenant)),
        lead: Some("What a tenant needs before its customers can pay and be paid."),
        back: Some(("Tenant", format!("/tenants/{id}"))),
        main: vec![Block::Table { title: None, table }],
        ..Page::default()
    }
    .into())
}

#[derive(Clone, Copy)]
enum Progress {
    Done,
    ToDo,
}

impl Progress {
    fn of(exists: bool) -> Self {
        if exists { Self::Done } else { Self::ToDo }
    }
}

/// A step of setting up a tenant.
struct FirstStep {
    progress: Progress,
    name: &'static str,
    why: &'static str,
    href: String,
    word: &'static str,
}

impl FirstStep {
    fn row(self) -> Vec<Cell> {
        let state = match self.progress {
            Progress::Done => Cell::state("Done", Tone::Done),
            Progress::ToDo => Cell::state("To do", Tone::Waiting),
        };
        let name = Cell::WordLink { href: self.href.clone(), word: self.name };
        vec![Cell::Lines(vec![name, Cell::Word(self.why)]), state, Cell::WordLink { href: self.href, word: self.word }]
    }
}

fn first_steps(tenant: &TenantView, webhooks: Progress, asset: Progress, address: Progress) -> [FirstStep; 5] {
    let id = tenant.id;
    [
        FirstStep {
            progress: Progress::Done,
            name: "The tenant and its API secret",
            why: "It signs in here with its id and the secret.",
            href: format!("/tenants/{id}"),
            word: "Open",
        },
        FirstStep {
            progress: Progress::of(tenant.idp_consent_url.is_some()),
            name: "Consent",
            why: "Where its customers allow clients to pay.",
            href: format!("/tenants/{id}"),
            word: "Set the URL",
        },
        FirstStep {
            progress: webhooks,
            name: "Webhooks",
            why: "It has to hear of payments to fund them.",
            href: format!("/webhooks/endpoints/create?tenantId={id}"),
            word: "Add endpoint",
        },
        FirstStep {
            progress: asset,
            name: "The first asset",
            why: "What its customers hold, for example USD.",
            href: format!("/assets/create?tenantId={id}"),
            word: "Add asset",
        },
        FirstStep {
            progress: address,
            name: "The first wallet address",
            why: "The URL that a customer is paid at.",
            href: "/wallet-addresses/create".to_owned(),
            word: "Create wallet address",
        },
    ]
}

fn named(tenant: &TenantView) -> String {
    tenant.public_name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| tenant.id.to_string())
}

/// `GET /tenants/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let tenant = load(&ctx).await?;
    Ok(draw(&ctx, &tenant, None).into())
}

/// `POST /tenants/{id}/consent-test`
pub(crate) async fn test_consent(ctx: Ctx, _: Posted) -> Result<Answer, Problem> {
    let tenant = load(&ctx).await?;
    let url = tenant.idp_consent_url.as_deref().filter(|url| !url.is_empty());
    let found = probes::consent(&ctx, url.ok_or(Problem::NotFound("The tenant has no consent URL yet."))?).await;
    let mut page = draw(&ctx, &tenant, None);
    page.main.insert(0, found);
    Ok(page.into())
}

fn draw(ctx: &Ctx, tenant: &TenantView, posted: Option<&Posted>) -> Page {
    let at = format!("/tenants/{}", tenant.id);
    let main = if tenant.deleted_at.is_some() {
        let text = ctx.words().t("This tenant was deleted. It can only be viewed.").to_owned();
        vec![Block::Note { tone: Tone::Failed, text }]
    } else {
        forms(ctx, tenant, &at).into_iter().map(|form| Block::Form(ctx.form(form, posted))).collect()
    };

    let mut side = vec![facts_block(tenant)];
    if tenant.id != ctx.session.tenant_id {
        side.push(settings_block(tenant));
        side.push(tenant_filter::lists_of(tenant.id));
    }

    Page {
        place: "tenants",
        kind: "Tenant",
        reads: "ConsoleTenant",
        name: Some(named(tenant)),
        back: Some(("Tenants", "/tenants".to_owned())),
        state: Some(status(ctx, tenant)),
        id: Some(tenant.id.to_string()),
        actions: vec![Action::other(format!("{at}/start"), "First steps")],
        main,
        side,
        ..Page::default()
    }
}

/// The forms for what this session may change of the tenant.
fn forms(ctx: &Ctx, tenant: &TenantView, at: &str) -> Vec<Form> {
    let own = tenant.id == ctx.session.tenant_id;
    let general = Form::new("General", at, "Save").fields(general_fields(Some(tenant))).calls(Mutation::UpdateTenant);
    let mut forms = vec![general, provider_form(tenant, at)];
    if tenant.idp_consent_url.as_ref().is_some_and(|url| !url.is_empty()) {
        let test = Form::new("Test of the consent page", format!("{at}/consent-test"), "Ask it now").intro(
            "Asks whether the page answers, as a browser would. The interaction does not exist, so nothing can be allowed.",
        );
        forms.push(test);
    }
    forms.push(secret_form(at));

    if own {
        let settings = Form::new("Tenant settings", format!("{at}/settings"), "Save settings")
            .intro("Empty fields stay unchanged.")
            .fields(setting_fields(tenant))
            .calls(Mutation::CreateTenantSettings);
        forms.push(settings);
    }
    if ctx.session.is_operator() && !own {
        let remove = Form::new("Delete tenant", format!("{at}/delete"), "Delete this tenant")
            .intro("Please note that this action is not reversible.")
            .danger("delete tenant")
            .calls(Mutation::DeleteTenant);
        forms.push(remove);
    }
    forms
}

fn provider_form(tenant: &TenantView, at: &str) -> Form {
    Form::new("Identity provider", format!("{at}/identity-provider"), "Save")
        .fields([
            Field::new("idpConsentUrl", "Consent URL", Input::Url)
                .value(tenant.idp_consent_url.clone().unwrap_or_default()),
            Field::new("idpSecret", "Secret of the identity provider", Input::Password)
                .help("Leave empty to keep the present one."),
        ])
        .calls(Mutation::UpdateTenant)
}

fn secret_form(at: &str) -> Form {
    Form::new("API secret", format!("{at}/secret"), "Change secret")
        .intro("Requests that are signed with the old secret are refused from then on.")
        .fields([Field::new("apiSecret", "New API secret", Input::Password).required()])
        .calls(Mutation::UpdateTenant)
}

fn facts_block(tenant: &TenantView) -> Block {
    let mut about = facts([("Created", Cell::Time(tenant.created_at))]);
    // The form has it for a tenant that can be changed.
    if let Some(at) = tenant.deleted_at {
        let email = Cell::text_or(tenant.email.as_deref(), "No email");
        about.extend(facts([("Email", email), ("Deleted", Cell::Time(at))]));
    }
    Block::Facts { title: "Facts", facts: about, actions: Vec::new() }
}

/// The settings of a tenant that only that tenant may change.
fn settings_block(tenant: &TenantView) -> Block {
    let rows = SETTINGS.into_iter().filter_map(|(key, label, _)| {
        let set = tenant.settings.iter().find(|setting| setting.key == key)?;
        Some(vec![Cell::Word(label), Cell::text(set.value.clone())])
    });
    let empty = Empty { title: "Nothing set.", text: "The settings of the instance apply to it.", action: None };
    let table = Table::new("Settings", ["Setting", "Value"], empty).rows(rows);
    Block::Table { title: Some("Settings"), table }
}

/// `POST /tenants/{id}`
pub(crate) async fn update(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let tenant = load(&ctx).await?;
    email(&mut posted);
    let input = json!({"id": tenant.id, "publicName": posted.or_null("publicName"), "email": posted.or_null("email")});
    let before = json!({"publicName": tenant.public_name, "email": tenant.email});
    save(ctx, tenant, posted, Mutation::UpdateTenant, input, before).await
}

/// `POST /tenants/{id}/identity-provider`
pub(crate) async fn update_identity_provider(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let tenant = load(&ctx).await?;
    posted.url("idpConsentUrl");
    let mut input = json!({"id": tenant.id, "idpConsentUrl": posted.or_null("idpConsentUrl")});
    if let Some(secret) = posted.optional("idpSecret") {
        input["idpSecret"] = json!(secret);
    }
    let before = json!({"idpConsentUrl": tenant.idp_consent_url});
    save(ctx, tenant, posted, Mutation::UpdateTenant, input, before).await
}

/// `POST /tenants/{id}/settings`
pub(crate) async fn update_settings(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let tenant = load(&ctx).await?;
    let input = json!({"settings": settings(&mut posted)});
    let before: Vec<_> =
        tenant.settings.iter().map(|setting| json!({"key": setting.key, "value": setting.value})).collect();
    if tenant.id != ctx.session.tenant_id {
        posted.problem = Some("Only the tenant itself may change its settings.".to_owned());
    }
    save(ctx, tenant, posted, Mutation::CreateTenantSettings, input, json!(before)).await
}

async fn save(
    ctx: Ctx,
    tenant: TenantView,
    mut posted: Posted,
    mutation: Mutation,
    input: Value,
    before: Value,
) -> Result<Answer, Problem> {
    if posted.is_good() && ctx.change(&mut posted, mutation, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/tenants/{}", tenant.id), "Tenant information was updated"));
    }
    Ok(Answer::refused(draw(&ctx, &tenant, Some(&posted))))
}

/// `POST /tenants/{id}/secret`
pub(crate) async fn update_secret(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let tenant = load(&ctx).await?;
    let secret = secret(&mut posted);
    let input = json!({"id": tenant.id, "apiSecret": secret});
    if !posted.is_good() || ctx.change(&mut posted, Mutation::UpdateTenant, input, Value::Null).await?.is_none() {
        return Ok(Answer::refused(draw(&ctx, &tenant, Some(&posted))));
    }
    let said = (Tone::Done, ctx.words().t("The API secret was changed.").to_owned());
    let mut response = ctx.reader.go(&format!("/tenants/{}", tenant.id), Some(said));
    if tenant.id == ctx.session.tenant_id {
        // From now on this session signs with the new secret.
        let session = Session { secret, ..ctx.session.clone() };
        let sealed = session.sealed(ctx.reader.console.seal());
        let line = ctx.reader.set_cookie(&ctx.reader.console.cookie("session"), &sealed, None);
        response.headers_mut().extend(line.map(|value| (SET_COOKIE, value)));
    }
    Ok(Answer::Raw(response))
}

/// `POST /tenants/{id}/delete`
pub(crate) async fn delete(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let tenant = load(&ctx).await?;
    posted.confirm("delete tenant");
    let before = json!({"publicName": tenant.public_name, "email": tenant.email});
    let input = json!({"id": tenant.id});
    if posted.is_good() && ctx.change(&mut posted, Mutation::DeleteTenant, input, before).await?.is_some() {
        return Ok(ctx.done("/tenants", "Tenant was deleted."));
    }
    Ok(Answer::refused(draw(&ctx, &tenant, Some(&posted))))
}
