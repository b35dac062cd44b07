//! Changes that wait for a second person: the list, one change with exactly what will be sent, and the decision.
//!
//! Which changes wait is decided in `four_eyes`.

use admin_client::{AdminError, Mutation};
use clock::Timestamp;
use uuid::Uuid;

use crate::approvals::{Approvals, Decision, NotDecided, Outcome, Request, State};
use crate::audit::{Entry, Stage};
use crate::context::{Answer, Change, Ctx, Problem, without_secrets};
use crate::four_eyes::{self, Stakes};
use crate::pages::values::{changed, named, shown};
use crate::posted::Posted;
use crate::view::{Action, Block, Cell, Empty, Field, Form, Input, Money, Page, Table, Tone, facts, short};

const NOT_FOUND: &str = "There is no such request.";
const OFF: &str = "In this console no change waits for a second person. Set CONSOLE_FOUR_EYES_ABOVE to ask for one.";

fn approvals(ctx: &Ctx) -> Result<&Approvals, Problem> {
    ctx.reader.console.four_eyes().map(|(_, approvals)| approvals).ok_or(Problem::NotFound(OFF))
}

async fn load(ctx: &Ctx) -> Result<Request, Problem> {
    let id = ctx.id("Invalid request ID.")?;
    let all = approvals(ctx)?.of(ctx.session.tenant_id).await?;
    all.into_iter().find(|request| request.id == id).ok_or(Problem::NotFound(NOT_FOUND))
}

fn mutation(request: &Request) -> Option<Mutation> {
    Mutation::ALL.iter().copied().find(|mutation| mutation.field() == request.action)
}

fn name(request: &Request) -> &'static str {
    mutation(request).map_or("Change", four_eyes::name)
}

fn state(request: &Request, now: Timestamp) -> (&'static str, Tone, Option<&'static str>) {
    match &request.state {
        State::Waiting if request.waits(now) => {
            ("Waits for approval", Tone::Waiting, Some("Nothing was sent. Another person has to approve it."))
        }
        State::Waiting => ("Expired", Tone::Quiet, Some("Nobody approved it in time. Nothing was sent.")),
        State::Refused { .. } => ("Not approved", Tone::Quiet, Some("Nothing was sent.")),
        State::Approved { outcome: Outcome::Done, .. } => ("Done", Tone::Done, None),
        State::Approved { outcome: Outcome::Refused(_), .. } => {
            ("Refused", Tone::Failed, Some("It was approved and sent, and the instance refused it. It had no effect."))
        }
        State::Approved { outcome: Outcome::Open, .. } => {
            ("No answer", Tone::Waiting, Some("It was approved. It is not known whether it took effect."))
        }
    }
}

/// `GET /approvals`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let now = ctx.reader.console.now();
    let mut requests = approvals(&ctx)?.of(ctx.session.tenant_id).await?;
    // Those that need somebody come first.
    requests.sort_by_key(|request| !(request.waits(now) || request.is_open(now)));

    let empty = Empty {
        title: "Nothing waits for approval.",
        text: "A change that moves more than the limit, or that cannot be undone, appears here until another person approves it.",
        action: None,
    };
    let rows = requests.iter().take(100).map(|request| {
        let (word, tone, _) = state(request, now);
        vec![
            Cell::WordLink { href: format!("/approvals/{}", request.id), word: name(request) },
            stakes(&request.stakes),
            Cell::text(request.by.name().unwrap_or_default()),
            Cell::Time(request.at),
            Cell::Time(request.until),
            Cell::state(ctx.words().t(word), tone),
        ]
    });
    let columns = ["Change", "Amount>", "Asked by", "Asked", "Given up", "State"];
    let table = Table::new("Changes that wait for approval", columns, empty).rows(rows);

    Ok(Page {
        place: "approvals",
        kind: "Approvals",
        lead: Some("Changes that one person asked for and another person has to approve before they are sent."),
        main: vec![Block::Table { title: None, table }],
        ..Page::default()
    }
    .into())
}

