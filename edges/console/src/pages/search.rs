//! The search: ids, wallet addresses and pointers, ILP addresses, receivers, names, and texts in the latest payments
//! and events.
//!
//! It has no index. It queries the Admin API, and the page says how many rows it has searched.

use admin_client::{AssetView, Direction, PaymentView, PeerView, Searchable, WalletAddressView, WebhookEventView};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
use crate::pages::choices::url_of;
use crate::pages::{payments, webhook_events};
use crate::view::{Block, Cell, Empty, Page, Table};

/// A result: its type, its address and its name.
type Hit = (&'static str, String, String);

/// `GET /search?q=…`
pub(crate) async fn page(ctx: Ctx) -> Result<Answer, Problem> {
    let asked = ctx.asked("q").unwrap_or_default().trim().to_owned();
    let asked: String = asked.chars().take(300).collect();
    let hits = match Uuid::parse_str(&asked) {
        Ok(id) => by_id(&ctx, id).await?,
        Err(_) if asked.is_empty() => Vec::new(),
        Err(_) => by_text(&ctx, &asked).await?,
    };

    if let [(_, href, _)] = &hits[..] {
        return Ok(Answer::Go { to: href.clone(), said: None });
    }

    let empty = Empty {
        title: "Nothing found.",
        text: "Searched: all ids, wallet addresses, peers, and texts in the latest hundred payments and events.",
        action: None,
    };
    let rows = hits.iter().map(|(kind, href, name)| vec![Cell::link(href.clone(), name.clone()), Cell::Word(kind)]);
    let table = Table::new("Found", ["Name", "Kind"], empty).rows(rows);
    Ok(Page {
        kind: "Search",
        name: (!asked.is_empty()).then_some(asked),
        main: vec![Block::Table { title: None, table }],
        ..Page::default()
    }
    .into())
}

async fn by_id(ctx: &Ctx, id: Uuid) -> Result<Vec<Hit>, Problem> {
    let admin = ctx.admin();
    let (outgoing, incoming, asset, peer, address, tenant, quote) = futures::join!(
        admin.outgoing_payment_view(id),
        admin.incoming_payment_view(id),
        admin.asset_view(id),
        admin.peer_view(id),
        admin.wallet_address_view(id),
        admin.tenant_view(id),
        admin.quote_view(id),
    );

    let mut hits: Vec<Hit> = Vec::new();
    let outgoing = outgoing?;
    // A payment has the id of its quote.
    if quote?.is_some() && outgoing.is_none() {
        hits.push(("Quote", format!("/payments/quotes/{id}"), id.to_string()));
    }

    hits.extend(outgoing.map(|_| ("Outgoing payment", format!("/payments/outgoing/{id}"), id.to_string())));
    hits.extend(incoming?.map(|_| ("Incoming payment", format!("/payments/incoming/{id}"), id.to_string())));
    hits.extend(asset?.map(|asset| ("Asset", format!("/assets/{id}"), asset.code)));
    hits.extend(peer?.map(|peer| ("Peer", format!("/peers/{id}"), peer.name.unwrap_or(peer.static_ilp_address))));
    hits.extend(address?.map(|address| ("Wallet address", format!("/wallet-addresses/{id}"), address.address)));

    // A tenant that is not the operator may query only itself.
    let tenant = tenant.ok().flatten();
    hits.extend(tenant.map(|tenant| ("Tenant", format!("/tenants/{id}"), tenant.public_name.unwrap_or_default())));

    if hits.is_empty() {
        let event = webhook_events::find(ctx, id).await?;
        hits.extend(event.map(|event| ("Webhook event", format!("/webhook-events/data?id={id}"), event.kind)));
    }
    if hits.is_empty() {
        let account = admin.account_view(id, 1).await?;
        if !account.debits.is_empty() || !account.credits.is_empty() {
            hits.push(("Account", format!("/ledger/{id}"), id.to_string()));
        }
    }

    Ok(hits)
}

async fn by_text(ctx: &Ctx, text: &str) -> Result<Vec<Hit>, Problem> {
    if let Some(hits) = by_url(ctx, &url_of(text)).await? {
        return Ok(hits);
    }

    let Searchable { addresses, peers, assets, payments, events } = ctx.admin().searchable().await?;
    let wanted = Wanted(text.to_lowercase());
    let mut hits: Vec<Hit> = Vec::new();
    hits.extend(assets.into_iter().filter(|asset| wanted.is_in(&asset.code)).map(of_asset));
    hits.extend(peers.into_iter().filter(|peer| wanted.is_peer(peer)).map(of_peer));
    hits.extend(addresses.into_iter().filter(|address| wanted.is_address(address)).map(of_address));
    hits.extend(payments.iter().filter(|payment| wanted.is_payment(payment)).map(of_payment));
    hits.extend(events.into_iter().filter(|event| wanted.is_in(&event.data.to_string())).map(of_event));
    hits.truncate(100);
    Ok(hits)
}

/// What has this URL; `None` if the text is no URL, or nothing here has it.
async fn by_url(ctx: &Ctx, url: &str) -> Result<Option<Vec<Hit>>, Problem> {
    if !url.starts_with("http") {
        return Ok(None);
    }
    if let Some(id) = url.split("/incoming-payments/").nth(1).and_then(|id| Uuid::parse_str(id).ok()) {
        return by_id(ctx, id).await.map(Some);
    }
    let address = ctx.admin().wallet_address_by_url(url).await.ok().flatten();
    Ok(address.map(|address| vec![("Wallet address", format!("/wallet-addresses/{}", address.id), address.address)]))
}

/// A text in small letters that is searched for.
struct Wanted(String);

impl Wanted {
    fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }

    /// By name, by address, or because its packets go there.
    fn is_peer(&self, peer: &PeerView) -> bool {
        let below = self.0.starts_with(&format!("{}.", peer.static_ilp_address.to_lowercase()));
        below || self.is_in(&peer.static_ilp_address) || peer.name.as_deref().is_some_and(|name| self.is_in(name))
    }

    fn is_address(&self, address: &WalletAddressView) -> bool {
        self.is_in(&address.address) || address.public_name.as_deref().is_some_and(|name| self.is_in(name))
    }

    fn is_payment(&self, payment: &PaymentView) -> bool {
        payment.metadata.as_ref().is_some_and(|metadata| self.is_in(&metadata.to_string()))
    }
}

fn of_asset(asset: AssetView) -> Hit {
    ("Asset", format!("/assets/{}", asset.id), asset.code)
}

fn of_peer(peer: PeerView) -> Hit {
    let name = peer.name.filter(|name| !name.is_empty()).unwrap_or(peer.static_ilp_address);
    ("Peer", format!("/peers/{}", peer.id), name)
}

fn of_address(address: WalletAddressView) -> Hit {
    ("Wallet address", format!("/wallet-addresses/{}", address.id), address.address)
}

fn of_payment(payment: &PaymentView) -> Hit {
    let kind = match payment.direction {
        Direction::Incoming => "Incoming payment",
        Direction::Outgoing => "Outgoing payment",
    };
    (kind, payments::address(payment.direction, payment.id), payment.id.to_string())
}

fn of_event(event: WebhookEventView) -> Hit {
    ("Webhook event", format!("/webhook-events/data?id={}", event.id), event.kind)
}
