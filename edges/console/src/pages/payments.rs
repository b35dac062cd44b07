//! The list of incoming and outgoing payments.
//!
//! The pages of single payments are `incoming` and `outgoing`.

use admin_client::{Direction, PaymentFilter, PaymentView};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::tenant_filter::with_tenant;
use crate::pages::{live, saved_views};
use crate::view::{Action, Block, Cell, Empty, Field, Input, Page, Sieve, Table, Tone};

/// `GET /payments`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let filter = filter(&ctx)?;
    let live = live::begin(&ctx).await;
    let found = ctx.admin().payments_page(&ctx.page_request()?, &filter, ctx.of_tenant()?).await?;

    let table = table(&found.nodes).paged(ctx.paging(&found.page_info));
    let csv = ctx.export_address("payments");
    Ok(Page {
        place: "payments",
        kind: "Payments",
        reads: "ConsolePayments",
        lead: Some("All incoming and outgoing payments, newest first."),
        tabs: saved_views::tabs(&ctx, "All"),
        actions: vec![
            Action::main("/payments/create", "New payment"),
            Action::other(csv.clone(), "Export CSV"),
            Action::other(format!("{csv}{}format=json", if csv.contains('?') { '&' } else { '?' }), "Export JSON"),
        ],
        main: vec![Block::Sieve(with_tenant(&ctx, sieve(&ctx))), Block::Table { title: None, table }],
        live,
        ..Page::default()
    }
    .into())
}

fn sieve(ctx: &Ctx) -> Sieve {
    let kinds = [("INCOMING", "Incoming"), ("OUTGOING", "Outgoing")];
    let without = |name: &str| ctx.here_with(&[(name, "")], &["after", "before"]);
    let asked = |name: &str| ctx.asked(name).unwrap_or_default().to_owned();
    let word = |kind: &str| kinds.iter().find(|(known, _)| *known == kind).map_or("Any", |(_, word)| word);
    let mut chosen = Vec::new();
    if let Some(kind) = ctx.asked("type") {
        chosen.push(("Type", word(kind).to_owned(), without("type")));
    }
    if let Some(address) = ctx.asked("walletAddressId") {
        chosen.push(("Wallet address", address.to_owned(), without("walletAddressId")));
    }
    let any = std::iter::once((String::new(), "Any".to_owned()));
    let choices = any.chain(kinds.map(|(kind, word)| (kind.to_owned(), word.to_owned()))).collect();
    let fields = vec![
        Field::new("type", "Type", Input::Choice(choices)).value(asked("type")),
        Field::new("walletAddressId", "Wallet address ID", Input::Text).value(asked("walletAddressId")),
    ];
    Sieve { chosen, fields, kept: Vec::new() }
}

/// The payments that the address selects.
pub(crate) fn filter(ctx: &Ctx) -> Result<PaymentFilter, Problem> {
    let wrong = Problem::Invalid("Invalid result.");
    let directions: Vec<String> = ctx.asked("type").unwrap_or_default().split(',').map(str::to_owned).collect();
    let directions: Vec<String> = directions.into_iter().filter(|direction| !direction.is_empty()).collect();
    if directions.iter().any(|direction| !matches!(direction.as_str(), "INCOMING" | "OUTGOING")) {
        return Err(wrong);
    }
    let wallet_address = match ctx.asked("walletAddressId") {
        None => None,
        Some(text) => Some(Uuid::parse_str(text).map_err(|_| wrong)?),
    };
    Ok(PaymentFilter { directions, wallet_address })
}

/// Rows of payments.
pub(crate) fn table<'a>(payments: impl IntoIterator<Item = &'a PaymentView>) -> Table {
    let empty = Empty {
        title: "No payments found.",
        text: "Payments that customers make and receive appear here.",
        action: Some(Action::other("/payments/create", "New payment")),
    };

    Table::new("Payments", ["ID", "Type", "State", "Amount>", "Wallet address", "Date", "Tenant"], empty).rows(
        payments.into_iter().map(|payment| {
            let word = match payment.direction {
                Direction::Incoming => "Incoming",
                Direction::Outgoing => "Outgoing",
            };
            vec![
                Cell::link(address(payment.direction, payment.id), payment.id.to_string()),
                Cell::Word(word),
                state(&payment.state),
                payment.amount.as_ref().map_or(Cell::Absent("–"), |amount| Cell::Money(amount.into())),
                Cell::link(
                    format!("/wallet-addresses/{}", payment.wallet_address_id),
                    crate::view::short(payment.wallet_address_id),
                ),
                Cell::Time(payment.created_at),
                Cell::tenant(payment.tenant.as_ref()),
            ]
        }),
    )
}

pub(crate) fn address(direction: Direction, id: Uuid) -> String {
    match direction {
        Direction::Incoming => format!("/payments/incoming/{id}"),
        Direction::Outgoing => format!("/payments/outgoing/{id}"),
    }
}

/// A state as a word with its colour.
pub(crate) fn state(state: &str) -> Cell {
    Cell::state(word(state), tone(state))
}

/// `COMPLETED` is shown as `Completed`.
pub(crate) fn word(state: &str) -> String {
    let lower = state.to_lowercase();
    let mut letters = lower.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

pub(crate) fn tone(state: &str) -> Tone {
    match state {
        "COMPLETED" => Tone::Done,
        "FAILED" | "CANCELLED" => Tone::Failed,
        "EXPIRED" | "PENDING" | "PROCESSING" | "FUNDING" | "SENDING" => Tone::Waiting,
        _ => Tone::Quiet,
    }
}