/// What the first page says about changes that wait.
pub(crate) async fn reminder(ctx: &Ctx) -> Result<Vec<Block>, Problem> {
    let Ok(approvals) = approvals(ctx) else { return Ok(Vec::new()) };
    let now = ctx.reader.console.now();
    let waiting = approvals.of(ctx.session.tenant_id).await?.iter().filter(|request| request.waits(now)).count();
    if waiting == 0 {
        return Ok(Vec::new());
    }
    let text = ctx.words().with("Changes that wait for approval: {}.", &waiting.to_string());
    Ok(vec![
        Block::Note { tone: Tone::Waiting, text },
        Block::Actions(vec![Action::other("/approvals", "Look at them")]),
    ])
}

fn stakes(stakes: &Stakes) -> Cell {
    match stakes {
        Stakes::Moves(amount) => Cell::Money(amount.clone()),
        Stakes::MovesUnknown => Cell::Absent("Not known here"),
        Stakes::Final => Cell::Absent("–"),
    }
}

/// `GET /approvals/{id}`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let request = load(&ctx).await?;
    Ok(draw(&ctx, &request, None).await?.into())
}

async fn draw(ctx: &Ctx, request: &Request, posted: Option<&Posted>) -> Result<Page, Problem> {
    let object = object(ctx, &request.place).await?;
    let now = ctx.reader.console.now();
    let (word, tone, next) = state(request, now);
    let amount = match &request.stakes {
        Stakes::Moves(amount) => Some(amount.clone()),
        Stakes::MovesUnknown | Stakes::Final => None,
    };

    let mut main = Vec::new();
    if amount.is_some() && request.input.get("amount").is_none() {
        let text = "The amount is what was there when this was asked. All that is there when it is sent is moved.";
        main.push(Block::Note { tone: Tone::Info, text: text.to_owned() });
    }
    let input = without_secrets(request.input.clone());
    main.extend(values(ctx, request, &input, amount.as_ref()));
    main.push(Block::Plain { title: "Exactly what is sent", text: pretty(&input) });
    if !request.before.is_null() {
        main.push(Block::Data { title: "The values when it was asked", text: pretty(&request.before) });
    }
    main.extend(forms(ctx, request, now).into_iter().map(|form| Block::Form(ctx.form(form, posted))));

    Ok(Page {
        place: "approvals",
        kind: "Request for approval",
        name: Some(ctx.words().t(name(request)).to_owned()),
        back: Some(("Approvals", "/approvals".to_owned())),
        state: Some(Cell::State { word: ctx.words().t(word).to_owned(), tone, next }),
        amount,
        id: Some(request.id.to_string()),
        main,
        side: vec![about(request, object)],
        ..Page::default()
    })
}

/// The values that change, for reading. What is sent is shown beside them as it is.
fn values(ctx: &Ctx, request: &Request, input: &serde_json::Value, moves: Option<&Money>) -> Option<Block> {
    let text = |name: &str, value: &serde_json::Value| shown(name, value, request.scale, ctx.words());
    let is_id = |text: &str| Uuid::parse_str(text).is_ok();
    let is_of_place =
        |value: &serde_json::Value| value.as_str().is_some_and(|text| is_id(text) && request.place.contains(text));
    let rows = changed(input, &request.before, moves).into_iter().filter(|one| !is_of_place(one.after)).map(|one| {
        let before = one.before.map_or(Cell::Absent("–"), |before| Cell::text(text(one.name, before)));
        vec![named(one.name), before, Cell::text(text(one.name, one.after))]
    });
    let empty = Empty { title: "", text: "", action: None };
    let table = Table::new("What changes", ["Value", "Before>", "After>"], empty).rows(rows);
    (!table.rows.is_empty()).then_some(Block::Table { title: Some("What changes"), table })
}

