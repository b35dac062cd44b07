//! The instance that the test plays: quotes, payments, their money, and the events that it tells of.
//!
//! It keeps its own books, by rules of its own. It knows nothing of the wallet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use clock::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;
use wallet::FeeRule;

/// How far a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Funding,
    Sending,
    Completed,
    Failed,
    Cancelled,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Funding => "FUNDING",
            Self::Sending => "SENDING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// An offer, and the payment made of it.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) id: Uuid,
    pub(crate) address: Uuid,
    pub(crate) debit: u64,
    /// The most that can be sent, without the fee.
    pub(crate) base: u64,
    pub(crate) receive: u64,
    /// The fee of the offer.
    pub(crate) rule: FeeRule,
    pub(crate) sent: u64,
    pub(crate) state: State,
    /// What is in its account.
    pub(crate) liquidity: u64,
    quoted_at: Timestamp,
    expires_at: Timestamp,
}

/// Money that has come for a wallet address, under an incoming payment or without.
#[derive(Clone, Debug)]
struct Credit {
    address: Uuid,
    amount: u64,
    withdrawn: bool,
}

/// Everything that the instance has.
#[derive(Default)]
struct Kept {
    offers: BTreeMap<Uuid, Payment>,
    payments: BTreeMap<Uuid, Payment>,
    keys: BTreeMap<String, Uuid>,
    credits: BTreeMap<Uuid, Credit>,
    receivers: BTreeMap<String, Option<u64>>,
    /// Payments of the customer whose first event was not told yet.
    new: BTreeSet<Uuid>,
    /// The fees that were set, the oldest first, and of which type.
    fees: Vec<(Timestamp, FeeRule, &'static str)>,
    addresses: BTreeSet<String>,
    /// Deposits less withdrawals, of everybody: what the entity has given to the network.
    given: i128,
    cancelled_because: BTreeMap<Uuid, String>,
    /// The events that can be listed, the oldest first.
    listed: Vec<Value>,
    /// What an application asks for, what was answered, and the grants.
    asked: Value,
    decisions: Vec<String>,
    grants: Vec<Value>,
    /// How grants were finalized that were given to whoever asked.
    given_grants: BTreeSet<String>,
    numbers: u128,
}

/// The instance.
#[derive(Default)]
pub(crate) struct Instance {
    kept: Mutex<Kept>,
}

pub(crate) fn usd(value: u64) -> Value {
    json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2})
}

pub(crate) fn id_of(url: &str) -> Uuid {
    Uuid::from_u128(url.bytes().fold(7, |sum: u128, byte| sum.wrapping_mul(31).wrapping_add(byte.into())))
}

fn refused(code: &str) -> Value {
    json!({"errors": [{"message": code, "extensions": {"code": code}}], "data": null})
}

fn number(amount: &Value) -> Option<u64> {
    amount["value"].as_str()?.parse().ok()
}

/// What a payment counts for the limits of its grant: on the side of the payer, and on that of the payee.
fn counted(payment: &Payment) -> (u64, u64) {
    match payment.state {
        State::Funding | State::Sending => (payment.debit, payment.receive),
        State::Completed => (payment.debit, payment.sent),
        State::Failed => (payment.sent, payment.sent),
        State::Cancelled => (0, 0),
    }
}

impl Kept {
    fn id(&mut self) -> Uuid {
        self.numbers += 1;
        Uuid::from_u128((1 << 90) + self.numbers)
    }

    fn rule(&self) -> FeeRule {
        self.fees.iter().rfind(|(.., kind)| *kind == "SENDING").map_or(FeeRule::NONE, |(_, rule, _)| *rule)
    }

    /// An offer in which the debit is fixed, or the delivery, of which one percent is kept for bad rates.
    fn offer(&mut self, address: Uuid, debit: Option<u64>, receive: Option<u64>, now: Timestamp) -> Payment {
        let (id, rule) = (self.id(), self.rule());
        let (debit, base, receive) = match (debit, receive) {
            (Some(debit), _) => {
                let base = debit - rule.on(debit).min(debit);
                (debit, base, base)
            }
            (None, receive) => {
                let receive = receive.unwrap();
                let base = receive + receive.div_ceil(100);
                (base + rule.on(base), base, receive)
            }
        };
        let expires_at = now + std::time::Duration::from_mins(5);
        let payment = Payment {
            id,
            address,
            debit,
            base,
            receive,
            rule,
            sent: 0,
            state: State::Funding,
            liquidity: 0,
            quoted_at: now,
            expires_at,
        };
        self.offers.insert(id, payment.clone());
        payment
    }

