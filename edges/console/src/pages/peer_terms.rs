//! How much a peer may do and how it is reached: its health, its limits, and its tokens.
//!
//! The page of a peer is in `peers`. A token that the instance makes is shown once.

use admin_client::{Mutation, PeerHealthView, PeerStateView, PeerTermsView, PeerTokenView, PeerView, ThroughputView};
use clock::Timestamp;
use page_kit::numbers;
use serde_json::{Value, json};

use crate::context::{Answer, Ctx, Problem};
use crate::pages::peer_frame::{NOT_FOUND, framed, load};
use crate::pages::{choices, live, peer_certificates};
use crate::posted::Posted;
use crate::reading::Reading;
use crate::view::{Action, Block, Cell, Empty, Fact, Field, Form, Input, Page, Table, Tone, facts};

const HOURS_MAX: u64 = 30 * 24;
const HOURS: &str = "Write a number from 0 to 720, which is thirty days.";
const PACKETS: &str = "Write a whole number from 1 to 1000000.";

/// The state of a peer in one word.
pub(crate) fn state(health: Option<&PeerHealthView>, now: Timestamp) -> Cell {
    let answers = match health.map(|health| health.state) {
        Some(PeerStateView::Up) => Cell::state("Answers", Tone::Done),
        Some(PeerStateView::Down) => Cell::state("Does not answer", Tone::Failed),
        None => Cell::Absent("Not tried yet"),
    };
    let certificate = health.and_then(|health| health.certificate_expires_at);
    match certificate.and_then(|end| peer_certificates::warning(end, now)) {
        Some(warning) => Cell::Lines(vec![answers, warning]),
        None => answers,
    }
}

/// The blocks of a peer's page.
pub(crate) fn blocks(ctx: &Ctx, peer: &PeerView, terms: &PeerTermsView) -> Vec<Block> {
    let now = ctx.reader.console.now();
    vec![
        health_block(terms.health.as_ref(), now),
        limits_block(peer, terms, ctx.words()),
        peer_certificates::block(peer, terms.tls.as_ref(), now),
        tokens_block(peer, Side::FromPeer, &terms.incoming_tokens),
        tokens_block(peer, Side::ToPeer, &terms.outgoing_tokens),
    ]
}

fn health_block(health: Option<&PeerHealthView>, now: Timestamp) -> Block {
    let mut about = facts([("State", state(health, now))]);
    if let Some(health) = health {
        let time = |at: Option<_>| at.map_or(Cell::Absent("–"), Cell::Time);
        about.extend(facts([
            ("Since", Cell::Time(health.since)),
            ("Answered last", time(health.last_success_at)),
            ("Failed last", time(health.last_error_at)),
            ("Why it failed", Cell::text_or(health.last_error.as_deref(), "None")),
            ("How often packets were stopped", Cell::text(health.interruptions.to_string())),
        ]));
    } else {
        let text = "The first packet to or from it tells. Make a small payment to an address behind it.";
        about.push(Fact { label: "How to try it", value: Cell::Word(text) });
    }
    Block::Facts { title: "Does it answer?", facts: about, actions: Vec::new() }
}

fn limits_block(peer: &PeerView, terms: &PeerTermsView, words: Reading) -> Block {
    let count =
        |value: Option<u32>| value.map_or(Cell::Absent("As the instance"), |value| Cell::text(value.to_string()));
    let money = |of: Option<ThroughputView>| match of {
        None => Cell::Absent("No limit"),
        Some(of) => Cell::Lines(vec![
            Cell::money(of.amount, &peer.asset.code, peer.asset.scale),
            Cell::text(period(of.seconds, words)),
        ]),
    };
    let shown = facts([
        ("Packets a second from it", count(terms.packets_per_second)),
        ("Packets at once from it", count(terms.packet_burst)),
        ("Money from it", money(terms.incoming_throughput)),
        ("Money to it", money(terms.outgoing_throughput)),
        ("Share among peers with one prefix", Cell::text(terms.weight.to_string())),
    ]);
    let change = Action::other(format!("/peers/{}/limits", peer.id), "Change limits");
    Block::Facts { title: "Limits", facts: shown, actions: vec![change] }
}