/// The name of what the change is about, with a link to its page.
async fn object(ctx: &Ctx, place: &str) -> Result<Cell, Problem> {
    let mut parts = place.split('/').skip(1);
    let (Some(kind), id) = (parts.next(), parts.filter_map(|part| Uuid::parse_str(part).ok()).last()) else {
        return Ok(Cell::Absent("–"));
    };
    let Some(id) = id else { return Ok(Cell::Absent("Something new")) };
    let admin = ctx.admin();
    let named = match kind {
        "assets" => admin.asset_view(id).await?.map(|asset| asset.code),
        "peers" => admin.peer_view(id).await?.map(|peer| peer.name.unwrap_or(peer.static_ilp_address)),
        "wallet-addresses" => admin.wallet_address_view(id).await?.map(|address| address.address),
        "tenants" => admin.tenant_view(id).await?.map(|tenant| tenant.public_name.unwrap_or_else(|| short(id))),
        _ => Some(short(id)),
    };
    let page = place.split_inclusive('/').take_while(|part| !part.starts_with(&id.to_string())).collect::<String>();
    Ok(match named {
        Some(name) => Cell::link(format!("{page}{id}"), name),
        None => Cell::Absent("It is not there any more"),
    })
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn about(request: &Request, object: Cell) -> Block {
    let person = |person: &crate::session::Person| Cell::text(person.name().unwrap_or_default());
    let mut about = facts([
        ("About", object),
        ("Asked by", person(&request.by)),
        ("Asked", Cell::Time(request.at)),
        ("Given up", Cell::Time(request.until)),
        ("Asked on page", Cell::code(request.place.clone())),
        ("Reason", Cell::text_or(request.why.as_deref(), "None")),
    ]);
    match &request.state {
        State::Waiting => {}
        State::Refused { by, at } => {
            about.extend(facts([("Not approved by", person(by)), ("Decided", Cell::Time(*at))]));
        }
        State::Approved { by, at, outcome } => {
            about.extend(facts([("Approved by", person(by)), ("Decided", Cell::Time(*at))]));
            if let Outcome::Refused(reason) = outcome {
                about.extend(facts([("Why it was refused", Cell::text(reason.clone()))]));
            }
        }
    }
    Block::Facts { title: "Facts", facts: about, actions: Vec::new() }
}

/// What this person may decide now.
fn forms(ctx: &Ctx, request: &Request, now: Timestamp) -> Vec<Form> {
    let at = format!("/approvals/{}", request.id);
    if !ctx.session.may_change() {
        return Vec::new();
    }
    if request.is_open(now) {
        return vec![again(&at)];
    }
    if !request.waits(now) {
        return Vec::new();
    }
    if ctx.session.person.is_other_than(&request.by) {
        return vec![approval(request, &at), refusal(&at)];
    }
    vec![withdrawal(&at)]
}

fn approval(request: &Request, at: &str) -> Form {
    let form = Form::new("Approve", format!("{at}/approve"), "Approve and send")
        .intro("It is sent at once, exactly as shown above. This cannot be undone.");
    let form = match request.stakes {
        Stakes::Final => form.danger("approve"),
        Stakes::Moves(_) | Stakes::MovesUnknown => form,
    };
    Form { mutation: mutation(request), ..form }
}

fn refusal(at: &str) -> Form {
    Form::new("Do not approve", format!("{at}/refuse"), "Do not approve")
        .intro("Nothing is sent. The person who asked may ask again.")
        .fields([Field::new("reason", "Reason", Input::Text).help("It is kept in the audit log.")])
}

fn withdrawal(at: &str) -> Form {
    Form::new("You asked for this", format!("{at}/refuse"), "Take it back")
        .intro("Another person has to approve it. You can take it back: then nothing is sent.")
}

fn again(at: &str) -> Form {
    Form::new("Send it again", format!("{at}/again"), "Send it again")
        .intro("No answer came. It is sent with the same key, so it takes effect once, however often it is sent.")
}

/// `GET /approvals/{id}/{decision}`: the address of a form that was refused.
pub(crate) async fn decided_page(ctx: Ctx) -> Result<Answer, Problem> {
    let id = ctx.id("Invalid request ID.")?;
    Ok(Answer::Go { to: format!("/approvals/{id}"), said: None })
}

/// `POST /approvals/{id}/{decision}`
pub(crate) async fn decide(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    if !ctx.session.may_change() {
        return Err(Problem::LooksOnly);
    }
    let request = load(&ctx).await?;
    let now = ctx.reader.console.now();
    match ctx.parameter("decision") {
        "approve" => {
            if request.stakes == Stakes::Final {
                posted.confirm("approve");
            }
            approve(&ctx, request, posted, now).await
        }
        "refuse" => refuse(&ctx, request, posted, now).await,
        "again" if request.is_open(now) => send(&ctx, request, now).await,
        _ => Err(Problem::NotFound("There is no such page.")),
    }
}

async fn approve(ctx: &Ctx, request: Request, mut posted: Posted, now: Timestamp) -> Result<Answer, Problem> {
    if !posted.is_good() {
        return Ok(Answer::refused(draw(ctx, &request, Some(&posted)).await?));
    }
    match take(ctx, &request, Decision::Approve, now).await? {
        Ok(approved) => {
            let entry = Entry { outcome: posted.why(), ..ctx.entry_of(Stage::Approved, &change(&approved)?) };
            ctx.reader.console.audit().add(entry).await?;
            send(ctx, approved, now).await
        }
        Err(reason) => {
            posted.problem = Some(ctx.words().t(&reason).to_owned());
            Ok(Answer::refused(draw(ctx, &load(ctx).await?, Some(&posted)).await?))
        }
    }
}

async fn refuse(ctx: &Ctx, request: Request, mut posted: Posted, now: Timestamp) -> Result<Answer, Problem> {
    match take(ctx, &request, Decision::Refuse, now).await? {
        Ok(refused) => {
            let mut entry = ctx.entry_of(Stage::Declined, &change(&refused)?);
            entry.outcome = posted.optional("reason").map(|reason| reason.chars().take(500).collect());
            ctx.reader.console.audit().add(entry).await?;
            Ok(ctx.done(format!("/approvals/{}", request.id), "Nothing was sent."))
        }
        Err(reason) => {
            posted.problem = Some(ctx.words().t(&reason).to_owned());
            Ok(Answer::refused(draw(ctx, &load(ctx).await?, Some(&posted)).await?))
        }
    }
}

/// Takes a decision, or says why it is not taken.
async fn take(
    ctx: &Ctx,
    request: &Request,
    decision: Decision,
    now: Timestamp,
) -> Result<Result<Request, String>, Problem> {
    let (place, by) = ((request.tenant, request.id), ctx.session.person.clone());
    match approvals(ctx)?.decide(place, by, decision, now).await {
        Ok(request) => Ok(Ok(request)),
        Err(NotDecided::File(error)) => Err(error.into()),
        Err(reason) => Ok(Err(reason.to_string())),
    }
}

fn change(request: &Request) -> Result<Change, Problem> {
    Ok(Change {
        mutation: mutation(request)
            .ok_or(Problem::NotFound("This version of the console does not know this change."))?,
        key: Some(request.id),
        place: request.place.clone(),
        input: request.input.clone(),
        before: request.before.clone(),
        moves: match &request.stakes {
            Stakes::Moves(amount) => Some(amount.clone()),
            _ => None,
        },
        scale: request.scale,
        why: request.why.clone(),
    })
}

/// Sends an approved change, and notes what came of it.
async fn send(ctx: &Ctx, request: Request, now: Timestamp) -> Result<Answer, Problem> {
    let outcome = match ctx.send(change(&request)?).await? {
        Ok(_) => Outcome::Done,
        Err(error @ AdminError::Unauthorized) => return Err(Problem::of_auth(error)),
        Err(error) if error.is_temporary() => Outcome::Open,
        Err(error) => Outcome::Refused(error.to_string()),
    };
    approvals(ctx)?.end(request.id, outcome.clone(), now).await?;

    let at = format!("/approvals/{}", request.id);
    Ok(match outcome {
        Outcome::Done => ctx.done(at, "It was approved and sent."),
        Outcome::Refused(reason) => Answer::Go { to: at, said: Some((Tone::Failed, reason)) },
        Outcome::Open => {
            let said = "No answer came, so it is not known whether this took effect. Send it again on this page.";
            Answer::Go { to: at, said: Some((Tone::Waiting, ctx.words().t(said).to_owned())) }
        }
    })
}
