//! One payment from receiver to end over the Admin API, repeated through outages.
//!
//! Keys are derived from the payment, so a repetition makes nothing twice.

use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminClient, Amount, OutgoingPayment, OutgoingPaymentState, QuoteAmount};
use testkit::until;
use uuid::Uuid;

use crate::asking::{insist, pause};

/// Half a minute of outages, and more on slow machines.
const ATTEMPTS_MAX: usize = 300;
const ENDS_WITHIN: Duration = Duration::from_mins(3);

/// Pays `payee` exactly `amount` cents in US dollars, and waits for the end.
pub(crate) async fn pay_once(
    admin: Arc<AdminClient>,
    from: Uuid,
    payee: String,
    amount: u64,
    n: usize,
) -> OutgoingPayment {
    let asked = Amount { value: amount, asset_code: "USD".into(), asset_scale: 2 };
    let quote = loop {
        let receiver = insist(|| admin.create_receiver(&payee, Some(&asked), None, None)).await;
        // Quoting probes the path. While the other side is down it fails and is repeated.
        if let Ok(quote) = admin.create_quote(from, &receiver.id, &QuoteAmount::AsAsked).await {
            break quote;
        }
        pause().await;
    };
    // While the payee's institution is down its receiver cannot be read, and the quote is invalid. A quote makes one
    // payment at most, so further attempts may use further keys.
    for attempt in 0.. {
        let key = format!("payment-{n}-{}-{attempt}", quote.id);
        match admin.create_outgoing_payment(from, quote.id, None, &key).await {
            Ok(_) => break,
            // Made before the connection was lost.
            Err(_) if admin.outgoing_payment(quote.id).await.is_ok() => break,
            Err(error) => assert!(attempt < ATTEMPTS_MAX, "payment {n} could not be made: {error}"),
        }
        pause().await;
    }
    end_of(&admin, quote.id).await
}

/// Waits until the payment is no longer under way.
pub(crate) async fn end_of(admin: &AdminClient, payment: Uuid) -> OutgoingPayment {
    let last = until(ENDS_WITHIN, || async {
        let payment = admin.outgoing_payment(payment).await.ok()?;
        let over = !matches!(payment.state, OutgoingPaymentState::Funding | OutgoingPaymentState::Sending);
        over.then_some(payment)
    })
    .await;
    last.unwrap_or_else(|| panic!("payment {payment} never ended"))
}
