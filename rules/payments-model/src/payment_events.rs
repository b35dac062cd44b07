//! The `data` of payment events, as account-servicing entities receive it.
//!
//! It does not contain event types, recipients or deliveries.

use money::{Asset, AssetAmount};
use serde_json::{Map, Value, json};

use crate::incoming_payment::{Decision, IncomingPayment};
use crate::outgoing_payment::{OutgoingPayment, OutgoingState};

/// An amount in events and resources: a decimal string, the code and the scale.
pub fn amount(value: u64, asset: &Asset) -> Value {
    json!({ "value": value.to_string(), "assetCode": asset.code.as_str(), "assetScale": asset.scale })
}

fn asset_amount(of: &AssetAmount) -> Value {
    amount(of.value, &of.asset)
}

/// The data of an incoming payment event, with the posted total.
pub fn incoming_payment(payment: &IncomingPayment, received: u64) -> Value {
    let mut data = Map::new();
    let mut put = |key: &str, value: Value| data.insert(key.to_owned(), value);
    put("id", json!(payment.id));
    put("walletAddressId", json!(payment.wallet_address_id));
    put("client", json!(payment.client));
    put("createdAt", json!(payment.created_at));
    put("expiresAt", json!(payment.expires_at));
    put("receivedAmount", amount(received, &payment.asset.asset));
    put("completed", json!(payment.is_completed()));
    if let Some(expected) = payment.incoming_amount {
        put("incomingAmount", amount(expected, &payment.asset.asset));
    }

    if let Some(metadata) = &payment.metadata {
        put("metadata", json!(metadata));
    }
    match &payment.decision {
        Some(Decision::Approved { at }) => drop(put("approvedAt", json!(at))),
        Some(Decision::Cancelled { at, .. }) => drop(put("cancelledAt", json!(at))),
        None => {}
    }

    if let Some(at) = payment.deleted_at() {
        put("deletedAt", json!(at));
    }
    Value::Object(data)
}

/// The data of an outgoing payment event, with the debited amount and the rest.
pub fn outgoing_payment(payment: &OutgoingPayment, sent: u64, balance: u64) -> Value {
    let quote = &payment.quote;
    let mut data = Map::new();
    let mut put = |key: &str, value: Value| data.insert(key.to_owned(), value);
    put("id", json!(payment.id()));
    put("walletAddressId", json!(quote.wallet_address_id));
    put("client", json!(payment.client));
    put("state", json!(payment.state.as_str()));
    put("receiver", json!(quote.receiver));
    put("debitAmount", amount(quote.debit_amount, &quote.asset.asset));
    put("receiveAmount", asset_amount(&quote.receive_amount));
    put("sentAmount", amount(sent, &quote.asset.asset));
    put("stateAttempts", json!(payment.state_attempts()));

    put("createdAt", json!(payment.created_at));
    put("balance", json!(balance.to_string()));
    if let Some(metadata) = &payment.metadata {
        put("metadata", json!(metadata));
    }

    if let OutgoingState::Failed { error, .. } = &payment.state {
        put("error", json!(error));
    }
    if let Some(grant) = &payment.grant_id {
        put("grantId", json!(grant));
    }

    if let Some(card) = &payment.card
        && !matches!(payment.state, OutgoingState::Completed { .. } | OutgoingState::Failed { .. })
    {
        let details = json!({
            "requestId": card.request_id, "data": card.data, "initiatedAt": card.initiated_at,
        });
        put("cardDetails", details);
    }

    Value::Object(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing_payment::tests::payment;

    #[test]
    fn an_outgoing_payment_event_has_the_members_of_the_reference_in_its_order() {
        let data = outgoing_payment(&payment(OutgoingState::Funding), 0, 0);
        let keys: Vec<_> = data.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "id",
            "walletAddressId",
            "client",
            "state",
            "receiver",
            "debitAmount",
            "receiveAmount",
            "sentAmount",
            "stateAttempts",
            "createdAt",
            "balance",
        ];
        assert_eq!(keys, expected);
        assert_eq!(data["client"], Value::Null);
        assert_eq!(data["balance"], "0");
        assert_eq!(data["debitAmount"], json!({"value": "103", "assetCode": "USD", "assetScale": 2}));
        assert_eq!(data["createdAt"], "1970-01-01T00:16:40.000Z");
    }

    #[test]
    fn a_failure_is_told_with_its_reason() {
        let data = outgoing_payment(&payment(OutgoingState::Failed { error: "IdleTimeout".into(), sent: 7 }), 7, 96);
        assert_eq!(data["error"], "IdleTimeout");
        assert_eq!(data["state"], "FAILED");
        assert_eq!(data["sentAmount"]["value"], "7");
    }
}
