//! One payment from the order to the receipt: receiver, quote, payment, end.
//!
//! It uses only the Admin API and public wallet addresses. It asks no questions and prints nothing.

use std::time::Duration;

use admin_client::{
    AdminClient, AdminError, Amount, IncomingPaymentState, OutgoingPayment, OutgoingPaymentState, Quote, QuoteAmount,
    Receiver, TransferState, TransferType, WalletAddressRecord,
};
use clock::Stopwatch;
use money::Asset;
use outbound_http::{Outbound, Request};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;
use wallet::FeeRule;

use super::PayError;
use super::account_changes::{Moved, moved};
use super::institutions::{Institution, of_payer};
use operator_api::AccountView;

/// How often the state of a running payment is read.
const LOOK_EVERY: Duration = Duration::from_millis(30);
/// How soon an institution that does not answer is asked again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long an institution may take to start again.
const RESTART: Duration = Duration::from_secs(20);
/// How long to wait for an unfinished payment.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long to wait for the account-servicing entities' withdrawals before the receipt is written.
const SETTLING: Duration = Duration::from_secs(3);
/// The limit with which the Admin API shows all transfers of an account.
const ALL_TRANSFERS: u32 = 0;
/// How long the receiver is open.
const RECEIVER_LIFE: Duration = Duration::from_mins(15);

/// The order of the payer.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) from: Url,
    pub(crate) to: Url,
    pub(crate) amount: OrderAmount,
}

/// The fixed side of the payment, as the user wrote it.
#[derive(Clone, Debug)]
pub(crate) enum OrderAmount {
    /// The payer pays this amount.
    Send(String),
    /// The payee gets this amount.
    Receive(String),
    /// The payee gets the smallest unit of its asset.
    OneUnit,
}

/// The way of the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    SameCurrency,
    CrossCurrency,
    Local,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SameCurrency => "same-currency",
            Self::CrossCurrency => "cross-currency",
            Self::Local => "local",
        }
    }
}

/// A quote, before the payment is made.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) order: Order,
    pub(crate) kind: Kind,
    pub(crate) payer: WalletAddressRecord,
    pub(crate) payee_name: Option<String>,
    pub(crate) receiver: Receiver,
    pub(crate) quote: Quote,
    /// The fee, which is part of the debit amount.
    pub(crate) fee: Amount,
}

/// The result of a payment.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) offer: Offer,
    pub(crate) payment: OutgoingPayment,
    pub(crate) incoming_state: IncomingPaymentState,
    pub(crate) delivered: Amount,
    /// The debit of the packets, without later withdrawals.
    pub(crate) sent: Amount,
    pub(crate) packets: usize,
    pub(crate) elapsed: Duration,
    /// Accounts that moved, at every institution that shows its ledger.
    pub(crate) moved: Vec<Moved>,
}

/// The progress of a running payment.
#[derive(Clone, Debug)]
pub(crate) struct ProgressNow {
    pub(crate) state: OutgoingPaymentState,
    pub(crate) delivered: u64,
    /// The reason of the next attempt.
    pub(crate) tried_again: Option<TriedAgain>,
}

/// A failed attempt that will be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TriedAgain {
    /// How many attempts have failed.
    pub(crate) failed: u32,
    pub(crate) reason: String,
}

/// A wallet address as the public sees it (Open Payments, wallet address document).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WalletAddressDocument {
    public_name: Option<String>,
    asset_code: String,
    asset_scale: u8,
}

/// Makes payments with the operator's secret.
pub(crate) struct Payer {
    institutions: Vec<Institution>,
    http: Outbound,
    clock: std::sync::Arc<dyn clock::Clock>,
}

impl Payer {
    pub(crate) fn new(institutions: Vec<Institution>, http: Outbound, clock: std::sync::Arc<dyn clock::Clock>) -> Self {
        Self { institutions, http, clock }
    }

