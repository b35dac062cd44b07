//! What applications may do: the grants about the customer's addresses, what was used of them, and their end.
//!
//! The authorization server has the grants. Who asked for which address is checked here each time. What the clients of a
//! provider of OAuth 2.0 may do is among them; the wallet itself keeps that, in `challenges`.

use std::collections::BTreeSet;

use admin_client::{AccessView, AdminClient, AdminError, Amount, GrantView, Mutation};
use askama::Template;
use axum::response::Response;
use clock::Timestamp;
use gnap::{AccessItem, LimitAmount};
use http::StatusCode;
use money::Asset;
use page_kit::{Posted, html};
use serde_json::json;
use uuid::Uuid;

use super::consent::{Right, right};
use super::context::{Ctx, Problem, go};
use super::frame::Frame;
use super::history::{Day, days, short};
use super::limit_fields::{self, LimitFields, Wrong};
use super::security::{needs_code, prove_first};
use crate::challenges::agreements::{OAuthAgreement, Stage};
use crate::challenges::{AnswerError, agreements as by_oauth};
use crate::consent::{account_of, payers};
use crate::customers::Held;
use crate::grants::{self, Which};
use crate::history::{Side, Spending};
use crate::own_limits::{OwnLimits, Standing};

/// How many ended agreements are on a page.
const ENDED_ON_A_PAGE: usize = 50;
/// The most payments under a grant that are listed. All of them are counted.
const PAYMENTS_MAX: u32 = 500;

/// An agreement, as the pages show it.
pub(crate) struct Agreement {
    pub(crate) id: Uuid,
    pub(crate) client: String,
    pub(crate) client_url: String,
    pub(crate) rights: Vec<Right>,
    pub(crate) live: bool,
    pub(crate) state: (&'static str, &'static str),
    pub(crate) since: Timestamp,
    /// For each right with a limit.
    pub(crate) usage: Vec<Usage>,
    /// Of the customer's own limits for a day.
    pub(crate) own_usage: Vec<Usage>,
    pub(crate) paused: bool,
    /// Whether all agreements of its application end together.
    pub(crate) ends_with_others: bool,
    /// The accounts from which it pays, and the customer's limits for each.
    payers: Vec<(Held, OwnLimits)>,
}

/// What an application was allowed, wherever this is kept.
struct Found {
    id: Uuid,
    /// The name under which its payments are counted.
    grant: String,
    client: Option<String>,
    client_url: String,
    items: Vec<AccessItem>,
    live: bool,
    state: (&'static str, &'static str),
    since: Timestamp,
    kept: Kept,
}

/// Where an agreement is kept, and ended.
enum Kept {
    AuthorizationServer {
        is_revoked: bool,
    },
    /// At the provider of OAuth 2.0, under this client.
    Provider(String),
}

impl From<&GrantView> for Found {
    fn from(grant: &GrantView) -> Self {
        Self {
            id: grant.id,
            grant: grant.id.to_string(),
            client: grant.client.as_deref().map(short),
            client_url: grant.client.clone().unwrap_or_default(),
            items: rights(grant),
            live: grants::is_live(grant),
            state: match grant.finalization_reason.as_deref() {
                Some("ISSUED") => ("Active", "done"),
                Some("REVOKED") => ("Ended", "quiet"),
                Some(_) => ("Not allowed", "quiet"),
                None => ("Waiting for the application", "waiting"),
            },
            since: grant.created_at,
            kept: Kept::AuthorizationServer { is_revoked: grant.finalization_reason.as_deref() == Some("REVOKED") },
        }
    }
}

impl From<OAuthAgreement> for Found {
    fn from(agreement: OAuthAgreement) -> Self {
        let items = agreement.items();
        let OAuthAgreement { id, client, grant, stage, decided_at, .. } = agreement;
        let name = if client.client_name.is_empty() { &client.client_id } else { &client.client_name };
        Self {
            id,
            grant,
            client: Some(name.clone()),
            client_url: client.client_uri,
            items,
            live: stage != Stage::Ended,
            state: match stage {
                Stage::Allowing => ("Waiting for the application", "waiting"),
                Stage::Allowed => ("Active", "done"),
                Stage::Ended => ("Ended", "quiet"),
            },
            since: decided_at,
            kept: Kept::Provider(client.client_id),
        }
    }
}

