//! The search: ids, wallet addresses and pointers, ILP addresses, receivers, names, and texts in the latest payments
//! and events.
//!
//! It has no index. It queries the Admin API, and the page says how many rows it has searched.

use admin_client::{Direction, PageRequest, PaymentFilter};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};
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
    let admin = ctx.admin();
    let all = PageRequest { first: Some(100), ..PageRequest::default() };
    let lower = text.to_lowercase();
    let has = |candidate: &str| candidate.to_lowercase().contains(&lower);
    let mut hits: Vec<Hit> = Vec::new();

    // A payment pointer is another form of a wallet address.
    let url = match text.strip_prefix('$') {
        Some(rest) if rest.contains('/') => format!("https://{rest}"),
        Some(rest) => format!("https://{rest}/.well-known/pay"),
        None => text.to_owned(),
    };
    if url.starts_with("http") {
        if let Some(id) = url.split("/incoming-payments/").nth(1).and_then(|id| Uuid::parse_str(id).ok()) {
            return by_id(ctx, id).await;
        }
        if let Some(address) = admin.wallet_address_by_url(&url).await.ok().flatten() {
            return Ok(vec![("Wallet address", format!("/wallet-addresses/{}", address.id), address.address)]);
        }
    }

    let filter = PaymentFilter::default();
    let (addresses, peers, assets, latest, events) = futures::join!(
        admin.wallet_addresses_page(&all, None),
        admin.peers_page(&all, None),
        admin.assets_page(&all, None),
        admin.payments_page(&all, &filter, None),
        admin.webhook_events_page(&all, &[], None),
    );

    for asset in assets?.nodes.into_iter().filter(|asset| has(&asset.code)) {
        hits.push(("Asset", format!("/assets/{}", asset.id), asset.code));
    }
    for peer in peers?.nodes {
        let name = peer.name.unwrap_or_default();
        let below = lower.starts_with(&format!("{}.", peer.static_ilp_address.to_lowercase()));
        if has(&name) || has(&peer.static_ilp_address) || below {
            let shown = if name.is_empty() { peer.static_ilp_address } else { name };
            hits.push(("Peer", format!("/peers/{}", peer.id), shown));
        }
    }
    for address in addresses?.nodes {
        if has(&address.address) || address.public_name.as_deref().is_some_and(has) {
            hits.push(("Wallet address", format!("/wallet-addresses/{}", address.id), address.address));
        }
    }

    for payment in latest?.nodes {
        if payment.metadata.as_ref().is_some_and(|metadata| has(&metadata.to_string())) {
            let kind = match payment.direction {
                Direction::Incoming => "Incoming payment",
                Direction::Outgoing => "Outgoing payment",
            };
            hits.push((kind, payments::address(payment.direction, payment.id), payment.id.to_string()));
        }
    }

    for event in events?.nodes.into_iter().filter(|event| has(&event.data.to_string())) {
        hits.push(("Webhook event", format!("/webhook-events/data?id={}", event.id), event.kind));
    }

    hits.truncate(100);
    Ok(hits)
}