    /// Finds both sides, creates the receiver and the quote.
    pub(crate) async fn offer(&self, order: Order) -> Result<Offer, PayError> {
        if order.from == order.to {
            return Err(PayError::Oneself(order.from.to_string()));
        }
        let admin = &of_payer(&self.institutions, &order.from)?.admin;
        let payer = admin.wallet_address_by_url(order.from.as_str()).await?;
        let payer = payer.ok_or_else(|| PayError::UnknownPayer(order.from.to_string()))?;
        let payee = self.payee(&order.to).await?;
        let payer_asset = asset(&payer.asset.code, payer.asset.scale)?;
        let payee_asset = asset(&payee.asset_code, payee.asset_scale)?;
        let to = order.to.as_str();

        let (asked, quoted) = match &order.amount {
            OrderAmount::Send(text) => (None, QuoteAmount::Debit(amount(text, &payer_asset)?)),
            OrderAmount::Receive(text) => (Some(amount(text, &payee_asset)?), QuoteAmount::AsAsked),
            OrderAmount::OneUnit => (Some(Amount::new(1, &payee_asset)), QuoteAmount::AsAsked),
        };
        let expires_at = self.clock.now() + RECEIVER_LIFE;
        let receiver = admin.create_receiver(to, asked.as_ref(), Some(expires_at), None).await;
        let receiver = receiver.map_err(|error| PayError::preparing(error, to))?;
        let quote = admin.create_quote(payer.id, &receiver.id, &quoted).await;
        let quote = quote.map_err(|error| PayError::preparing(error, to))?;

        let kind = if same_institution(&order.from, &order.to) {
            Kind::Local
        } else if payer_asset == payee_asset {
            Kind::SameCurrency
        } else {
            Kind::CrossCurrency
        };
        let fee = fee(&payer, &order.amount, quote.debit_amount.value);
        let fee = Amount::new(fee, &payer_asset);
        Ok(Offer { order, kind, payer, payee_name: payee.public_name, receiver, quote, fee })
    }

    /// Makes the payment and follows it to its end.
    pub(crate) async fn send(&self, offer: Offer, progress: &mut dyn FnMut(&ProgressNow)) -> Result<Receipt, PayError> {
        let admin = &of_payer(&self.institutions, &offer.order.from)?.admin;
        let incoming = incoming_id(&offer.receiver.id);
        let ids: Vec<Uuid> = [Some(offer.quote.id), incoming].into_iter().flatten().collect();
        let before = self.looks(&ids).await;

        let watch = Stopwatch::start();
        let key = offer.quote.id.to_string();
        let payment = patiently(|| admin.create_outgoing_payment(offer.payer.id, offer.quote.id, None, &key)).await?;
        let payment = self.follow(admin, payment.id, incoming, &offer, progress).await?;
        let elapsed = watch.elapsed();
        require_completed(&payment)?;

        if matches!(offer.order.amount, OrderAmount::Send(_)) {
            // Nothing more is expected, so the receiver is completed at once.
            patiently(|| admin.complete_receiver(&offer.receiver.id)).await?;
        }
        let receiver = patiently(|| admin.receiver(&offer.receiver.id)).await?;
        self.await_settled(admin, payment.id, &offer.order.to, incoming).await?;
        let incoming_state = self.incoming_state(&offer.order.to, incoming, &receiver).await;

        let (movements, sent) = movements(admin, payment.id).await?;
        // Within one institution the money moves in the ledger, without packets.
        let packets = if offer.kind == Kind::Local { 0 } else { movements };
        let sent = Amount { value: sent, ..payment.debit_amount.clone() };

        let after = self.looks(&ids).await;
        let moved = before
            .iter()
            .zip(&after)
            .zip(&self.institutions)
            .flat_map(|((before, after), institution)| moved(&institution.name, before, after))
            .collect();

        Ok(Receipt {
            payment,
            incoming_state,
            delivered: receiver.received_amount,
            sent,
            packets,
            elapsed,
            moved,
            offer,
        })
    }

    async fn payee(&self, to: &Url) -> Result<WalletAddressDocument, PayError> {
        let response = self.http.send(Request::get(to.clone()).configured()).await;
        let response = response
            .map_err(|error| PayError::fetching(&to[url::Position::BeforeHost..url::Position::AfterPort], error))?;
        if !response.status.is_success() {
            return Err(PayError::UnknownReceiver(to.to_string()));
        }
        response.json().map_err(|_| PayError::UnknownReceiver(to.to_string()))
    }

