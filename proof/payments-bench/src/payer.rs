//! One payment after the other over the Admin API. Each is awaited until its last event.
//!
//! The load comes from many payers at once.

use std::sync::Arc;

use admin_client::{AdminClient, Amount, QuoteAmount};
use uuid::Uuid;

use crate::entity::client;
use crate::{Entity, Institutions, Outcome};

/// The institution of the payee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// At the other institution.
    Remote,
    /// At the payer's own.
    Local,
}

/// Pays from one wallet address to another. Clones are one payer.
#[derive(Clone)]
pub struct Payer {
    admin: AdminClient,
    entity: Entity,
    from: Uuid,
    payee: Arc<str>,
    amount: Arc<Amount>,
}

impl Payer {
    /// A payer at the first institution.
    pub async fn new(institutions: &Institutions, entity: &Entity, way: Way) -> Outcome<Self> {
        let admin = client(&institutions.facts()[0])?;
        let payee = match way {
            Way::Remote => institutions.address(1, "pfry"),
            Way::Local => institutions.address(0, "bhamchest"),
        };
        let from = admin.wallet_address_by_url(&institutions.address(0, "gfranklin")).await?;
        let from = from.ok_or("the payer's wallet address is not there")?.id;
        // This amount is so small that the seeded liquidity lasts for a million payments.
        let amount = Amount { value: 5, asset_code: "USD".into(), asset_scale: 2 };
        Ok(Self { admin, entity: entity.clone(), from, payee: payee.into(), amount: Arc::new(amount) })
    }

    /// Makes one payment: receiver, quote, payment, and its end.
    pub async fn pay(&self) -> Outcome<()> {
        let receiver = self.admin.create_receiver(&self.payee, Some(&self.amount), None, None).await?;
        let quote = self.admin.create_quote(self.from, &receiver.id, &QuoteAmount::AsAsked).await?;
        self.admin.create_outgoing_payment(self.from, quote.id, None, &quote.id.to_string()).await?;
        match self.entity.end_of(quote.id).await?.as_str() {
            "outgoing_payment.completed" => Ok(()),
            other => Err(format!("a payment ended with {other}").into()),
        }
    }
}
