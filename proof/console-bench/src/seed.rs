//! Many payments at the addresses of the playground, made through the Admin API, and an endpoint of webhooks.
//!
//! Each has an amount and a note, as those of customers have. Every tenth is an outgoing payment, which pays the incoming
//! payment before it; the wallet of the playground funds it.

use admin_client::{AdminClient, Mutation, PageRequest};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Outcome;
use crate::playground::Playground;

/// Requests at the same time.
const AT_ONCE: usize = 16;
/// So many payments are made one after the other; the last of them is outgoing.
const ROUND: u32 = 10;

pub(crate) struct Seeded {
    /// One of the incoming payments.
    pub(crate) incoming: Uuid,
    /// One of the outgoing payments.
    pub(crate) outgoing: Uuid,
    /// An endpoint of the operator.
    pub(crate) endpoint: Uuid,
    /// Some incoming payments.
    pub(crate) some: Vec<Uuid>,
    addresses: Vec<Address>,
}

struct Address {
    id: Uuid,
    code: String,
    scale: u8,
}

pub(crate) async fn seed(playground: &Playground, payments: u32) -> Outcome<Seeded> {
    let admin = playground.admin()?;
    let all = PageRequest { first: Some(100), ..PageRequest::default() };
    let found = admin.wallet_addresses_page(&all, None).await?.nodes;
    let addresses: Vec<Address> = found
        .into_iter()
        .map(|address| Address { id: address.id, code: address.asset.code, scale: address.asset.scale })
        .collect();
    if addresses.is_empty() {
        return Err("the playground has no wallet addresses".into());
    }

    let hook = json!({"url": "http://127.0.0.1:9/events", "eventTypes": ["peer.liquidity_low"]});
    let endpoint = id_of(&admin.change(Mutation::CreateWebhookEndpoint, hook).await?["webhookEndpoint"])?;

    let rounds = payments.max(ROUND) / ROUND;
    let made = stream::iter(0..rounds).map(|round| make(&admin, &addresses, round)).buffer_unordered(AT_ONCE);
    let made: Vec<(Uuid, Uuid)> = made.try_collect().await?;

    let some: Vec<Uuid> = made.iter().map(|(incoming, _)| *incoming).take(10).collect();
    Ok(Seeded { incoming: made[0].0, outgoing: made[0].1, endpoint, some, addresses })
}

/// Nine incoming payments, and an outgoing payment to the last of them. Returns these two.
async fn make(admin: &AdminClient, addresses: &[Address], round: u32) -> Outcome<(Uuid, Uuid)> {
    let to = &addresses[round as usize % addresses.len()];
    for number in 2..ROUND {
        request(admin, to, round * ROUND + number).await?;
    }
    let incoming = request(admin, to, round * ROUND).await?;
    let found = admin.incoming_payment_view(incoming).await?.ok_or("a payment that was made is not there")?;

    let payer = addresses.iter().find(|from| from.id != to.id && from.code == to.code).unwrap_or(to);
    let note = json!({"description": format!("Payment {round}")});
    let input = json!({"walletAddressId": payer.id, "incomingPayment": found.url, "metadata": note});
    let done = admin.change(Mutation::CreateOutgoingPaymentFromIncomingPayment, input).await?;
    Ok((incoming, id_of(&done["payment"])?))
}

pub(crate) async fn one_more(playground: &Playground, seeded: &Seeded) -> Outcome<()> {
    request(&playground.admin()?, &seeded.addresses[0], 0).await.map(drop)
}

/// An incoming payment.
async fn request(admin: &AdminClient, to: &Address, number: u32) -> Outcome<Uuid> {
    let amount = json!({"value": (1000 + number).to_string(), "assetCode": to.code, "assetScale": to.scale});
    let note = json!({"description": format!("Invoice {number}")});
    let input = json!({"walletAddressId": to.id, "incomingAmount": amount, "metadata": note});
    id_of(&admin.change(Mutation::CreateIncomingPayment, input).await?["payment"])
}

fn id_of(made: &Value) -> Outcome<Uuid> {
    Ok(made["id"].as_str().ok_or("an answer without an id")?.parse()?)
}