/// A period in words.
fn period(seconds: u32, words: Reading) -> String {
    match seconds {
        1 => words.t("a second").to_owned(),
        60 => words.t("a minute").to_owned(),
        3600 => words.t("an hour").to_owned(),
        86_400 => words.t("a day").to_owned(),
        seconds => words.with("in {} seconds", &seconds.to_string()),
    }
}

/// Who presents a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    FromPeer,
    ToPeer,
}

fn tokens_block(peer: &PeerView, side: Side, tokens: &[PeerTokenView]) -> Block {
    let at = format!("/peers/{}/tokens", peer.id);
    let (title, change) = match side {
        Side::FromPeer => ("Tokens that it presents", Action::main(format!("{at}/add"), "Add a token")),
        Side::ToPeer => ("Tokens that we present", Action::main(format!("{at}/replace"), "Replace the token")),
    };
    let empty =
        Empty { title: "No token.", text: "Packets need a token in both directions.", action: Some(change.clone()) };
    let row = |token: &PeerTokenView| {
        let mut row = vec![Cell::code(token.id.clone()), token.expires_at.map_or(Cell::Absent("Never"), Cell::Time)];
        if side == Side::FromPeer {
            row.push(Cell::WordLink { href: format!("{at}/{}/remove", token.id), word: "Remove" });
        }
        row
    };
    let columns: &[&'static str] = match side {
        Side::FromPeer => &["Digest", "Ends", "Change"],
        Side::ToPeer => &["Digest", "Ends"],
    };
    let table = Table::of(title, columns, empty).rows(tokens.iter().map(row).collect::<Vec<_>>());
    Block::Table { title: Some(title), table: table.with_action(change) }
}

/// `GET /peers/{id}/limits`
pub(crate) async fn limits_page(ctx: Ctx) -> Result<Answer, Problem> {
    let (peer, terms) = load(&ctx).await?;
    Ok(limits(&ctx, &peer, &terms, None).into())
}

fn limits(ctx: &Ctx, peer: &PeerView, terms: &PeerTermsView, posted: Option<&Posted>) -> Page {
    let words = ctx.words();
    let count = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
    let form = Form::new("", format!("/peers/{}/limits", peer.id), "Save")
        .intro("They hold for each process of the instance by itself. Leave a field empty for no limit of its own.")
        .fields([
            Field::new("packetsPerSecond", "Packets a second from it", Input::Number)
                .value(count(terms.packets_per_second)),
            Field::new("packetBurst", "Packets at once from it", Input::Number)
                .value(count(terms.packet_burst))
                .help("After a pause. Empty: the packets of two seconds."),
            amount_field("incomingAmount", "Money from it", peer, terms.incoming_throughput, words),
            seconds_field("incomingSeconds", terms.incoming_throughput),
            amount_field("outgoingAmount", "Money to it", peer, terms.outgoing_throughput, words),
            seconds_field("outgoingSeconds", terms.outgoing_throughput),
            Field::new("weight", "Share among peers with one prefix", Input::Number)
                .required()
                .value(terms.weight.to_string())
                .help("From 0 to 1000. A peer with 0 gets packets only while no other can take them."),
        ])
        .cancel(format!("/peers/{}", peer.id))
        .calls(Mutation::UpdatePeer);
    framed("Limits", peer, vec![Block::Form(ctx.form(form, posted))])
}

fn amount_field(
    name: &'static str,
    label: &'static str,
    peer: &PeerView,
    now: Option<ThroughputView>,
    words: Reading,
) -> Field {
    let value = now.map(|now| numbers::input(now.amount, peer.asset.scale, words)).unwrap_or_default();
    Field::new(name, label, Input::Amount(peer.asset.code.clone())).value(value).help("In the time below.")
}

fn seconds_field(name: &'static str, now: Option<ThroughputView>) -> Field {
    let value = now.map_or(86_400, |now| now.seconds);
    Field::new(name, "Seconds", Input::Number).value(value.to_string()).help("86400 seconds are a day.")
}

