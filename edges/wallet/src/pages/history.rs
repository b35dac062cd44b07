//! What happened: the list by days, and one movement with everything about it.
//! Sending is in `send`.

use admin_client::OutgoingPayment;
use askama::Template;
use axum::response::Response;
use http::StatusCode;
use page_kit::html;
use uuid::Uuid;

use super::context::{Ctx, Problem, send_to};
use super::filter::Filter;
use super::frame::{Frame, Missing};
use crate::customers::Held;
use crate::history::{Kind, Listed, Movement, Names, State};
use crate::own_limits::{Agreement, Refusal};

const PAGE: u32 = 30;

/// The movements of a day.
pub(crate) struct Day {
    pub(crate) name: String,
    pub(crate) lines: Vec<Line>,
}

/// A movement in a list.
pub(crate) struct Line {
    pub(crate) id: Uuid,
    /// Who, or what it was.
    pub(crate) title: String,
    pub(crate) text: String,
    /// With its sign.
    pub(crate) amount: String,
    pub(crate) comes: bool,
    pub(crate) state: Option<(&'static str, &'static str)>,
    pub(crate) icon: &'static str,
}

/// Groups movements by their day.
pub(crate) fn days(f: &Frame, movements: &[Listed]) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for listed in movements {
        let name = f.day(listed.movement.made_at);
        let line = line(f, listed);
        match days.last_mut().filter(|day| day.name == name) {
            Some(day) => day.lines.push(line),
            None => days.push(Day { name, lines: vec![line] }),
        }
    }
    days
}

fn line(f: &Frame, listed: &Listed) -> Line {
    let Movement { id, kind, state, note, made_at, .. } = &listed.movement;
    let time = f.time(made_at);
    let text = match note {
        Some(note) => format!("{time} · {note}"),
        None => time,
    };
    Line {
        id: *id,
        title: title(f, listed),
        text,
        amount: signed(f, listed),
        comes: listed.movement.comes(),
        state: badge(*state),
        icon: match kind {
            Kind::Sent => "\u{2191}",
            Kind::Received | Kind::Streamed => "\u{2193}",
            Kind::TopUp => "+",
        },
    }
}

fn title(f: &Frame, listed: &Listed) -> String {
    let party = listed.movement.party.as_deref().map(short);
    match listed.movement.kind {
        Kind::TopUp => f.t("Play money").to_owned(),
        Kind::Streamed => f.t("Web monetization").to_owned(),
        Kind::Received => party.unwrap_or_else(|| f.t("Received").to_owned()),
        Kind::Sent => listed.payee.clone().or(party).unwrap_or_else(|| f.t("Sent").to_owned()),
    }
}

/// An address without what is the same everywhere.
pub(crate) fn short(url: &str) -> String {
    let plain = url.trim_start_matches("https://").trim_start_matches("http://");
    match plain.split_once("/incoming-payments/") {
        Some((host, _)) => host.to_owned(),
        None => plain.to_owned(),
    }
}

fn amount(movement: &Movement) -> u64 {
    if movement.state.is_final() { movement.amount } else { movement.most }
}

fn signed(f: &Frame, listed: &Listed) -> String {
    let sign = if listed.movement.comes() { "+" } else { "\u{2212}" };
    format!("{sign}{}", f.money(amount(&listed.movement), &listed.asset))
}

/// The word and the look of a state that is not the usual one.
fn badge(state: State) -> Option<(&'static str, &'static str)> {
    match state {
        State::Starting => Some(("Starting", "waiting")),
        State::Sending => Some(("On its way", "waiting")),
        State::Cancelled => Some(("Not sent", "failed")),
        State::Failed => Some(("Failed", "failed")),
        State::Completed => None,
    }
}

#[derive(Template)]
#[template(path = "history.html")]
struct History<'a> {
    f: &'a Frame,
    days: &'a [Day],
    accounts: &'a [Held],
    filter: &'a Filter,
    older: Option<String>,
    newest: String,
    csv: String,
    first: bool,
}

impl History<'_> {
    fn is_chosen(&self, id: &Uuid) -> bool {
        self.filter.wanted.account == Some(*id)
    }
}

/// `GET /history?account=&way=&state=&from=&to=&q=&before=`
pub(crate) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let filter = Filter::read(&ctx.reader.query);
    let found = ctx.customer.movements(&filter.wanted, PAGE + 1).await?;
    let mut movements = found.rows;
    let more = movements.len() > PAGE as usize;
    movements.truncate(PAGE as usize);
    let place = movements.last().filter(|_| more).map(|last| (last.movement.made_at.as_millis(), last.movement.id));
    let older = place.map(|(at, id)| filter.address("/history", Some(&format!("{at}.{id}"))));
    let accounts = ctx.customer.accounts().await?;
    let f = ctx.frame("history").with_names(found.names);
    let days = days(&f, &movements);
    let page = History {
        f: &f,
        days: &days,
        accounts: &accounts,
        older,
        newest: filter.address("/history", None),
        csv: filter.address("/history.csv", None),
        first: filter.wanted.before.is_none(),
        filter: &filter,
    };
    Ok(html(StatusCode::OK, &page))
}