/// How much of a limit is used.
pub(crate) struct Usage {
    pub(crate) used: String,
    pub(crate) limit: String,
    pub(crate) hundredths: u8,
    /// When it begins anew.
    pub(crate) until: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "agreements.html")]
struct Agreements<'a> {
    f: &'a Frame,
    live: &'a [Agreement],
    ended: &'a [Agreement],
    /// The page after this one.
    next: Option<usize>,
}

#[derive(Template)]
#[template(path = "agreement.html")]
struct Shown<'a> {
    f: &'a Frame,
    a: &'a Agreement,
    days: &'a [Day],
    once: String,
    stand: String,
    limit: String,
    limits: Vec<LimitFields>,
    error: Option<&'static str>,
}

fn server(ctx: &Ctx) -> Option<&AdminClient> {
    ctx.core().settings.grants.as_ref()
}

/// The addresses of the customer.
fn addresses(accounts: &[Held]) -> Vec<String> {
    accounts.iter().filter_map(|held| held.account.wallet_address_url.clone()).collect()
}

/// Whether a grant is about these addresses and no others.
fn is_own(grant: &GrantView, addresses: &[String]) -> bool {
    let subjects = grant.subject.iter().flat_map(|subject| &subject.sub_ids).map(|name| &name.sub_id);
    let mut named = grant.access.iter().filter_map(|access| access.identifier.as_ref()).chain(subjects).peekable();
    named.peek().is_some() && named.all(|url| addresses.contains(url))
}

/// `GET /agreements?page=`
pub(crate) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    if server(&ctx).is_none() && ctx.core().challenges.is_none() {
        return Err(Problem::NotFound);
    }
    let accounts = ctx.customer.accounts().await?;
    let f = ctx.frame("agreements");
    let number: usize = ctx.reader.query.get("page").and_then(|text| text.parse().ok()).unwrap_or(0);
    let (live, ended) = all(&ctx, &addresses(&accounts)).await?;
    let mut shown = Vec::new();
    if number == 0 {
        for found in &live {
            shown.push(agreement(&ctx, &f, found, &accounts).await?);
        }
    }
    let rest = ended.iter().skip(number.saturating_mul(ENDED_ON_A_PAGE));
    let next = (rest.len() > ENDED_ON_A_PAGE).then(|| number + 1);
    let ended: Vec<Agreement> =
        rest.take(ENDED_ON_A_PAGE).map(|found| Agreement::unused(&f, found, &accounts)).collect();
    Ok(html(StatusCode::OK, &Agreements { f: &f, live: &shown, ended: &ended, next }))
}

/// All agreements about these addresses of the customer: those that are live, and those that have ended. The newest come
/// first.
async fn all(ctx: &Ctx, addresses: &[String]) -> Result<(Vec<Found>, Vec<Found>), Problem> {
    let (database, user) = (ctx.core().effects.store.database(), ctx.customer.user());
    let by_oauth = by_oauth::of_user(database, user).await?.into_iter().map(Found::from);
    let (mut live, mut ended): (Vec<Found>, Vec<Found>) = by_oauth.partition(|found| found.live);
    if let Some(admin) = server(ctx) {
        let allowed = grants::allowed(database, user).await?;
        for (which, list) in [(Which::Live, &mut live), (Which::Ended, &mut ended)] {
            list.extend(own_grants(admin, addresses, which, &allowed).await?.iter().map(Found::from));
        }
    }
    for list in [&mut live, &mut ended] {
        list.sort_by_key(|found| (std::cmp::Reverse(found.since), found.id));
    }
    Ok((live, ended))
}

/// All of these grants about the customer's addresses, the newest first.
async fn own_grants(
    admin: &AdminClient,
    addresses: &[String],
    which: Which,
    allowed: &BTreeSet<String>,
) -> Result<Vec<GrantView>, AdminError> {
    let mut found = Vec::new();
    for address in addresses {
        let about = grants::about(admin, address, which, allowed).await?;
        found.extend(about.into_iter().filter(|grant| is_own(grant, addresses)));
    }
    found.sort_by_key(|grant| (std::cmp::Reverse(grant.created_at), grant.id));
    found.dedup_by_key(|grant| grant.id);
    Ok(found)
}