    fn shown(payment: &Payment) -> Value {
        json!({"id": payment.id, "walletAddressId": payment.address, "state": payment.state.as_str(), "error": null,
            "stateAttempts": 0, "debitAmount": usd(payment.debit), "receiveAmount": usd(payment.receive),
            "sentAmount": usd(payment.sent), "receiver": "https://other.example/incoming-payments/1",
            "liquidity": payment.liquidity.to_string(), "metadata": null, "grantId": null,
            "createdAt": payment.quoted_at.to_string()})
    }

    fn answer(&mut self, operation: &str, variables: &Value, now: Timestamp) -> Result<Value, Value> {
        let input = &variables["input"];
        let id = |name: &str| -> Uuid { input[name].as_str().unwrap().parse().unwrap() };
        let fee = Some(self.rule())
            .filter(|rule| *rule != FeeRule::NONE)
            .map(|rule| json!({"fixed": rule.fixed.to_string(), "basisPoints": rule.basis_points}));
        let asset = json!({"id": Uuid::from_u128(1), "code": "USD", "scale": 2, "liquidity": "0", "sendingFee": fee});
        let address = |url: &Value| json!({"id": id_of(url.as_str().unwrap()), "address": url, "publicName": "x", "asset": asset});
        Ok(match operation {
            "Assets" => {
                json!({"assets": {"edges": [{"node": asset}], "pageInfo": {"hasNextPage": false, "endCursor": null}}})
            }
            "ConsoleAsset" => json!({"asset": asset}),
            "AssetByCodeAndScale" => json!({"assetByCodeAndScale": asset}),
            "ConsoleFees" => {
                let before: usize = variables["after"].as_str().map_or(self.fees.len(), |after| after.parse().unwrap());
                let from = before.saturating_sub(usize::try_from(variables["first"].as_u64().unwrap()).unwrap());
                let fee = |(at, rule, kind): &(Timestamp, FeeRule, &str)| {
                    json!({"node": {"id": Uuid::from_u128(3), "type": kind, "fixed": rule.fixed.to_string(),
                        "basisPoints": rule.basis_points, "createdAt": at.to_string()}})
                };
                let fees: Vec<Value> = self.fees[from..before].iter().rev().map(fee).collect();
                json!({"asset": {"fees": {"edges": fees, "pageInfo": {"hasNextPage": from > 0, "hasPreviousPage": false,
                    "endCursor": from.to_string()}}}})
            }
            "ConsoleQuote" => {
                let offer: Uuid = variables["id"].as_str().unwrap().parse().unwrap();
                let offer = self.offers.get(&offer).ok_or_else(|| refused("NOT_FOUND"))?;
                json!({"quote": {"id": offer.id, "walletAddressId": offer.address, "receiver": "r",
                    "debitAmount": usd(offer.debit), "receiveAmount": usd(offer.receive),
                    "createdAt": offer.quoted_at.to_string(), "expiresAt": offer.expires_at.to_string()}})
            }
            "WalletAddressByUrl" => {
                let known = self.addresses.contains(variables["url"].as_str().unwrap());
                json!({"walletAddressByUrl": known.then(|| address(&variables["url"]))})
            }
            "CreateWalletAddress" => {
                self.addresses.insert(input["address"].as_str().unwrap().to_owned());
                json!({"createWalletAddress": {"walletAddress": address(&input["address"])}})
            }
            "DepositAsset" => {
                if self.keys.insert(input["id"].as_str().unwrap().to_owned(), Uuid::nil()).is_some() {
                    return Err(refused("DUPLICATE"));
                }
                self.given += input["amount"].as_str().unwrap().parse::<i128>().unwrap();
                json!({})
            }
            "CreateReceiver" => {
                let url = format!("https://other.example/incoming-payments/{}", self.id());
                self.receivers.insert(url.clone(), number(&input["incomingAmount"]));
                json!({"createReceiver": {"receiver": {"id": url, "walletAddressUrl": input["walletAddressUrl"],
                    "completed": false, "incomingAmount": input["incomingAmount"], "receivedAmount": usd(0), "expiresAt": null}}})
            }
            "CreateQuote" => {
                let asked = self.receivers[input["receiver"].as_str().unwrap()];
                let receive = number(&input["receiveAmount"]).or(asked);
                let offer = self.offer(id("walletAddressId"), number(&input["debitAmount"]), receive, now);
                json!({"createQuote": {"quote": {"id": offer.id, "receiver": input["receiver"],
                    "debitAmount": usd(offer.debit), "receiveAmount": usd(offer.receive),
                    "createdAt": offer.quoted_at.to_string(), "expiresAt": offer.expires_at.to_string()}}})
            }
            "CreateOutgoingPayment" => {
                let (quote, key) = (id("quoteId"), input["idempotencyKey"].as_str().unwrap().to_owned());
                if !self.keys.contains_key(&key) {
                    let offer = self.offers.get(&quote).cloned().unwrap();
                    if now >= offer.expires_at || self.payments.contains_key(&quote) {
                        return Err(refused("BAD_USER_INPUT"));
                    }
                    self.payments.insert(quote, offer);
                    self.new.insert(quote);
                    self.keys.insert(key, quote);
                }
                json!({"createOutgoingPayment": {"payment": Self::shown(&self.payments[&quote])}})
            }
            "ConsoleWebhookEvents" => {
                let before: usize =
                    variables["after"].as_str().map_or(self.listed.len(), |after| after.parse().unwrap());
                let first = usize::try_from(variables["first"].as_u64().unwrap()).unwrap();
                let from = before.saturating_sub(first);
                let edges: Vec<Value> =
                    self.listed[from..before].iter().rev().map(|event| json!({"node": event})).collect();
                json!({"webhookEvents": {"edges": edges, "pageInfo": {"hasNextPage": from > 0, "hasPreviousPage": false,
                    "endCursor": from.to_string()}}})
            }
            "OutgoingPayment" => {
                let payment: Uuid = variables["id"].as_str().unwrap().parse().unwrap();
                json!({"outgoingPayment": Self::shown(self.payments.get(&payment).ok_or_else(|| refused("NOT_FOUND"))?)})
            }
            "SpendingOfPayment" => {
                let payment: Uuid = variables["id"].as_str().unwrap().parse().unwrap();
                let (debit, receive) = counted(self.payments.get(&payment).ok_or_else(|| refused("NOT_FOUND"))?);
                json!({"outgoingPayment": {"spentDebitAmount": usd(debit), "spentReceiveAmount": usd(receive)}})
            }
            "DepositOutgoingPayment" => {
                let payment = self.payments.get_mut(&id("outgoingPaymentId")).ok_or_else(|| refused("NOT_FOUND"))?;
                if payment.state != State::Funding {
                    return Err(refused("CONFLICT"));
                }
                (payment.state, payment.liquidity) = (State::Sending, payment.debit);
                self.given += i128::from(payment.debit);
                json!({})
            }
            "CancelOutgoingPayment" => {
                let payment = self.payments.get_mut(&id("id")).ok_or_else(|| refused("NOT_FOUND"))?;
                if payment.state != State::Funding {
                    return Err(refused("CONFLICT"));
                }
                payment.state = State::Cancelled;
                self.cancelled_because.insert(payment.id, input["reason"].as_str().unwrap().to_owned());
                json!({})
            }
            "WithdrawOutgoingPayment" => {
                let payment = self.payments.get_mut(&id("outgoingPaymentId")).ok_or_else(|| refused("NOT_FOUND"))?;
                if !matches!(payment.state, State::Completed | State::Failed) || payment.liquidity == 0 {
                    return Err(refused("FORBIDDEN"));
                }
                self.given -= i128::from(std::mem::take(&mut payment.liquidity));
                json!({})
            }
            "WithdrawIncomingPayment" => self.withdraw(id("incomingPaymentId"))?,
            "WithdrawEvent" => self.withdraw(id("eventId"))?,
            _ => json!({}),
        })
    }

