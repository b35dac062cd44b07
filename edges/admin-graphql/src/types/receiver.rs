//! Receivers: incoming payments at this or another institution, as their payer sees them.
//! Incoming payments with all their fields are in `incoming_payment`.

use async_graphql::Object;
use payments_model::Receiver;

use crate::scalars::JsonObject;
use crate::types::amount::Amount;

#[derive(Clone)]
pub(crate) struct ReceiverNode(pub(crate) Receiver);

#[Object(name = "Receiver")]
impl ReceiverNode {
    async fn id(&self) -> &str {
        &self.0.url
    }

    async fn wallet_address_url(&self) -> &str {
        &self.0.wallet_address_url
    }

    async fn completed(&self) -> bool {
        self.0.completed
    }

    async fn incoming_amount(&self) -> Option<Amount> {
        self.0.incoming_amount.map(|value| Amount::new(value, &self.0.asset))
    }

    async fn received_amount(&self) -> Amount {
        Amount::new(self.0.received_amount, &self.0.asset)
    }

    async fn expires_at(&self) -> Option<String> {
        self.0.expires_at.map(|at| at.to_string())
    }

    async fn metadata(&self) -> Option<JsonObject> {
        self.0.metadata.clone().map(JsonObject)
    }

    async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }
}