/// An agreement about own addresses.
async fn own(ctx: &Ctx) -> Result<(Found, Vec<Held>), Problem> {
    let accounts = ctx.customer.accounts().await?;
    let (database, id) = (ctx.core().effects.store.database(), ctx.id()?);
    if let Some(agreement) = by_oauth::one(database, ctx.customer.user(), id).await? {
        return Ok((agreement.into(), accounts));
    }
    let addresses = addresses(&accounts);
    let grant = server(ctx).ok_or(Problem::NotFound)?.grant_view(id).await?;
    let grant = grant.filter(|grant| is_own(grant, &addresses)).ok_or(Problem::NotFound)?;
    Ok((Found::from(&grant), accounts))
}

/// `GET /agreements/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Response, Problem> {
    draw(&ctx, StatusCode::OK, None).await
}

async fn draw(ctx: &Ctx, status: StatusCode, wrong: Option<Wrong>) -> Result<Response, Problem> {
    let (found, accounts) = own(ctx).await?;
    let movements = ctx.customer.under(&found.grant, PAYMENTS_MAX).await?;
    let f = ctx.frame("agreements").with_names(movements.names);
    let a = agreement(ctx, &f, &found, &accounts).await?;
    let here = format!("/agreements/{}", found.id);
    let (limits, error) = match wrong {
        Some(Wrong { fields, error }) => (fields, Some(error)),
        None => (a.payers.iter().map(|(held, own)| LimitFields::stored(held, own, ctx.reader.words)).collect(), None),
    };
    let page = Shown {
        days: &days(&f, &movements.rows),
        a: &a,
        once: ctx.once(&here),
        stand: ctx.once(&format!("{here}/standing")),
        limit: ctx.once(&format!("{here}/limits")),
        limits,
        error,
        f: &f,
    };
    Ok(html(status, &page))
}

/// `POST /agreements/{id}/standing`: pauses the agreement, or lets it go on.
pub(crate) async fn stand(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (found, accounts) = own(&ctx).await?;
    let here = format!("/agreements/{}", found.id);
    let (standing, said) = match posted.text("standing") {
        "paused" => (Standing::Paused, "paused"),
        "active" => (Standing::Active, "resumed"),
        _ => return Err(Problem::ForeignForm),
    };
    // A pause is always possible. What lets money go again is asked about.
    if standing == Standing::Active && needs_code(&ctx).await? {
        return Ok(prove_first(&here));
    }
    stand_all(&ctx, &found, &accounts, standing).await?;
    Ok(go(&format!("{here}?said={said}")))
}

/// Lets its payments through from every account, or not.
async fn stand_all(ctx: &Ctx, found: &Found, accounts: &[Held], standing: Standing) -> Result<(), Problem> {
    for held in payers(accounts, &found.items) {
        ctx.customer.stand(&found.grant, held.account.id, standing).await?;
    }
    Ok(())
}

/// `POST /agreements/{id}/limits`
pub(crate) async fn limit(ctx: Ctx, posted: Posted, _: Uuid) -> Result<Response, Problem> {
    let (found, accounts) = own(&ctx).await?;
    let here = format!("/agreements/{}", found.id);
    if needs_code(&ctx).await? {
        return Ok(prove_first(&here));
    }
    let payers = payers(&accounts, &found.items);
    match limit_fields::read_all(&payers, &posted, ctx.reader.words, ctx.core().clock.now()) {
        Err(wrong) => draw(&ctx, StatusCode::UNPROCESSABLE_ENTITY, Some(wrong)).await,
        Ok(limits) => {
            for (account, limits) in limits {
                ctx.customer.limit(&found.grant, account, &limits).await?;
            }
            Ok(go(&format!("{here}?said=saved")))
        }
    }
}

/// `POST /agreements/{id}`: ends it.
pub(crate) async fn revoke(ctx: Ctx, _: Posted, _: Uuid) -> Result<Response, Problem> {
    let (found, accounts) = own(&ctx).await?;
    match &found.kept {
        Kept::AuthorizationServer { is_revoked: true } => {}
        Kept::AuthorizationServer { is_revoked: false } => {
            let server = server(&ctx).ok_or(Problem::NotFound)?;
            server.change(Mutation::RevokeGrant, json!({"grantId": found.id})).await?;
        }
        Kept::Provider(_) if !found.live => {}
        Kept::Provider(client) => {
            let challenges = ctx.core().challenges.as_ref().ok_or(Problem::NotFound)?;
            // Whether the provider answers or not, no further payment gets money.
            stand_all(&ctx, &found, &accounts, Standing::Paused).await?;
            challenges.end(&ctx.customer, client).await.map_err(|error| match error {
                AnswerError::Effect(error) => error.into(),
                AnswerError::Provider(error) => {
                    tracing::warn!(%error, "an agreement was not ended at the provider");
                    Problem::Instance
                }
            })?;
        }
    }
    Ok(go(&format!("/agreements/{}?said=revoked", found.id)))
}