/// `POST /peers/{id}/limits`
pub(crate) async fn set_limits(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let (peer, terms) = load(&ctx).await?;
    let packets = optional_number(&mut posted, "packetsPerSecond");
    let burst = optional_number(&mut posted, "packetBurst");
    let incoming = throughput(&mut posted, ["incomingAmount", "incomingSeconds"], peer.asset.scale, ctx.words());
    let outgoing = throughput(&mut posted, ["outgoingAmount", "outgoingSeconds"], peer.asset.scale, ctx.words());
    posted.required("weight");
    let weight = posted.number("weight", 1000, "Write a whole number from 0 to 1000.");

    let input = json!({
        "id": peer.id, "packetsPerSecond": packets, "packetBurst": burst, "incomingThroughput": incoming,
        "outgoingThroughput": outgoing, "weight": weight, "idempotencyKey": posted.key(),
    });
    let of = |now: Option<ThroughputView>| {
        now.map(|now| json!({"amount": choices::amount(Some(now.amount)), "seconds": now.seconds}))
    };
    let before = json!({
        "packetsPerSecond": terms.packets_per_second, "packetBurst": terms.packet_burst,
        "incomingThroughput": of(terms.incoming_throughput), "outgoingThroughput": of(terms.outgoing_throughput),
        "weight": terms.weight,
    });
    if posted.is_good() && ctx.change(&mut posted, Mutation::UpdatePeer, input, before).await?.is_some() {
        return Ok(ctx.done(format!("/peers/{}", peer.id), "The limits were changed."));
    }
    Ok(Answer::refused(limits(&ctx, &peer, &terms, Some(&posted))))
}

fn optional_number(posted: &mut Posted, name: &'static str) -> Option<u64> {
    posted.optional(name)?;
    let number = posted.number(name, 1_000_000, PACKETS);
    if number == Some(0) {
        posted.refuse(name, PACKETS);
    }
    number
}

/// An amount per period as the API takes it; `null` for no limit.
fn throughput(posted: &mut Posted, [amount, seconds]: [&'static str; 2], scale: u8, words: Reading) -> Value {
    let Some(value) = posted.amount(amount, scale, words) else { return Value::Null };
    let period = posted.number(seconds, 86_400, "Write a whole number of seconds from 1 to 86400.");
    if period == Some(0) {
        posted.refuse(seconds, "Write a whole number of seconds from 1 to 86400.");
    }
    json!({"amount": choices::amount(Some(value)), "seconds": period})
}

/// `GET /peers/{id}/tokens/add`
pub(crate) async fn add_page(ctx: Ctx) -> Result<Answer, Problem> {
    let (peer, _) = load(&ctx).await?;
    Ok(add_form(&ctx, &peer, None).into())
}

fn token_field() -> Field {
    Field::new("authToken", "Token", Input::Password)
        .help("16 to 255 characters. Leave it empty and one is made and shown once.")
}

fn add_form(ctx: &Ctx, peer: &PeerView, posted: Option<&Posted>) -> Page {
    let form = Form::new("", format!("/peers/{}/tokens/add", peer.id), "Add a token")
        .intro("Tell the other institution the new token. Until the ones before it end, both are accepted, so no packet is lost.")
        .fields([
            token_field(),
            Field::new("overlapHours", "Hours until the tokens before it end", Input::Number)
                .value("24")
                .help("Leave it empty and they stay."),
            Field::new("expiresHours", "Hours until the new token ends", Input::Number)
                .help("Leave it empty and it never ends."),
        ])
        .cancel(format!("/peers/{}", peer.id))
        .calls(Mutation::AddPeerIncomingToken);
    framed("A token that it presents", peer, vec![Block::Form(ctx.form(form, posted))])
}

/// `POST /peers/{id}/tokens/add`
pub(crate) async fn add(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let (peer, terms) = load(&ctx).await?;
    let mut input = json!({"peerId": peer.id, "idempotencyKey": posted.key()});
    sent_token(&mut posted, &mut input);
    sent_hours(&mut posted, "overlapHours", &mut input, "overlapSeconds");
    sent_hours(&mut posted, "expiresHours", &mut input, "expiresInSeconds");
    let before = json!({"tokens": terms.incoming_tokens.iter().map(|token| &token.id).collect::<Vec<_>>()});
    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, Mutation::AddPeerIncomingToken, input, before).await?
    {
        return Ok(told_once("The token was added.", &peer, &done, Given::of(&posted)));
    }
    Ok(Answer::refused(add_form(&ctx, &peer, Some(&posted))))
}

