//! Many incoming payments at the addresses of the playground, made through the Admin API.
//!
//! Each has an amount and a note, as those of customers have.

use admin_client::{AdminClient, Mutation, PageRequest};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use uuid::Uuid;

use crate::Outcome;
use crate::playground::Playground;

/// Requests at the same time.
const AT_ONCE: usize = 16;

pub(crate) struct Seeded {
    /// One of the payments.
    pub(crate) payment: Uuid,
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

    let made = stream::iter(0..payments.max(1)).map(|number| pay(&admin, &addresses, number)).buffer_unordered(AT_ONCE);
    let ids: Vec<Uuid> = made.try_collect().await?;
    Ok(Seeded { payment: ids[0], addresses })
}

pub(crate) async fn one_more(playground: &Playground, seeded: &Seeded) -> Outcome<()> {
    pay(&playground.admin()?, &seeded.addresses, 0).await.map(drop)
}

async fn pay(admin: &AdminClient, addresses: &[Address], number: u32) -> Outcome<Uuid> {
    let address = &addresses[number as usize % addresses.len()];
    let amount = json!({"value": (1000 + number).to_string(), "assetCode": address.code, "assetScale": address.scale});
    let input = json!({
        "walletAddressId": address.id, "incomingAmount": amount, "metadata": {"description": format!("Invoice {number}")},
    });
    let done = admin.change(Mutation::CreateIncomingPayment, input).await?;
    let id = done["payment"]["id"].as_str().ok_or("a payment without an id")?;
    Ok(id.parse()?)
}