    fn withdraw(&mut self, credit: Uuid) -> Result<Value, Value> {
        let credit = self.credits.get_mut(&credit).ok_or_else(|| refused("NOT_FOUND"))?;
        if std::mem::replace(&mut credit.withdrawn, true) {
            return Err(refused("DUPLICATE"));
        }
        self.given -= i128::from(credit.amount);
        Ok(json!({}))
    }
}

impl Instance {
    pub(crate) fn answer(&self, operation: &str, variables: &Value, now: Timestamp) -> Value {
        let mut kept = self.kept.lock().unwrap();
        match kept.answer(operation, variables, now) {
            Ok(data) => json!({"data": data}),
            Err(errors) => errors,
        }
    }

    /// What the payments that were made in a period count for a limit on received amounts.
    pub(crate) fn counted(&self, from: Timestamp, until: Timestamp) -> u64 {
        let kept = self.kept.lock().unwrap();
        let made = kept.payments.values().filter(|payment| (from..until).contains(&payment.quoted_at));
        made.map(|payment| counted(payment).1).sum()
    }

    pub(crate) fn set_fee(&self, rule: FeeRule, now: Timestamp) {
        self.kept.lock().unwrap().fees.push((now, rule, "SENDING"));
    }

    /// The fee that payees pay.
    pub(crate) fn set_fee_of_receiving(&self, rule: FeeRule, now: Timestamp) {
        self.kept.lock().unwrap().fees.push((now, rule, "RECEIVING"));
    }