/// `GET /peers/{id}/tokens/replace`
pub(crate) async fn replace_page(ctx: Ctx) -> Result<Answer, Problem> {
    let (peer, _) = load(&ctx).await?;
    Ok(replace_form(&ctx, &peer, None).into())
}

fn replace_form(ctx: &Ctx, peer: &PeerView, posted: Option<&Posted>) -> Page {
    let form = Form::new("", format!("/peers/{}/tokens/replace", peer.id), "Replace the token")
        .intro("The new token is tried first. While the other institution does not know it yet, the one before is tried, too.")
        .fields([
            token_field(),
            Field::new("overlapHours", "Hours in which the one before is tried, too", Input::Number)
                .required()
                .value("24"),
        ])
        .cancel(format!("/peers/{}", peer.id))
        .calls(Mutation::ReplacePeerOutgoingToken);
    framed("The token that we present", peer, vec![Block::Form(ctx.form(form, posted))])
}

/// `POST /peers/{id}/tokens/replace`
pub(crate) async fn replace(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let (peer, terms) = load(&ctx).await?;
    let mut input = json!({"peerId": peer.id, "idempotencyKey": posted.key()});
    sent_token(&mut posted, &mut input);
    posted.required("overlapHours");
    sent_hours(&mut posted, "overlapHours", &mut input, "overlapSeconds");
    let before = json!({"tokens": terms.outgoing_tokens.iter().map(|token| &token.id).collect::<Vec<_>>()});
    if posted.is_good()
        && let Some(done) = ctx.change(&mut posted, Mutation::ReplacePeerOutgoingToken, input, before).await?
    {
        return Ok(told_once("The token was replaced.", &peer, &done, Given::of(&posted)));
    }
    Ok(Answer::refused(replace_form(&ctx, &peer, Some(&posted))))
}

fn sent_token(posted: &mut Posted, input: &mut Value) {
    if let Some(token) = posted.optional("authToken").map(str::to_owned) {
        if !(16..=255).contains(&token.len()) || !token.bytes().all(|octet| octet.is_ascii_graphic()) {
            posted.refuse("authToken", "A token has 16 to 255 letters, digits and signs, without spaces.");
        }
        input["authToken"] = json!(token);
    }
}

fn sent_hours(posted: &mut Posted, name: &'static str, input: &mut Value, member: &str) {
    if posted.optional(name).is_some()
        && let Some(hours) = posted.number(name, HOURS_MAX, HOURS)
    {
        input[member] = json!(hours * 3600);
    }
}

/// Who made a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    ByPerson,
    ByInstance,
}

impl Given {
    fn of(posted: &Posted) -> Self {
        if posted.optional("authToken").is_some() { Self::ByPerson } else { Self::ByInstance }
    }
}

/// The answer with a token that is never shown again.
fn told_once(title: &'static str, peer: &PeerView, done: &Value, given: Given) -> Answer {
    let main = match (done["authToken"].as_str(), given) {
        (_, Given::ByPerson) => Vec::new(),
        (Some(token), Given::ByInstance) => vec![Block::Secret {
            title: "The token",
            note: "Copy it now: it is not shown again. Give it to the other institution by a safe way.",
            secret: token.to_owned(),
        }],
        (None, Given::ByInstance) => {
            let text = "The token was shown when the form was sent the first time. Make a new one if it is lost.";
            vec![Block::Note { tone: Tone::Info, text: text.to_owned() }]
        }
    };
    let open = vec![Action::main(format!("/peers/{}", peer.id), "Open the peer")];
    Page { actions: open, ..framed(title, peer, main) }.into()
}

