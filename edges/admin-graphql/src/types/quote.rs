//! Quotes.
//! Making one is in `mutations`.

use async_graphql::{Context, ID, Object, Result};
use money::{Rate, Ratio};
use payments_model::Quote;

use crate::api::Call;
use crate::errors::{Refusal, nullable};
use crate::types::amount::Amount;
use crate::types::asset::FeeNode;
use crate::types::page::connection;

#[derive(Clone)]
pub(crate) struct QuoteNode(pub(crate) Quote);

impl From<Quote> for QuoteNode {
    fn from(quote: Quote) -> Self {
        Self(quote)
    }
}

impl QuoteNode {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }

    /// A rate of its smallest units, for whole units.
    fn shown(&self, ratio: Ratio) -> Option<String> {
        let scales = (self.0.asset.asset.scale, self.0.receive_amount.asset.scale);
        Rate::of_ratio_floor(ratio, scales.0, scales.1).map(|rate| rate.to_string())
    }
}

connection!(QuoteConnection as "QuoteConnection", QuoteEdge as "QuoteEdge", QuoteNode of Quote);

#[Object(name = "Quote")]
impl QuoteNode {
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    async fn tenant_id(&self) -> ID {
        self.0.tenant_id.to_string().into()
    }

    async fn wallet_address_id(&self) -> ID {
        self.0.wallet_address_id.to_string().into()
    }

    async fn receiver(&self) -> &str {
        &self.0.receiver
    }

    async fn debit_amount(&self) -> Amount {
        Amount::new(self.0.debit_amount, &self.0.asset.asset)
    }

    async fn receive_amount(&self) -> Amount {
        Amount::from(&self.0.receive_amount)
    }

    async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }

    async fn expires_at(&self) -> String {
        self.0.expires_at.to_string()
    }

    async fn fee_amount(&self) -> Amount {
        Amount::new(self.0.fee_amount(), &self.0.asset.asset)
    }

    async fn fee(&self, context: &Context<'_>) -> Option<Result<FeeNode>> {
        nullable(async {
            let fee = Call::of(context)?.store().fee_of(&self.0).await.map_err(Refusal::from)?;
            Ok(fee.map(FeeNode::from))
        })
        .await
    }

    async fn slippage_margin(&self) -> Amount {
        Amount::new(self.0.slippage_margin(), &self.0.asset.asset)
    }

    async fn found_rate(&self) -> Option<String> {
        self.shown(self.0.found_rate())
    }

    async fn least_rate(&self) -> Option<String> {
        self.shown(self.0.least_rate())
    }

    /// For people: payments are computed with the exact ratio.
    #[expect(clippy::cast_precision_loss, reason = "the schema shows a Float; it is not used in calculations")]
    async fn estimated_exchange_rate(&self) -> Option<f64> {
        let rate = self.0.estimated_rate;
        Some(rate.numerator() as f64 / rate.denominator() as f64)
    }
}
