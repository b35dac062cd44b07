//! What a payer is asked: a bill, a quote of what it costs, and consent to pay it. Then the payer's answer.
//!
//! Every request that has an effect has a key derived from the transfer. What follows the consent is in `steps`.

use std::time::Duration;

use gnap::limits::{LimitAmount, Limits};
use gnap::{AccessItem, AccessType, Action, Actions, WalletAddressUrl};
use money::AssetAmount;
use open_payments::{Amount, CreateIncomingPayment, CreateQuote, Metadata, QuoteAmount, WalletAddress};
use open_payments_client::IssuedToken;

use crate::orders::{Bill, Means, Order, Purpose, Stage, Token, Transfer};
use crate::periods::interval;
use crate::store::Changed;
use crate::till::{BILL_LIVES, Till, TillError};

/// How long the payer may think. The authorization servers of this release forget after ten minutes.
const CONSENT_LIVES: Duration = Duration::from_mins(10);
/// If the payer is asked later than this after the begin of the transfer, the bill is made anew.
const BILL_STALE: Duration = Duration::from_mins(10);

impl Till {
    /// Asks for the payer's consent. Afterwards the payer's browser has somewhere to go.
    pub(crate) async fn ask(&self, order: &Order, transfer: &mut Transfer) -> Result<(), TillError> {
        let now = self.clock.now();
        if now > transfer.created_at.saturating_add(BILL_STALE) {
            transfer.created_at = now;
            if self.store.save(transfer, None).await? == Changed::Overtaken {
                return Ok(());
            }
        }
        let (payer, payee) = self.parties(order, transfer.purpose).await?;
        let bill = self.bill(order, transfer, &payer, &payee).await?;
        let limits = limits(order, transfer, &bill)?;
        let right = right(&payer, limits)?;
        let nonce = self.entropy.uuid().simple().to_string();
        let back = self.back(order, transfer.purpose);
        let pending = self.client.request_consent(&payer.auth_server, right, &back, &nonce).await?;
        transfer.stage = Stage::Asked { bill, pending };
        transfer.attempts = 0;
        let due = self.clock.now().saturating_add(CONSENT_LIVES);
        // If another request was faster, this consent is not used: the payer sees the stored one.
        self.store.save(transfer, Some(due)).await.map(drop)?;
        Ok(())
    }

    /// Where the payer's browser comes back to.
    fn back(&self, order: &Order, purpose: Purpose) -> String {
        let base = self.public_url.as_str().trim_end_matches('/');
        match purpose {
            Purpose::Purchase | Purpose::Charge => format!("{base}/orders/{}/back", order.id),
            Purpose::Refund => format!("{base}/desk/{}/back", order.id),
        }
    }

    /// Makes the bill of a payment that the customer has allowed before. It is paid next.
    pub(crate) async fn charge(&self, order: &Order, transfer: &mut Transfer, token: Token) -> Result<(), TillError> {
        let (payer, payee) = self.parties(order, transfer.purpose).await?;
        let bill = self.bill(order, transfer, &payer, &payee).await?;
        transfer.stage = Stage::Agreed { bill, token };
        transfer.attempts = 0;
        Ok(self.store.save(transfer, Some(self.clock.now())).await.map(drop)?)
    }

    /// The incoming payment of the transfer, and an offer to pay it.
    pub(crate) async fn bill(
        &self,
        order: &Order,
        transfer: &Transfer,
        payer: &WalletAddress,
        payee: &WalletAddress,
    ) -> Result<Bill, TillError> {
        let price = Amount::new(transfer.value, &order.asset);
        let (incoming_amount, fixed) = match transfer.purpose {
            Purpose::Purchase | Purpose::Charge => (Some(price), QuoteAmount::Receiver),
            // The shop gives back what it got, whatever that is worth to the customer now.
            Purpose::Refund => (None, QuoteAmount::Debit(price)),
        };
        let wanted = CreateIncomingPayment {
            wallet_address: payee.id.clone(),
            incoming_amount,
            // Not from now on: a repetition must ask for the same.
            expires_at: Some(transfer.created_at.saturating_add(BILL_LIVES)),
            metadata: Some(metadata(order, transfer)),
        };
        let (wanted, key) = (&wanted, &transfer.bill_key());
        let create = |token: IssuedToken| async move {
            self.client.create_incoming_payment(payee, wanted, Some(key), token.value.expose()).await
        };
        let incoming = self.with_token(payee, create).await?;

        let actions = [Action::Create, Action::Read];
        let grant = self.client.request_grant(&payer.auth_server, AccessType::Quote, &actions).await?;
        let wanted = CreateQuote { wallet_address: payer.id.clone(), receiver: incoming.id.clone(), amount: fixed };
        let quote = self.client.create_quote(payer, &wanted, grant.value.expose()).await?;
        let delivers = quote.receive_amount.value;
        let expected = match transfer.purpose {
            // The price decides, and not what the payer's wallet says about it.
            Purpose::Purchase | Purpose::Charge if delivers >= transfer.value => transfer.value,
            Purpose::Purchase | Purpose::Charge => {
                return Err(TillError::Unusable("the quote delivers less than the price".to_owned()));
            }
            Purpose::Refund => delivers,
        };
        Ok(Bill { incoming: incoming.id, expected, debit: quote.debit_amount, quote: quote.id })
    }