    /// An application asks for this.
    pub(crate) fn asks(&self, asked: Value) {
        self.kept.lock().unwrap().asked = asked;
    }

    pub(crate) fn asked(&self) -> Value {
        self.kept.lock().unwrap().asked.clone()
    }

    pub(crate) fn decide(&self, choice: String) {
        self.kept.lock().unwrap().decisions.push(choice);
    }

    pub(crate) fn decisions(&self) -> Vec<String> {
        self.kept.lock().unwrap().decisions.clone()
    }

    pub(crate) fn grant(&self, grant: Value) {
        self.kept.lock().unwrap().grants.push(grant);
    }

    /// A page of the grants: those of a state that were finalized as asked for, from a cursor on. Or one grant.
    pub(crate) fn grants(&self, variables: &Value) -> Value {
        let mut kept = self.kept.lock().unwrap();
        if !variables["input"]["grantId"].is_null() {
            let id = &variables["input"]["grantId"];
            let revoked = kept.grants.iter_mut().find(|grant| grant["id"] == *id).unwrap();
            revoked["finalizationReason"] = json!("REVOKED");
            return json!({"data": {"revokeGrant": {"id": id}}});
        }
        if variables["filter"].is_null() {
            let found = kept.grants.iter().find(|grant| grant["id"] == variables["id"]);
            return json!({"data": {"grant": found}});
        }
        let (state, reason) =
            (&variables["filter"]["state"]["in"][0], &variables["filter"]["finalizationReason"]["in"][0]);
        let is_wanted =
            |grant: &&Value| grant["state"] == *state && (reason.is_null() || grant["finalizationReason"] == *reason);
        let of_state: Vec<Value> = kept.grants.iter().filter(is_wanted).cloned().collect();
        kept.given_grants.extend(of_state.iter().map(|grant| grant["finalizationReason"].to_string()));
        let from: usize = variables["after"].as_str().map_or(0, |after| after.parse().unwrap());
        let first = usize::try_from(variables["first"].as_u64().unwrap()).unwrap();
        let until = of_state.len().min(from + first);
        let edges: Vec<Value> = of_state[from..until].iter().map(|grant| json!({"node": grant})).collect();
        json!({"data": {"grants": {"edges": edges, "pageInfo": {"hasNextPage": until < of_state.len(),
            "hasPreviousPage": from > 0, "endCursor": until.to_string()}}}})
    }

    pub(crate) fn given_grants(&self) -> BTreeSet<String> {
        self.kept.lock().unwrap().given_grants.clone()
    }

    /// A client makes a payment under a grant. Returns its id.
    pub(crate) fn client_pays(&self, address: Uuid, debit: Option<u64>, receive: Option<u64>, now: Timestamp) -> Uuid {
        let mut kept = self.kept.lock().unwrap();
        let payment = kept.offer(address, debit, receive, now);
        kept.payments.insert(payment.id, payment.clone());
        payment.id
    }

    /// It makes the payment of an offer, however old the offer is.
    pub(crate) fn makes(&self, offer: Uuid) {
        let mut kept = self.kept.lock().unwrap();
        let payment = kept.offers[&offer].clone();
        kept.payments.insert(offer, payment);
    }

