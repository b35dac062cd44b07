//! What the page of an incoming payment and the page of an outgoing payment have in common.
//!
//! What differs is in `incoming` and `outgoing`.

use admin_client::{
    AccountView, AdminClient, AdminError, DeliverySelection, DeliveryView, PageRequest, TransferView, WebhookEventView,
};
use serde_json::Value;
use uuid::Uuid;

use crate::context::Ctx;
use crate::pages::{accounts, deliveries};
use crate::posted::Posted;
use crate::view::{Action, Block, Cell, Empty, Fact, Form, Live, Money, Page, Step, Tone};

/// The newest movements of the payment's account that its page shows, of each side.
const LINES: u32 = 100;

/// The direction of a payment, in the words of its pages.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Incoming,
    Outgoing,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Incoming => "Incoming payment",
            Self::Outgoing => "Outgoing payment",
        }
    }

    /// The address of a payment of this kind.
    pub(crate) fn address(self, id: Uuid) -> String {
        match self {
            Self::Incoming => format!("/payments/incoming/{id}"),
            Self::Outgoing => format!("/payments/outgoing/{id}"),
        }
    }
}

/// What the instance knows about a payment besides the payment itself.
pub(crate) struct Around {
    /// The wallet address of the payment.
    pub(crate) wallet_address: Cell,
    account: AccountView,
    told: Told,
}

impl Around {
    pub(crate) async fn read(
        admin: &AdminClient,
        id: Uuid,
        wallet_address_id: Uuid,
        event_kinds: &[&str],
    ) -> Result<Self, AdminError> {
        let (told, wallet_address, account) = futures::join!(
            told(admin, id, event_kinds),
            wallet_address(admin, wallet_address_id),
            admin.account_view(id, LINES),
        );
        Ok(Self { wallet_address: wallet_address?, account: account?, told: told? })
    }

    /// The events about the payment, the oldest first.
    pub(crate) fn events(&self) -> &[WebhookEventView] {
        &self.told.events
    }

    /// The movements that took money from the payment's account.
    pub(crate) fn debits(&self) -> &[TransferView] {
        &self.account.debits
    }

    /// The blocks at the end of the page: both sides of the account, the webhooks, and the metadata.
    pub(crate) fn blocks(&self, code: &str, scale: u8, data: Option<&Value>) -> Vec<Block> {
        let mut blocks = vec![accounts::block(&self.account, code, scale), self.told.block()];
        blocks.extend(metadata(data));
        blocks
    }
}

/// What the page of a payment shows.
pub(crate) struct Sight {
    pub(crate) kind: Kind,
    pub(crate) id: Uuid,
    /// The state in one word, its colour, and the next step.
    pub(crate) state: (&'static str, Tone, &'static str),
    pub(crate) amount: Money,
    pub(crate) actions: Vec<Action>,
    pub(crate) main: Vec<Block>,
    pub(crate) facts: Vec<Fact>,
    /// A payment that may still change by itself is followed.
    pub(crate) live: Live,
}

impl Sight {
    pub(crate) fn page(self) -> Page {
        let (word, tone, next) = self.state;
        Page {
            place: "payments",
            kind: self.kind.name(),
            reads: match self.kind {
                Kind::Incoming => "ConsoleIncomingPayment",
                Kind::Outgoing => "ConsoleOutgoingPayment",
            },
            back: Some(("Payments", "/payments".to_owned())),
            state: Some(Cell::State { word: word.to_owned(), tone, next: Some(next) }),
            amount: Some(self.amount),
            id: Some(self.id.to_string()),
            actions: self.actions,
            main: self.main,
            side: vec![Block::Facts { title: "Facts", facts: self.facts, actions: Vec::new() }],
            live: self.live,
            ..Page::default()
        }
    }
}

/// An action on a payment that is done after its form was sent.
pub(crate) struct Question {
    pub(crate) title: &'static str,
    pub(crate) amount: Option<Money>,
    pub(crate) form: Form,
}

impl Question {
    pub(crate) fn page(self, ctx: &Ctx, kind: Kind, id: Uuid, posted: Option<&Posted>) -> Page {
        let back = kind.address(id);
        Page {
            place: "payments",
            kind: self.title,
            back: Some((kind.name(), back.clone())),
            amount: self.amount,
            id: Some(id.to_string()),
            main: vec![Block::Form(ctx.form(self.form.cancel(back), posted))],
            ..Page::default()
        }
    }
}

/// A step of the payment's history that an event has told.
pub(crate) fn step_of(event: &WebhookEventView, title: &'static str, tone: Tone, facts: Vec<Fact>) -> Step {
    let link = Some((format!("/webhook-events/data?id={}", event.id), "Webhook event"));
    Step { title, tone, at: Some(event.created_at), facts, link }
}

/// Data of a payment, or nothing.
fn metadata(metadata: Option<&Value>) -> Option<Block> {
    let metadata = metadata.filter(|metadata| metadata.as_object().is_some_and(|members| !members.is_empty()))?;
    Some(Block::Data { title: "Metadata", text: serde_json::to_string_pretty(metadata).unwrap_or_default() })
}

/// What was told about a payment.
#[derive(Default)]
struct Told {
    /// The events, the oldest first.
    events: Vec<WebhookEventView>,
    /// Their deliveries, the newest first.
    deliveries: Vec<DeliveryView>,
}

impl Told {
    /// The deliveries as a block of the page.
    fn block(&self) -> Block {
        let empty = Empty {
            title: "Nothing was sent yet.",
            text: "The webhook events about this payment appear here, with each attempt.",
            action: Some(Action::other("/webhooks/endpoints", "Endpoints")),
        };
        Block::Table { title: Some("Webhooks"), table: deliveries::table_about_one(&self.deliveries, empty) }
    }
}

/// The events about a payment and their deliveries. An instance that does not list deliveries gives events only.
async fn told(admin: &AdminClient, payment: Uuid, kinds: &[&str]) -> Result<Told, AdminError> {
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

/// The wallet address as a link with its URL.
async fn wallet_address(admin: &AdminClient, id: Uuid) -> Result<Cell, AdminError> {
    let href = format!("/wallet-addresses/{id}");
    Ok(match admin.wallet_address_view(id).await? {
        Some(address) => Cell::Link { href, text: address.address, note: address.public_name },
        None => Cell::link(href, id.to_string()),
    })
}
