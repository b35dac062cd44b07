//! The list of incoming and outgoing payments, and the shared parts of their pages.
//!
//! The pages of single payments are `incoming` and `outgoing`.

use admin_client::{
    AdminClient, AdminError, AssetView, DeliverySelection, DeliveryView, Direction, PageRequest, PaymentFilter,
    PaymentView, WebhookEventView,
};
use serde_json::Value;
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::{deliveries, saved_views};
use crate::view::{Action, Block, Cell, Empty, Field, Input, Page, Sieve, Table, Tone};

/// `GET /payments`
pub(crate) async fn list(ctx: Ctx) -> Result<Answer, Problem> {
    let filter = filter(&ctx)?;
    let found = ctx.admin().payments_page(&ctx.page_request()?, &filter, None).await?;

    let table = table(&found.nodes).paged(ctx.paging(&found.page_info));
    let csv = ctx.export_address("payments");
    Ok(Page {
        place: "payments",
        kind: "Payments",
        lead: Some("All incoming and outgoing payments, newest first."),
        tabs: saved_views::tabs(&ctx, "All"),
        actions: vec![
            Action::main("/payments/create", "New payment"),
            Action::other(csv.clone(), "Export CSV"),
            Action::other(format!("{csv}{}format=json", if csv.contains('?') { '&' } else { '?' }), "Export JSON"),
        ],
        main: vec![Block::Sieve(sieve(&ctx)), Block::Table { title: None, table }],
        live: true,
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
pub(crate) fn table(payments: &[PaymentView]) -> Table {
    let empty = Empty {
        title: "No payments found.",
        text: "Payments that customers make and receive appear here.",
        action: Some(Action::other("/payments/create", "New payment")),
    };

    Table::new("Payments", ["ID", "Type", "State", "Wallet address", "Date", "Tenant"], empty).rows(
        payments.iter().map(|payment| {
            let word = match payment.direction {
                Direction::Incoming => "Incoming",
                Direction::Outgoing => "Outgoing",
            };
            vec![
                Cell::link(address(payment.direction, payment.id), payment.id.to_string()),
                Cell::Word(word),
                state(&payment.state),
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

/// Data of a payment, or nothing.
pub(crate) fn metadata(metadata: Option<&Value>) -> Option<Block> {
    let metadata = metadata.filter(|metadata| metadata.as_object().is_some_and(|members| !members.is_empty()))?;
    Some(Block::Data { title: "Metadata", text: serde_json::to_string_pretty(metadata).unwrap_or_default() })
}

/// What was told about a payment.
#[derive(Default)]
pub(crate) struct Told {
    /// The events, the oldest first.
    pub(crate) events: Vec<WebhookEventView>,
    /// Their deliveries, the newest first.
    pub(crate) deliveries: Vec<DeliveryView>,
}

impl Told {
    /// The deliveries as a block of the page.
    pub(crate) fn block(&self) -> Block {
        let empty = Empty {
            title: "Nothing was sent yet.",
            text: "The webhook events about this payment appear here, with each attempt.",
            action: Some(Action::other("/webhooks/endpoints", "Endpoints")),
        };
        Block::Table { title: Some("Webhooks"), table: deliveries::table(&self.deliveries, empty) }
    }
}

/// The events about a payment and their deliveries. An instance that does not list deliveries gives events only.
pub(crate) async fn told(admin: &AdminClient, payment: Uuid, kinds: &[&str]) -> Result<Told, AdminError> {
    let page = PageRequest { first: Some(100), ..PageRequest::default() };
    let about = DeliverySelection { subject: Some(payment), ..DeliverySelection::default() };
    let deliveries = match admin.webhook_deliveries_page(&page, &about, None).await {
        Ok(found) => found.nodes,
        Err(AdminError::Refused { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };

    let mut events: Vec<WebhookEventView> = Vec::new();
    for event in deliveries.iter().rev().filter_map(|delivery| delivery.event.as_ref()) {
        if !events.iter().any(|known| known.id == event.id) {
            events.push(event.clone());
        }
    }
    events.sort_by_key(|event| event.created_at);
    if events.is_empty() {
        events = latest_events(admin, payment, kinds).await?;
    }
    Ok(Told { events, deliveries })
}

/// The events about a payment, the oldest first, out of the latest hundred events of these types.
async fn latest_events(
    admin: &AdminClient,
    payment: Uuid,
    kinds: &[&str],
) -> Result<Vec<WebhookEventView>, AdminError> {
    let page = PageRequest { first: Some(100), ..PageRequest::default() };
    let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let found = admin.webhook_events_page(&page, &kinds, None).await?;
    let about = |event: &WebhookEventView| event.data["id"].as_str() == Some(payment.to_string().as_str());
    let mut events: Vec<_> = found.nodes.into_iter().filter(about).collect();
    events.reverse();
    Ok(events)
}

/// The wallet address as a link with its URL, and its asset.
pub(crate) async fn wallet_address(admin: &AdminClient, id: Uuid) -> Result<(Cell, Option<AssetView>), AdminError> {
    let link = format!("/wallet-addresses/{id}");
    Ok(match admin.wallet_address_view(id).await? {
        Some(address) => {
            let cell = Cell::Link { href: link, text: address.address, note: address.public_name };
            (cell, Some(address.asset))
        }
        None => (Cell::link(link, id.to_string()), None),
    })
}