    /// Money comes, and ends what it came for. Returns the incoming payment, or the event if there is none.
    pub(crate) fn comes(&self, address: Uuid, amount: u64) -> Uuid {
        let mut kept = self.kept.lock().unwrap();
        let id = kept.id();
        kept.credits.insert(id, Credit { address, amount, withdrawn: false });
        id
    }

    pub(crate) fn payments(&self) -> Vec<Payment> {
        self.kept.lock().unwrap().payments.values().cloned().collect()
    }

    /// A payment, if it was made.
    pub(crate) fn try_payment(&self, id: Uuid) -> Option<Payment> {
        self.kept.lock().unwrap().payments.get(&id).cloned()
    }

    pub(crate) fn payment(&self, id: Uuid) -> Payment {
        self.kept.lock().unwrap().payments[&id].clone()
    }

    /// Whether the customer's payment has just been made. It answers once.
    pub(crate) fn is_new(&self, id: Uuid) -> bool {
        self.kept.lock().unwrap().new.remove(&id)
    }

    pub(crate) fn why_cancelled(&self, id: Uuid) -> Option<String> {
        self.kept.lock().unwrap().cancelled_because.get(&id).cloned()
    }

    /// Ends a payment that is under way.
    pub(crate) fn end(&self, id: Uuid, state: State, sent: u64) {
        let mut kept = self.kept.lock().unwrap();
        let payment = kept.payments.get_mut(&id).unwrap();
        assert_eq!(payment.state, State::Sending, "only what has its money is sent");
        assert!(sent <= payment.base);
        (payment.state, payment.sent, payment.liquidity) = (state, sent, payment.debit - sent);
    }

    /// The operator cancels a payment that waits for its money. No event tells of it.
    pub(crate) fn operator_cancels(&self, id: Uuid) {
        let mut kept = self.kept.lock().unwrap();
        let payment = kept.payments.get_mut(&id).unwrap();
        if payment.state == State::Funding {
            payment.state = State::Cancelled;
        }
    }

    /// What the entity has given to the network, less what it took back.
    pub(crate) fn given(&self) -> i128 {
        self.kept.lock().unwrap().given
    }

    /// What came for an address and was withdrawn, and whether everything was.
    pub(crate) fn received(&self, address: Uuid) -> (i128, bool) {
        let kept = self.kept.lock().unwrap();
        let of = kept.credits.values().filter(|credit| credit.address == address);
        of.fold(
            (0, true),
            |(sum, all), credit| {
                if credit.withdrawn { (sum + i128::from(credit.amount), all) } else { (sum, false) }
            },
        )
    }

    /// Lists an event from now on, whether it is delivered or not.
    pub(crate) fn lists(&self, event: &Value, now: Timestamp) {
        let (id, kind, data) = (&event["id"], &event["type"], &event["data"]);
        let row = json!({"id": id, "type": kind, "data": data, "createdAt": now.to_string(), "tenant": null});
        self.kept.lock().unwrap().listed.push(row);
    }

    /// The event that tells of a payment's state.
    pub(crate) fn told(&self, event: Uuid, kind: &str, id: Uuid) -> Value {
        let payment = self.payment(id);
        let (sent, balance) = if kind == "created" { (0, 0) } else { (payment.sent, payment.debit - payment.sent) };
        json!({"id": event, "type": format!("outgoing_payment.{kind}"), "data": {"id": id,
            "walletAddressId": payment.address, "client": null, "state": "FUNDING",
            "receiver": "https://other.example/incoming-payments/1", "debitAmount": usd(payment.debit),
            "receiveAmount": usd(payment.receive), "sentAmount": usd(sent), "stateAttempts": 0,
            "createdAt": payment.quoted_at.to_string(), "balance": balance.to_string()}})
    }

    /// The event that tells of money that has come.
    pub(crate) fn told_credit(&self, event: Uuid, kind: &str, id: Uuid) -> Value {
        let credit = self.kept.lock().unwrap().credits[&id].clone();
        let data = if kind == "wallet_address.web_monetization" {
            json!({"walletAddress": {"id": credit.address, "createdAt": "2026-01-01T00:00:00.000Z", "receivedAmount": usd(credit.amount)}})
        } else {
            json!({"id": id, "walletAddressId": credit.address, "client": null, "createdAt": "2026-01-01T00:00:00.000Z",
                "expiresAt": "2026-01-01T01:00:00.000Z", "completed": true, "receivedAmount": usd(credit.amount)})
        };
        json!({"id": event, "type": kind, "data": data})
    }
}
