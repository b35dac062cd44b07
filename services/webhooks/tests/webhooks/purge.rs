//! Old events go, unless somebody is still to be told or to withdraw.
//! Events that are still sent are in `deliveries`.

use std::sync::Arc;
use std::time::Duration;

use jobs::Worker;
use ledger::{AccountFlags, AccountId, Ledger, MemoryLedger, NewAccount, NewTransfer, TransferId};
use payments_model::webhook_event::{EventWithdrawal, WebhookEvent};
use payments_model::{AssetId, WebhookEventId};
use testkit::on_each_database;
use uuid::Uuid;
use webhooks::{Audience, Kept, PURGE_QUEUE, Purger, purge_settings};

use super::scene::{EVENT, OPERATOR, Scene, scene};

const DAY: Duration = Duration::from_hours(24);

impl Scene {
    fn purger(&self, ledger: Arc<dyn Ledger>) -> Purger {
        let kept = Kept { events: Some(365 * DAY), attempts: Some(30 * DAY) };
        Purger { store: self.process.store.clone(), ledger, clock: self.clock.clone(), kept }
    }

    fn purging(&self, purger: Purger) -> Worker {
        let (clock, entropy) = (self.clock.clone(), testkit::entropy(9));
        let database = self.process.store.database().clone();
        Worker::new(database, clock, entropy, PURGE_QUEUE, Arc::new(purger), purge_settings())
    }

    /// An event about a payment whose money waits in the payment's account.
    fn with_money(&self, payment: payments_model::IncomingPaymentId) -> WebhookEvent {
        let asset_id = AssetId::from_uuid(Uuid::from_u128(3));
        let withdrawal = EventWithdrawal { account: payment.into(), asset_id, amount: 5 };
        WebhookEvent { withdrawal: Some(withdrawal), ..self.event_of(payment, 1) }
    }
}

async fn account_with(ledger: &MemoryLedger, account: AccountId, amount: u128, withdrawn: u128) {
    let outside = AccountId::from(Uuid::from_u128(99));
    for id in [outside, account] {
        let new = NewAccount {
            id,
            ledger: 1,
            code: 1,
            flags: AccountFlags::default(),
            user_data_128: 0,
            user_data_64: 0,
            user_data_32: 0,
        };
        ledger.create_accounts(vec![new]).await.unwrap();
    }
    let id = |what: &str| TransferId::derived_once(account.as_uuid(), what);
    let paid = NewTransfer::single(id("in"), outside, account, amount, 1, 1);
    let back = NewTransfer::single(id("out"), account, outside, withdrawn, 1, 1);
    let moved = if withdrawn == 0 { vec![paid] } else { vec![paid, back] };
    ledger.submit(moved).await.unwrap();
}

on_each_database! {
    async fn what_is_old_and_over_goes_and_nothing_else(database) {
        let scene = scene(database).await;
        let payments = scene.payments(3).await;
        let ledger = Arc::new(MemoryLedger::new(scene.clock.clone()));
        account_with(&ledger, payments[0].into(), 5, 5).await;
        account_with(&ledger, payments[1].into(), 5, 0).await;
        let [withdrawn, not_withdrawn] = [payments[0], payments[1]].map(|payment| scene.with_money(payment));
        for event in [&withdrawn, &not_withdrawn] {
            scene.process.record(event, &Audience::tenant(OPERATOR)).await;
        }
        scene.record_of(payments[2], 0).await;
        scene.run_due().await;
        let refused = scene.event(EVENT);
        scene.receiver.says(500);
        scene.process.record(&refused, &Audience::tenant(OPERATOR)).await;
        scene.run_due().await;
        assert_eq!(scene.count("webhook_attempts", "1 = 1").await, 4);

        let purger = scene.purger(ledger.clone());
        let worker = scene.purging(purger.clone());
        purger.begin().await.unwrap();
        scene.clock.advance(29 * DAY);
        worker.run_due().await.unwrap();
        assert_eq!(scene.count("webhook_attempts", "1 = 1").await, 4);
        scene.clock.advance(2 * DAY);
        worker.run_due().await.unwrap();
        assert_eq!(scene.count("webhook_attempts", "1 = 1").await, 0);
        assert_eq!(scene.count("webhook_events", "1 = 1").await, 4);

        scene.clock.advance(335 * DAY);
        scene.record_of(payments[2], 1).await;
        for _ in 0..10 {
            worker.run_due().await.unwrap();
            scene.clock.advance(Duration::from_secs(2));
        }
        let left = async |id: WebhookEventId| scene.process.store.every_tenant().webhook_event(id).await.unwrap().is_some();
        assert!(!left(withdrawn.id).await, "its money is withdrawn");
        assert!(left(not_withdrawn.id).await, "its money is still there");
        assert!(!left(scene.event_of(payments[2], 0).id).await);
        assert!(left(scene.event_of(payments[2], 1).id).await, "it is new");
        assert!(left(refused.id).await, "it is still to be told");
        assert_eq!(scene.count("webhook_deliveries", "1 = 1").await, 3);
    }

    async fn one_run_removes_a_bounded_number_and_the_next_goes_on(database) {
        let scene = scene(database).await;
        for number in 0..450_u128 {
            let event = scene.event(WebhookEventId::from_uuid(Uuid::from_u128(1000 + number)));
            scene.process.record(&event, &Audience::default()).await;
        }
        let purger = scene.purger(Arc::new(MemoryLedger::new(scene.clock.clone())));
        let worker = scene.purging(purger.clone());
        scene.clock.advance(366 * DAY);
        purger.begin().await.unwrap();
        for left in [250, 50, 0] {
            worker.run_due().await.unwrap();
            assert_eq!(scene.count("webhook_events", "1 = 1").await, left);
            scene.clock.advance(Duration::from_secs(2));
        }
    }
}
