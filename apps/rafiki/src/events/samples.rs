//! Samples of events: a body of each type, in the form in which the instance sends it.
//! Nothing stands behind them: no payment, no wallet address, no money.

use std::time::Duration;

use clock::{Entropy, Timestamp};
use payments_model::webhook_event::EventType;
use serde_json::{Value, json};

/// The body of a sample: `id`, `type` and `data`.
pub(crate) fn sample(kind: EventType, now: Timestamp, entropy: &dyn Entropy) -> Value {
    let facts = Facts { now, entropy };
    json!({"id": entropy.uuid(), "type": kind.as_str(), "data": facts.data(kind)})
}

struct Facts<'a> {
    now: Timestamp,
    entropy: &'a dyn Entropy,
}

impl Facts<'_> {
    fn data(&self, kind: EventType) -> Value {
        match kind {
            EventType::IncomingPaymentCreated => self.incoming("0", json!({})),
            EventType::IncomingPaymentCompleted => self.incoming("1000", json!({"completed": true})),
            EventType::IncomingPaymentExpired => {
                self.incoming("255", json!({"expiresAt": self.now, "createdAt": self.now - HOUR}))
            }
            EventType::IncomingPaymentPartialPaymentReceived => self.incoming(
                "0",
                json!({"partialIncomingPaymentId": self.entropy.uuid(), "dataFromSender": "invoice 4711"}),
            ),
            EventType::OutgoingPaymentCreated => self.outgoing("FUNDING", "0", "0", json!({})),
            EventType::OutgoingPaymentCompleted => self.outgoing("COMPLETED", "890", "110", json!({})),
            EventType::OutgoingPaymentFailed => {
                self.outgoing("FAILED", "400", "600", json!({"error": "InsufficientExchangeRate"}))
            }
            EventType::OutgoingPaymentFunded => self.outgoing("SENDING", "0", "1000", self.card()),
            EventType::OutgoingPaymentCancelled => self.outgoing("CANCELLED", "0", "0", self.card()),
            EventType::WalletAddressNotFound => json!({"walletAddressUrl": "https://wallet.example/alice"}),
            EventType::WalletAddressWebMonetization => json!({"walletAddress": {
                "id": self.entropy.uuid(), "createdAt": self.now - HOUR, "receivedAmount": dollars("33"),
            }}),
            EventType::AssetLiquidityLow | EventType::PeerLiquidityLow => json!({
                "id": self.entropy.uuid(),
                "asset": {"id": self.entropy.uuid(), "code": "USD", "scale": 2},
                "liquidityThreshold": "10000",
                "balance": "9850",
            }),
            EventType::GrantCreated | EventType::GrantRevoked => json!({
                "id": self.entropy.uuid(),
                "client": "https://shop.example/accounts/main",
                "access": [{
                    "type": "incoming-payment",
                    "actions": ["create", "read"],
                    "identifier": "https://wallet.example/alice",
                }],
                "createdAt": self.now,
            }),
            EventType::LedgerAlarm => json!({
                "id": self.entropy.uuid(),
                "kind": "account_differs",
                "reason": "this is a sample; no ledger differs",
                "detectedAt": self.now,
            }),
        }
    }

    fn incoming(&self, received: &str, differs: Value) -> Value {
        let data = json!({
            "id": self.entropy.uuid(),
            "walletAddressId": self.entropy.uuid(),
            "client": "https://shop.example/accounts/main",
            "createdAt": self.now,
            "expiresAt": self.now + HOUR,
            "receivedAmount": dollars(received),
            "completed": false,
            "incomingAmount": dollars("1000"),
            "metadata": {"description": "a sample; there is no such payment"},
        });
        with(data, differs)
    }

    fn outgoing(&self, state: &str, sent: &str, balance: &str, differs: Value) -> Value {
        let data = json!({
            "id": self.entropy.uuid(),
            "walletAddressId": self.entropy.uuid(),
            "client": null,
            "state": state,
            "receiver": format!("https://bank.example/incoming-payments/{}", self.entropy.uuid()),
            "debitAmount": dollars("1000"),
            "receiveAmount": dollars("890"),
            "sentAmount": dollars(sent),
            "stateAttempts": 0,
            "createdAt": self.now,
            "balance": balance,
            "metadata": {"description": "a sample; there is no such payment"},
        });
        with(data, differs)
    }

    fn card(&self) -> Value {
        json!({"cardDetails": {
            "requestId": self.entropy.uuid(),
            "data": {"signature": "a sample", "payload": "a sample"},
            "initiatedAt": self.now,
        }})
    }
}

const HOUR: Duration = Duration::from_hours(1);

fn dollars(value: &str) -> Value {
    json!({"value": value, "assetCode": "USD", "assetScale": 2})
}

/// `data` with the members of `more`.
fn with(mut data: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (data.as_object_mut(), more) {
        members.extend(more);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::{entropy, fixed_clock};

    fn of(kind: EventType) -> Value {
        sample(kind, fixed_clock().now(), &*entropy(1))
    }

    #[test]
    fn every_type_has_a_sample_of_exactly_three_members() {
        for kind in EventType::ALL {
            let sample = of(*kind);
            let members: Vec<&str> = sample.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, ["id", "type", "data"]);
            assert_eq!(sample["type"], kind.as_str());
            assert!(sample["data"].as_object().is_some_and(|data| !data.is_empty()), "{kind:?}");
        }
    }

    #[test]
    fn the_state_in_a_sample_is_that_of_its_type() {
        let states = [
            (EventType::OutgoingPaymentCreated, "FUNDING"),
            (EventType::OutgoingPaymentFunded, "SENDING"),
            (EventType::OutgoingPaymentCompleted, "COMPLETED"),
            (EventType::OutgoingPaymentFailed, "FAILED"),
            (EventType::OutgoingPaymentCancelled, "CANCELLED"),
        ];
        for (kind, state) in states {
            assert_eq!(of(kind)["data"]["state"], state);
        }
        assert_eq!(of(EventType::IncomingPaymentCompleted)["data"]["completed"], true);
        assert_eq!(of(EventType::IncomingPaymentExpired)["data"]["completed"], false);
        assert!(of(EventType::OutgoingPaymentFailed)["data"]["error"].is_string());
    }
}