/// An agreement with what was used of it.
async fn agreement(ctx: &Ctx, f: &Frame, found: &Found, accounts: &[Held]) -> Result<Agreement, Problem> {
    let (id, items) = (&found.grant, &found.items);
    let mut agreement = Agreement::unused(f, found, accounts);
    for held in payers(accounts, items) {
        let own = ctx.customer.own_limits(id, held.account.id).await?;
        agreement.paused |= agreement.live && own.standing == Standing::Paused;
        if let Some(most) = own.limits.day {
            let spent = ctx.customer.spent_today(id, held.account.id).await?;
            agreement.own_usage.push(Usage::of(f, spent, most, &held.account.asset, None));
        }
        agreement.payers.push((held, own.limits));
    }
    if agreement.paused {
        agreement.state = ("Paused", "waiting");
    }
    for item in items {
        agreement.usage.extend(usage(ctx, f, id, item, accounts).await?);
    }
    Ok(agreement)
}

fn rights(grant: &GrantView) -> Vec<AccessItem> {
    grant.access.iter().filter_map(item).collect()
}

impl Agreement {
    fn unused(f: &Frame, found: &Found, accounts: &[Held]) -> Self {
        Self {
            id: found.id,
            client: found.client.clone().unwrap_or_else(|| f.t("An application").to_owned()),
            client_url: found.client_url.clone(),
            rights: found.items.iter().map(|item| right(f, item, accounts)).collect(),
            live: found.live,
            state: found.state,
            since: found.since,
            ends_with_others: matches!(found.kept, Kept::Provider(_)),
            usage: Vec::new(),
            own_usage: Vec::new(),
            paused: false,
            payers: Vec::new(),
        }
    }
}

/// The same right in the form in which consent pages show it.
fn item(access: &AccessView) -> Option<AccessItem> {
    let amount = |amount: &Amount| json!({"value": amount.value.to_string(), "assetCode": amount.asset_code, "assetScale": amount.asset_scale});
    let mut value = json!({"type": access.kind, "actions": access.actions});
    if let Some(identifier) = &access.identifier {
        value["identifier"] = json!(identifier);
    }
    if let Some(limits) = &access.limits {
        let mut told = json!({});
        let texts = [("receiver", &limits.receiver), ("interval", &limits.interval)];
        for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
            told[name] = json!(text);
        }
        let amounts = [("debitAmount", &limits.debit_amount), ("receiveAmount", &limits.receive_amount)];
        for (name, limit) in amounts.into_iter().filter_map(|(name, limit)| Some((name, limit.as_ref()?))) {
            told[name] = amount(limit);
        }
        value["limits"] = told;
    }
    serde_json::from_value(value).ok()
}

/// What payments have used of a limit, in the period of now. The instance counts in the same way.
async fn usage(
    ctx: &Ctx,
    f: &Frame,
    grant: &str,
    item: &AccessItem,
    accounts: &[Held],
) -> Result<Option<Usage>, Problem> {
    let Some(limits) = item.limits() else { return Ok(None) };
    let (limit, side) = match &limits.amount {
        Some(LimitAmount::Debit(limit)) => (limit, Side::Debit),
        Some(LimitAmount::Receive(limit)) => (limit, Side::Receive),
        None => return Ok(None),
    };
    let window = limits.interval.as_ref().and_then(|interval| interval.window_at(f.now));
    let period = window.as_ref().map(|window| (window.start, window.end));
    let account = account_of(accounts, item).map(|held| held.account.id);
    let used = ctx.customer.used(&Spending { grant, account, side, period }).await?;
    Ok(Some(Usage::of(f, used, limit.value, &limit.asset, window.map(|window| window.end))))
}

impl Usage {
    pub(crate) fn of(f: &Frame, used: u64, limit: u64, asset: &Asset, until: Option<Timestamp>) -> Self {
        let hundredths = u128::from(used) * 100 / u128::from(limit.max(1));
        Self {
            used: f.money(used, asset),
            limit: f.money(limit, asset),
            hundredths: u8::try_from(hundredths.min(100)).unwrap_or(100),
            until,
        }
    }
}