#[derive(Template)]
#[template(path = "movement.html")]
struct Shown<'a> {
    f: &'a Frame,
    m: &'a Movement,
    listed: &'a Listed,
    title: String,
    amount: String,
    badge: (&'static str, &'static str),
    sentence: &'static str,
    /// Why the customer's own limits refused it.
    because: Option<&'static str>,
    /// The agreement to which it belongs, and its page.
    agreement: Option<(&'static str, String)>,
    /// How much of it has arrived, in hundredths.
    progress: Option<u8>,
    account: Option<&'a Held>,
    again: Option<String>,
    /// Where the other side is kept as a contact.
    keep: Option<String>,
}

/// `GET /history/{id}`
pub(crate) async fn movement(ctx: Ctx) -> Result<Response, Problem> {
    let mut found = ctx.customer.movement(ctx.id()?).await?;
    let listed = found.rows.pop().ok_or(Problem::NotFound)?;
    let held = ctx.customer.account(listed.movement.account).await?;
    let m = &listed.movement;
    let mut f = ctx.frame("history").with_names(found.names);
    let mut progress = None;
    if m.kind == Kind::Sent && !m.state.is_final() {
        f.again = Some(2);
        // Without an answer the page shows what the wallet knows.
        let live = ctx.core().effects.admin.outgoing_payment(m.id).await.ok();
        progress = live.as_ref().map(hundredths);
    }
    let (refusal, agreement) = told_by_agreements(&ctx, m, &mut f).await?;
    let address = m.party.as_deref().filter(|url| !url.contains("/incoming-payments/"));
    let page = Shown {
        title: title(&f, &listed),
        amount: signed(&f, &listed),
        badge: badge(m.state).unwrap_or(("Finished", "done")),
        sentence: sentence(m),
        agreement,
        because: refusal.map(Refusal::sentence),
        progress,
        account: held.as_ref(),
        again: address.filter(|_| m.state.is_final()).map(send_to),
        keep: match found.names {
            Names::Known => keep(&ctx, address, listed.payee.as_deref()).await?,
            // Who did not answer just now is not asked again.
            Names::Missing => None,
        },
        f: &f,
        m,
        listed: &listed,
    };
    Ok(html(StatusCode::OK, &page))
}

/// Why a payment was refused, and to which agreement it belongs, with the page of that.
async fn told_by_agreements(
    ctx: &Ctx,
    m: &Movement,
    f: &mut Frame,
) -> Result<(Option<Refusal>, Option<(&'static str, String)>), Problem> {
    if m.kind != Kind::Sent {
        return Ok((None, None));
    }
    let agreements = &ctx.core().effects.modules.agreements;
    let (Some(refusal), Some(agreement)) =
        tokio::try_join!(agreements.refusal_of(m.id), agreements.agreement_of(m.id))?
    else {
        f.misses(Missing::OfAgreements);
        return Ok((None, None));
    };
    let agreement = agreement.map(|agreement| match agreement {
        Agreement::OwnUse => ("Own use", format!("/accounts/{}/own-use", m.account)),
        Agreement::Card => ("Card", "/cards".to_owned()),
        Agreement::Grant(grant) => ("An application", format!("/agreements/{grant}")),
    });
    Ok((refusal.filter(|_| m.state == State::Cancelled), agreement))
}

/// Where the other side is kept as a contact, if it is none yet and no own account.
async fn keep(ctx: &Ctx, address: Option<&str>, name: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(url) = address else { return Ok(None) };
    let own = ctx.customer.accounts().await?;
    let is_own = own.iter().any(|held| held.account.wallet_address_url.as_deref() == Some(url));
    let payments = &ctx.core().effects.modules.payments;
    if is_own {
        return Ok(None);
    }
    let names = payments.names(ctx.customer.user(), vec![url.to_owned()]).await?;
    if names.is_none_or(|names| !names.is_empty()) {
        return Ok(None);
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([("url", url), ("name", name.unwrap_or_default())]);
    Ok(Some(format!("/contacts/add?{}", query.finish())))
}

fn hundredths(payment: &OutgoingPayment) -> u8 {
    let (sent, whole) = (u128::from(payment.sent_amount.value), u128::from(payment.debit_amount.value.max(1)));
    u8::try_from((sent * 100 / whole).min(100)).unwrap_or(100)
}

/// What the state means for the customer, and what comes next.
fn sentence(movement: &Movement) -> &'static str {
    match (movement.kind, movement.state) {
        (Kind::Received, _) => "The money is in your account.",
        (Kind::Streamed, _) => "Somebody sent this while visiting a page that names your address.",
        (Kind::TopUp, _) => "This is play money of the playground.",
        (Kind::Sent, State::Starting) => "The money is reserved. The payment begins in a moment.",
        (Kind::Sent, State::Sending) => "The money is on its way. You may close this page.",
        (Kind::Sent, State::Completed) => "The money has arrived.",
        (Kind::Sent, State::Cancelled) => "Nothing was sent, and nothing was taken from your account.",
        (Kind::Sent, State::Failed) if movement.amount == 0 => {
            "The payment failed. Nothing was taken from your account."
        }
        (Kind::Sent, State::Failed) => "The payment failed on the way. You paid for the part that arrived.",
    }
}