    async fn follow(
        &self,
        admin: &AdminClient,
        id: Uuid,
        incoming: Option<Uuid>,
        offer: &Offer,
        progress: &mut dyn FnMut(&ProgressNow),
    ) -> Result<OutgoingPayment, PayError> {
        let watch = Stopwatch::start();
        let payee_side = self.institutions.iter().find(|institution| institution.owns(&offer.order.to));

        loop {
            let payment = match admin.outgoing_payment(id).await {
                Ok(payment) => payment,
                // The payment exists. If its institution is restarting, it continues the payment afterwards.
                Err(error) if error.is_temporary() && watch.elapsed() < PATIENCE => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };

            let delivered = match (payee_side, incoming) {
                (Some(institution), Some(incoming)) => {
                    let received = institution.admin.incoming_payment(incoming).await;
                    received.map_or(0, |payment| payment.received_amount.value)
                }
                _ => delivered_so_far(&payment),
            };
            progress(&ProgressNow { state: payment.state, delivered, tried_again: tried_again(&payment) });

            match payment.state {
                OutgoingPaymentState::Funding | OutgoingPaymentState::Sending => {}
                OutgoingPaymentState::Completed | OutgoingPaymentState::Failed | OutgoingPaymentState::Cancelled => {
                    return Ok(payment);
                }
            }
            if watch.elapsed() > PATIENCE {
                return Err(PayError::NoEnd { id: id.to_string(), seconds: PATIENCE.as_secs() });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until both wallets have withdrawn their money, as far as this command can see it.
    async fn await_settled(
        &self,
        admin: &AdminClient,
        payment: Uuid,
        to: &Url,
        incoming: Option<Uuid>,
    ) -> Result<(), PayError> {
        let watch = Stopwatch::start();
        let payee_side = self.institutions.iter().find(|institution| institution.owns(to));
        while watch.elapsed() < SETTLING {
            let left = patiently(|| admin.outgoing_payment(payment)).await?.liquidity.unwrap_or(0);
            let held = match (payee_side, incoming) {
                (Some(institution), Some(incoming)) => {
                    let held = institution.admin.incoming_payment(incoming).await;
                    held.ok().and_then(|payment| payment.liquidity).unwrap_or(0)
                }
                _ => 0,
            };
            if left == 0 && held == 0 {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn incoming_state(&self, to: &Url, incoming: Option<Uuid>, receiver: &Receiver) -> IncomingPaymentState {
        let payee_side = self.institutions.iter().find(|institution| institution.owns(to));
        if let (Some(institution), Some(incoming)) = (payee_side, incoming)
            && let Ok(payment) = institution.admin.incoming_payment(incoming).await
        {
            return payment.state;
        }
        if receiver.completed { IncomingPaymentState::Completed } else { IncomingPaymentState::Processing }
    }

    async fn looks(&self, payments: &[Uuid]) -> Vec<Vec<AccountView>> {
        let mut looks = Vec::with_capacity(self.institutions.len());
        for institution in &self.institutions {
            looks.push(institution.ledger_accounts(payments).await);
        }
        looks
    }
}

/// Repeats a safe call while an institution is restarting.
async fn patiently<T, F: Future<Output = Result<T, AdminError>>>(call: impl Fn() -> F) -> Result<T, AdminError> {
    let watch = Stopwatch::start();
    loop {
        match call().await {
            Err(AdminError::Unreachable { .. }) if watch.elapsed() < RESTART => tokio::time::sleep(LOOK_AGAIN).await,
            outcome => return outcome,
        }
    }
}

fn tried_again(payment: &OutgoingPayment) -> Option<TriedAgain> {
    let failed = payment.state_attempts;
    let is_tried = payment.state == OutgoingPaymentState::Sending && failed > 0;
    let reason = payment.error.clone().unwrap_or_else(|| "no reason was given".to_owned());
    is_tried.then_some(TriedAgain { failed, reason })
}

fn require_completed(payment: &OutgoingPayment) -> Result<(), PayError> {
    let metadata = payment.metadata.as_ref();
    let cancelled_because = metadata.and_then(|metadata| metadata["cancellationReason"].as_str());
    let reason = match payment.state {
        OutgoingPaymentState::Completed => return Ok(()),
        OutgoingPaymentState::Cancelled => cancelled_because.unwrap_or("the payer's wallet cancelled it"),
        _ => payment.error.as_deref().unwrap_or("no reason was given"),
    };
    Err(PayError::ended(payment.id.to_string(), payment.sent_amount.clone(), reason.to_owned()))
}

/// An estimate while the receiving side does not answer: the amount sent, at the quoted rate.
fn delivered_so_far(payment: &OutgoingPayment) -> u64 {
    let quoted = money::Ratio::new(payment.receive_amount.value.into(), payment.debit_amount.value.max(1).into());
    quoted.ok().and_then(|ratio| ratio.checked_mul_floor(payment.sent_amount.value)).unwrap_or(0)
}

/// The number and the total of the movements that paid for it.
async fn movements(admin: &AdminClient, payment: Uuid) -> Result<(usize, u64), PayError> {
    let transfers = patiently(|| admin.accounting_transfers(payment, ALL_TRANSFERS)).await?;
    let is_delivery = |transfer: &&admin_client::AccountingTransfer| {
        transfer.transfer_type == TransferType::Transfer && transfer.state == TransferState::Posted
    };
    let moved: Vec<u64> = transfers.debits.iter().filter(is_delivery).map(|transfer| transfer.amount).collect();
    Ok((moved.len(), moved.iter().sum()))
}

fn fee(payer: &WalletAddressRecord, amount: &OrderAmount, debit: u64) -> u64 {
    let Some(fee) = payer.asset.sending_fee else { return 0 };
    let rule = FeeRule { fixed: fee.fixed, basis_points: fee.basis_points };
    match amount {
        OrderAmount::Send(_) => rule.of_fixed_debit(debit),
        OrderAmount::Receive(_) | OrderAmount::OneUnit => rule.of_fixed_delivery(debit),
    }
}

fn asset(code: &str, scale: u8) -> Result<Asset, PayError> {
    Asset::new(code, scale).map_err(|_| PayError::Refused(format!("an asset is called {code:?}")))
}

fn amount(text: &str, asset: &Asset) -> Result<Amount, PayError> {
    let value = read_amount(text, asset).map_err(|reason| PayError::NotAnAmount { text: text.to_owned(), reason })?;
    if value == 0 {
        return Err(PayError::TooSmall { minimum: None });
    }
    Ok(Amount::new(value, asset))
}

/// The smallest units of the text, or the fault of the text.
pub(crate) fn read_amount(text: &str, asset: &Asset) -> Result<u64, String> {
    let currency = asset.code.to_string();
    let text = text.trim();
    // The currency may be written too.
    let number = text.strip_suffix(&currency).or_else(|| text.strip_prefix(&currency)).unwrap_or(text).trim();
    if let Some(value) = asset.parse_decimal(number) {
        return Ok(value);
    }

    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if number.starts_with('-') {
        return Err("money can only be sent; write a number above 0".to_owned());
    }
    if number.chars().any(char::is_alphabetic) {
        return Err(format!("this side of the payment is in {currency}; write the number alone"));
    }
    if !plain(whole) || !plain(part) {
        return Err(format!("write it as 10 or 10.50, in {currency}"));
    }
    if part.len() > usize::from(asset.scale) {
        return Err(format!("{currency} has at most {} decimal places here", asset.scale));
    }
    Err(format!("the largest payment is {}", Amount::new(u64::MAX, asset)))
}

fn same_institution(a: &Url, b: &Url) -> bool {
    a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default()
}

/// The id of an incoming payment: the last segment of its URL.
fn incoming_id(url: &str) -> Option<Uuid> {
    url.rsplit('/').next().and_then(|id| Uuid::try_parse(id).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_must_fit_their_currency_and_be_more_than_nothing() {
        let usd = Asset::new("USD", 2).unwrap();
        assert_eq!(amount("10.00", &usd).unwrap().value, 1_000);
        assert_eq!(amount("10 USD", &usd).unwrap().value, 1_000);
        for (text, told) in [
            ("10.001", "USD has at most 2 decimal places here"),
            ("-5", "write a number above 0"),
            ("10 EUR", "this side of the payment is in USD"),
            ("ten", "this side of the payment is in USD"),
            ("10,50", "write it as 10 or 10.50"),
            ("99999999999999999999", "the largest payment is 184467440737095516.15 USD"),
        ] {
            let refused = amount(text, &usd).unwrap_err();
            assert!(matches!(refused, PayError::NotAnAmount { .. }) && refused.to_string().contains(told), "{refused}");
        }
        assert!(matches!(amount("0", &usd), Err(PayError::TooSmall { .. })));
    }

    #[test]
    fn an_incoming_payment_is_known_by_the_end_of_its_url() {
        let id = Uuid::from_u128(9);
        assert_eq!(incoming_id(&format!("https://h/t/incoming-payments/{id}")), Some(id));
        assert_eq!(incoming_id("https://h/t/incoming-payments/x"), None);
    }
}