/// `GET /peers/{id}/tokens/{token}/remove`
pub(crate) async fn remove_page(ctx: Ctx) -> Result<Answer, Problem> {
    let (peer, _) = load(&ctx).await?;
    Ok(remove_form(&ctx, &peer, None).into())
}

fn remove_form(ctx: &Ctx, peer: &PeerView, posted: Option<&Posted>) -> Page {
    let token = ctx.parameter("token").to_owned();
    let form = Form::new("", format!("/peers/{}/tokens/{token}/remove", peer.id), "Remove the token")
        .intro("Packets that present it are refused from then on.")
        .cancel(format!("/peers/{}", peer.id))
        .danger("remove token")
        .calls(Mutation::RemovePeerIncomingToken);
    Page { id: Some(token), ..framed("Remove a token", peer, vec![Block::Form(ctx.form(form, posted))]) }
}

/// `POST /peers/{id}/tokens/{token}/remove`
pub(crate) async fn remove(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let (peer, _) = load(&ctx).await?;
    posted.confirm("remove token");
    let input = json!({"peerId": peer.id, "tokenId": ctx.parameter("token"), "idempotencyKey": posted.key()});
    if posted.is_good()
        && ctx.change(&mut posted, Mutation::RemovePeerIncomingToken, input, Value::Null).await?.is_some()
    {
        return Ok(ctx.done(format!("/peers/{}", peer.id), "The token was removed."));
    }
    Ok(Answer::refused(remove_form(&ctx, &peer, Some(&posted))))
}

/// A step on the way to a peering that works.
struct Step {
    state: Cell,
    name: &'static str,
    why: &'static str,
    href: String,
}

/// `GET /peers/{id}/start`
pub(crate) async fn start(ctx: Ctx) -> Result<Answer, Problem> {
    let id = ctx.id("Invalid peer ID.")?;
    let live = live::begin(&ctx).await;
    let admin = ctx.admin();
    let (peer, terms) = futures::join!(admin.peer_view(id), admin.peer_terms(id));
    let peer = peer?.ok_or(Problem::NotFound(NOT_FOUND))?;
    let health = terms?.and_then(|terms| terms.health);
    let now = ctx.reader.console.now();
    let rows = steps(&peer, health.as_ref(), now).into_iter().map(|step| {
        let name = Cell::WordLink { href: step.href, word: step.name };
        vec![Cell::Lines(vec![name, Cell::Word(step.why)]), step.state]
    });
    let empty = Empty { title: "Nothing yet.", text: "", action: None };
    let table = Table::new("First steps", ["Step", "State"], empty).rows(rows);
    let main = vec![Block::Table { title: None, table }];
    let lead = Some("What a peering needs before money moves over it.");
    Ok(Page { lead, live, ..framed("First steps", &peer, main) }.into())
}

fn steps(peer: &PeerView, health: Option<&PeerHealthView>, now: Timestamp) -> [Step; 4] {
    let at = format!("/peers/{}", peer.id);
    let done = |yes: bool| if yes { Cell::state("Done", Tone::Done) } else { Cell::state("To do", Tone::Waiting) };
    [
        Step {
            state: done(true),
            name: "The peer",
            why: "Its address, its endpoint and the tokens of both sides are known here.",
            href: at.clone(),
        },
        Step {
            state: done(peer.liquidity.unwrap_or(0) > 0),
            name: "The first liquidity",
            why: "What may be sent to it before both sides settle. Without it every packet is refused.",
            href: format!("{at}/deposit-liquidity"),
        },
        Step {
            state: done(peer.liquidity_threshold.is_some()),
            name: "A threshold",
            why: "Below it an event tells that liquidity is low, before payments fail.",
            href: at.clone(),
        },
        Step {
            state: state(health, now),
            name: "Connection test",
            why: "Get a quote to a wallet address behind it: its packets are tried, and no money moves.",
            href: "/payments/create".to_owned(),
        },
    ]
}