    /// Notes that the payer's browser came back, with the reference that its wallet gave.
    pub(crate) async fn returned(
        &self,
        transfer: &mut Transfer,
        interact_ref: &str,
        hash: &str,
    ) -> Result<Changed, TillError> {
        let Stage::Asked { bill, pending } = &transfer.stage else { return Ok(Changed::Overtaken) };
        let reference = pending.check_return(interact_ref, hash);
        let reference = reference.map_err(|foreign| TillError::Unusable(foreign.to_string()))?;
        // A grant must not be continued too early. The consent took time, so this waits for longer than needed.
        let due = self.clock.now().saturating_add(pending.wait());
        let (bill, pending) = (bill.clone(), pending.clone());
        transfer.stage = Stage::Returned { bill, pending, reference, unanswered_since: None };
        transfer.attempts = 0;
        Ok(self.store.save(transfer, Some(due)).await?)
    }

    /// Notes that the payer does not want to. There is no token, so nothing can be paid.
    pub(crate) async fn refused(&self, transfer: &mut Transfer) -> Result<Changed, TillError> {
        if !matches!(transfer.stage, Stage::Asked { .. }) {
            return Ok(Changed::Overtaken);
        }
        transfer.stage = Stage::Refused;
        Ok(self.store.save(transfer, None).await?)
    }
}

fn unusable(error: &dyn ToString) -> TillError {
    TillError::Unusable(error.to_string())
}

/// What the payer is asked to allow: this payment, or one such payment or a budget each month.
fn limits(order: &Order, transfer: &Transfer, bill: &Bill) -> Result<Limits, TillError> {
    if transfer.purpose != Purpose::Refund && order.gives_right() {
        let value = match order.means {
            Means::Opens { limit } => limit,
            Means::Asked | Means::From(_) => order.value,
        };
        let interval = interval(order).ok_or_else(|| unusable(&"there is no such date"))?;
        let amount = Some(LimitAmount::Receive(AssetAmount { value, asset: order.asset.clone() }));
        return Ok(Limits { receiver: None, interval: Some(interval), amount });
    }
    let receiver = bill.incoming.parse().map_err(|error: gnap::InvalidUrl| unusable(&error))?;
    let amount = AssetAmount { value: bill.debit.value, asset: bill.debit.asset() };
    Ok(Limits { receiver: Some(receiver), interval: None, amount: Some(LimitAmount::Debit(amount)) })
}

fn right(payer: &WalletAddress, limits: Limits) -> Result<AccessItem, TillError> {
    let identifier: WalletAddressUrl = payer.id.parse().map_err(|error: gnap::InvalidUrl| unusable(&error))?;
    let actions = Actions::try_from(vec![Action::Create, Action::Read]).map_err(|error| unusable(&error))?;
    AccessItem::new(AccessType::OutgoingPayment, actions, Some(identifier), Some(limits)).map_err(|e| unusable(&e))
}

/// What both wallets show beside the payment.
pub(crate) fn metadata(order: &Order, transfer: &Transfer) -> Metadata {
    let what = match transfer.purpose {
        Purpose::Purchase => order.product.name.to_owned(),
        Purpose::Charge => format!("{}, period {}", order.product.name, transfer.period.saturating_add(1)),
        Purpose::Refund => format!("{}, refund", order.product.name),
    };
    let mut metadata = Metadata::new();
    metadata.insert("description".to_owned(), what.into());
    metadata.insert("orderRef".to_owned(), order.id.to_string().into());
    metadata
}
