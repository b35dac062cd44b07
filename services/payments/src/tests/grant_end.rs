//! The end of a grant while a payment under it is being sent: no further packet leaves, and what was sent stays sent.
//! Who may end a grant is decided by the authorization server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use auth_service::{GrantStanding, Grants, MirrorError};
use payments_model::grant_limits::{GrantLimits, Spent};
use payments_model::quote::QuoteRequest;
use payments_model::webhook_event::{EventType, Subject};
use payments_model::{OutgoingPaymentId, TenantId};
use testkit::{TestDatabase, on_each_database};

use crate::outgoing::create_outgoing_payment::{NewOutgoingPayment, PaymentOf};
use crate::outgoing::grant_spending::PaymentGrant;
use crate::outgoing::grant_watch::GrantWatch;
use crate::outgoing::pay_over_ilp::GRANT_ENDED;
use crate::quotes::create_quote::NewQuote;
use crate::service::{Payments, PaymentsParts};
use crate::tests::testing::{Node, OPERATOR, Weather, Wire, usd};

/// The payment, in packets of this amount.
const WHOLE: u64 = 40_000;
const PACKET: u64 = 100;
/// After this many packets the owner ends the grant.
const PACKETS_BEFORE: u32 = 20;

/// An authorization server at which the grant is ended once enough packets have arrived.
struct Owner {
    wire: Arc<Wire>,
    asked: AtomicU32,
    knows: bool,
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owner").field("asked", &self.asked).finish_non_exhaustive()
    }
}

#[async_trait]
impl Grants for Owner {
    async fn standing(&self, _: TenantId, grant: &str) -> Result<GrantStanding, MirrorError> {
        assert_eq!(grant, "grant-1");
        self.asked.fetch_add(1, Ordering::SeqCst);
        if *self.wire.fulfilled.lock().unwrap() < PACKETS_BEFORE {
            return Ok(GrantStanding::Stands);
        }
        // Packets that wait go on from here.
        self.wire.open();
        if self.knows {
            Ok(GrantStanding::Ended)
        } else {
            Err(MirrorError::Refused { status: 503, reason: "it is away".to_owned() })
        }
    }
}

/// Two institutions, and a payment under a grant that has its money. Further packets wait until the owner was asked.
async fn paying(database: TestDatabase, knows: bool) -> (Node, Node, OutgoingPaymentId, Arc<Owner>) {
    let mut near = Node::open(database, "cloudnine", "USD").await;
    let far = Node::open(TestDatabase::sqlite().await, "happylife", "USD").await;
    near.connect(&far).await;
    far.takes_packets_up_to(PACKET, &near);
    let owner = Arc::new(Owner { wire: near.wire.clone(), asked: AtomicU32::new(0), knows });
    let watch = GrantWatch { grants: owner.clone(), every: Duration::from_millis(1) };
    near.payments = Payments::new(PaymentsParts { grant_watch: Some(watch), ..near.parts.clone() });

    let receiver = far.receiver_of(far.incoming(None).await).await;
    near.knows(&receiver);
    let request = QuoteRequest::DebitAmount(usd(WHOLE));
    let new = NewQuote { wallet_address_id: near.address.id, receiver: receiver.url.clone(), request, client: None };
    let quote = near.payments.create_quote(OPERATOR.tenant, new).await.unwrap();
    *near.wire.fulfilled.lock().unwrap() = 0;
    *near.wire.weather.lock().unwrap() = Weather::WaitsAfter(PACKETS_BEFORE);
    let limits = GrantLimits { debit_amount: Some(usd(WHOLE)), ..GrantLimits::default() };
    let new = NewOutgoingPayment {
        wallet_address_id: near.address.id,
        source: PaymentOf::Quote(quote.id),
        client: None,
        grant: Some(PaymentGrant { id: "grant-1".into(), limits: Some(limits) }),
        metadata: None,
        card: None,
    };
    let id = near.payments.create_outgoing_payment(OPERATOR.tenant, new).await.unwrap().payment.id();
    near.fund(id).await;
    (near, far, id, owner)
}

on_each_database! {
    async fn a_grant_that_ends_in_the_middle_of_its_payment_stops_it_between_packets_and_the_books_are_exact(database) {
        let (near, _far, id, _) = paying(database, true).await;
        near.send_due().await;
        let sent = near.outgoing_payment(id).await;
        let arrived = u64::from(*near.wire.fulfilled.lock().unwrap());
        assert_eq!(sent.payment.state.as_str(), "FAILED", "{sent:?}");
        assert!(format!("{:?}", sent.payment).contains(GRANT_ENDED), "{sent:?}");
        assert!(sent.sent >= u64::from(PACKETS_BEFORE) * PACKET && sent.sent < WHOLE, "{} of {arrived} packets", sent.sent);
        assert_eq!(sent.sent + sent.balance, WHOLE, "the rest is there to be given back");
        assert_eq!(near.owes_peer().await, u128::from(sent.sent));
        let account = near.payments.account(id).await.unwrap().unwrap();
        assert_eq!(account.debits_pending, 0, "nothing is held");
        assert!(near.store.every_tenant().packets_in_flight(id).await.unwrap().is_empty());

        let event = near.event(Subject::OutgoingPayment(id), EventType::OutgoingPaymentFailed).await.unwrap();
        assert_eq!(event.data["sentAmount"]["value"], sent.sent.to_string());
        assert_eq!(event.withdrawal.unwrap().amount, sent.balance);
        let spent = near.payments.grant_spent("grant-1", None).await.unwrap().unwrap();
        assert_eq!(spent.spent().debit, sent.sent);
        assert_ne!(spent.spent(), Spent::default());
        // It is not tried again.
        near.send_due().await;
        assert_eq!(near.outgoing_payment(id).await.sent, sent.sent);
    }

    async fn a_payment_goes_on_while_it_is_not_known_whether_its_grant_stands(database) {
        let (near, far, id, owner) = paying(database, false).await;
        near.send_due().await;
        let sent = near.outgoing_payment(id).await;
        // All that was promised to the receiver.
        let promised = sent.payment.quote.receive_amount.value;
        assert_eq!((sent.payment.state.as_str(), sent.sent), ("COMPLETED", promised), "{sent:?}");
        assert!(promised > u64::from(PACKETS_BEFORE) * PACKET && owner.asked.load(Ordering::SeqCst) > 0);
        assert_eq!(far.is_owed_by_peer().await, u128::from(promised));
    }
}
