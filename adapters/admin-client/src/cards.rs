//! The operations for card payments. They are in one file, because the card service, the point of sale and the wallet
//! share them.
//!
//! It has no other operations. Every mutation takes an idempotency key, so that a repetition has no second effect.

use clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{AdminClient, without_nulls};
use crate::documents as d;
use crate::{AdminError, Amount, IncomingPaymentState, OutgoingPayment, Receiver};

/// The card flow that an outgoing payment belongs to.
#[derive(Clone, Debug)]
pub struct CardDetails {
    /// The request at the point of sale.
    pub request_id: Uuid,
    /// When the card was presented.
    pub initiated_at: Timestamp,
    /// What the chip signed, and its signature.
    pub data: Value,
}

/// Why a card payment is not made, for the waiting card service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardFailure {
    /// The chip's signature is not valid.
    InvalidSignature,
    /// Another reason.
    InvalidRequest,
}

impl CardFailure {
    const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSignature => "invalid_signature",
            Self::InvalidRequest => "invalid_request",
        }
    }
}

/// An incoming payment to be paid by card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedIncomingPayment {
    /// Its id.
    pub id: Uuid,
    /// Its public URL.
    pub url: String,
}

/// The requested part of a list.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PageRequest {
    /// The number of records from the start.
    pub first: Option<u32>,
    /// The number of records from the end.
    pub last: Option<u32>,
    /// The records after this cursor.
    pub after: Option<String>,
    /// The records before this cursor.
    pub before: Option<String>,
    /// `ASC` or `DESC`.
    pub sort_order: Option<String>,
}

/// A payment by card, as its payee may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardPaymentRecord {
    /// Its id.
    pub id: Uuid,
    /// Its public URL.
    pub url: String,
    /// The payee's wallet address.
    pub wallet_address_id: Uuid,
    /// The payer's wallet address, from the terminal.
    pub sender_wallet_address: Option<String>,
    /// Its state.
    pub state: IncomingPaymentState,
    /// The metadata.
    pub metadata: Option<Value>,
    /// The expected amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incoming_amount: Option<Amount>,
    /// The received amount.
    pub received_amount: Amount,
    /// The time at which it stops accepting money.
    pub expires_at: String,
    /// When it was created.
    pub created_at: String,
}

/// The place of a page in its list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    /// The first cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_cursor: Option<String>,
    /// The last cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_cursor: Option<String>,
    /// Whether there is more behind it.
    pub has_next_page: bool,
    /// Whether there is more before it.
    pub has_previous_page: bool,
}

/// A page of payments by card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardPaymentPage {
    /// The payments.
    pub payments: Vec<CardPaymentRecord>,
    /// The place of the page in the list.
    pub page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    edges: Vec<Edge>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
struct Edge {
    node: CardPaymentRecord,
}

impl AdminClient {
    /// Creates an incoming payment for a card. Only the operator may.
    pub async fn create_card_incoming_payment(
        &self,
        wallet_address_id: Uuid,
        amount: &Amount,
        sender_wallet_address: &str,
        expires_at: Timestamp,
        idempotency_key: &str,
    ) -> Result<CreatedIncomingPayment, AdminError> {
        let input = json!({
            "walletAddressId": wallet_address_id, "incomingAmount": amount, "isCardPayment": true,
            "senderWalletAddress": sender_wallet_address, "expiresAt": expires_at, "idempotencyKey": idempotency_key,
        });
        self.mutate(d::CREATE_INCOMING_PAYMENT, input, "/createIncomingPayment/payment").await
    }

    /// Quotes and creates a payment to an incoming payment. With `debit`, exactly this amount is spent; without it, the
    /// expected amount is delivered.
    pub async fn pay_incoming_payment(
        &self,
        wallet_address_id: Uuid,
        incoming_payment: &str,
        debit: Option<&Amount>,
        card: Option<&CardDetails>,
        idempotency_key: &str,
    ) -> Result<OutgoingPayment, AdminError> {
        let card = card.map(
            |card| json!({"requestId": card.request_id, "initiatedAt": card.initiated_at, "data": card.data.clone()}),
        );
        let input = json!({
            "walletAddressId": wallet_address_id, "incomingPayment": incoming_payment, "debitAmount": debit,
            "cardDetails": card, "idempotencyKey": idempotency_key,
        });
        let path = "/createOutgoingPaymentFromIncomingPayment/payment";
        self.mutate(d::PAY_INCOMING_PAYMENT, input, path).await
    }

    /// Refuses to fund a card payment, and says why.
    pub async fn cancel_card_payment(&self, id: Uuid, reason: &str, failure: CardFailure) -> Result<(), AdminError> {
        let input = json!({"id": id, "reason": reason, "cardPaymentFailureReason": failure.as_str()});
        self.mutate::<Value>(d::CANCEL_OUTGOING_PAYMENT, input, "/cancelOutgoingPayment").await.map(drop)
    }

    /// Creates an incoming payment at the wallet address, here or elsewhere, once for each key.
    pub async fn create_receiver_once(
        &self,
        wallet_address_url: &str,
        incoming_amount: Option<&Amount>,
        idempotency_key: &str,
    ) -> Result<Receiver, AdminError> {
        let input = json!({
            "walletAddressUrl": wallet_address_url, "incomingAmount": incoming_amount,
            "idempotencyKey": idempotency_key,
        });
        self.mutate(d::CREATE_RECEIVER, input, "/createReceiver/receiver").await
    }

    /// The payments by card to a wallet address; none if there is no such address.
    pub async fn card_incoming_payments(&self, url: &str, page: &PageRequest) -> Result<CardPaymentPage, AdminError> {
        let mut variables = without_nulls(serde_json::to_value(page).unwrap_or_default());
        variables["url"] = json!(url);
        let path = "/walletAddressByUrl/incomingPayments";
        let found: Option<Connection> = self.run(d::CARD_INCOMING_PAYMENTS, variables, path).await?;
        Ok(found.map_or_else(CardPaymentPage::default, |found| CardPaymentPage {
            payments: found.edges.into_iter().map(|edge| edge.node).collect(),
            page_info: found.page_info,
        }))
    }
}
