//! The rows of the shop on each database.
//! What is done with them is tested end to end.

use clock::Timestamp;
use database::Database;
use money::Asset;
use testkit::entropy;

use super::*;
use crate::catalogue::by_slug;
use crate::orders::{Bill, Means, Purpose, Stage, Token};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

async fn store(database: &Database) -> Store {
    database.migrate(&MIGRATIONS).await.unwrap();
    Store::new(database.clone(), Seal::new("a secret of the test", entropy(1)))
}

fn order(id: u128) -> (Order, Transfer) {
    let id = Uuid::from_u128(id);
    let order = Order {
        id,
        visitor: Uuid::from_u128(7),
        product: by_slug("courage").unwrap(),
        customer: "https://wallet.example/alice".to_owned(),
        value: 2000,
        asset: Asset::new("USD", 2).unwrap(),
        means: Means::Asked,
        standing: Standing::None,
        version: 0,
        created_at: NOW,
    };
    let first = Transfer {
        id,
        order: id,
        purpose: Purpose::Purchase,
        period: 0,
        value: 2000,
        stage: Stage::Begun,
        version: 0,
        attempts: 0,
        created_at: NOW,
    };
    (order, first)
}

fn agreed() -> Stage {
    let asset = Asset::new("USD", 2).unwrap();
    let bill = Bill {
        incoming: "https://b.example/incoming-payments/1".to_owned(),
        expected: 2000,
        debit: open_payments::Amount::new(2140, &asset),
        quote: "https://a.example/quotes/1".to_owned(),
    };
    Stage::Agreed { bill, token: token("a token") }
}

fn token(value: &str) -> Token {
    Token { value: value.into(), manage: "https://a.example/m".to_owned(), until: None }
}

fn running(value: &str) -> Standing {
    let interval = "R/2026-01-01T00:00:00Z/P1M".to_owned();
    Standing::Running { token: token(value), interval, exchange: None, grant: None }
}

fn period(order: &Order) -> Transfer {
    crate::periods::following(order, 1, NOW, Uuid::from_u128(30))
}

testkit::on_each_database! {
    async fn an_order_is_stored_once_and_only_its_browser_lists_it(database) {
        let store = store(&database).await;
        let (first, transfer) = order(1);
        for _ in 0..2 {
            store.insert_order(&first, &transfer).await.unwrap();
        }
        assert_eq!(store.transfers(first.id).await.unwrap().len(), 1);
        assert_eq!(store.orders(Some(first.visitor)).await.unwrap().len(), 1);
        assert!(store.orders(Some(Uuid::from_u128(8))).await.unwrap().is_empty());
        assert_eq!(store.orders(None).await.unwrap().len(), 1);
    }

    async fn who_changes_a_transfer_first_is_the_only_one(database) {
        let store = store(&database).await;
        let (first, transfer) = order(1);
        store.insert_order(&first, &transfer).await.unwrap();
        let [mut one, mut other] = [transfer.clone(), transfer];
        one.stage = agreed();
        assert_eq!(store.save(&mut one, Some(NOW)).await.unwrap(), Changed::Yes);
        other.stage = Stage::Refused;
        assert_eq!(store.save(&mut other, None).await.unwrap(), Changed::Overtaken);
        let due = store.due(NOW, 10).await.unwrap();
        assert_eq!((due.len(), &due[0].stage, due[0].version), (1, &one.stage, 1));
        assert!(store.due(Timestamp::from_millis(NOW.as_millis() - 1), 10).await.unwrap().is_empty());
    }

    async fn rows_of_another_secret_do_not_hold_up_the_others(database) {
        let (new, old) = (store(&database).await, Store::new((*database).clone(), Seal::new("the old", entropy(2))));
        for (store, number) in [(&old, 1), (&new, 2)] {
            let (order, mut transfer) = order(number);
            store.insert_order(&order, &transfer).await.unwrap();
            store.save(&mut transfer, Some(NOW)).await.unwrap();
        }
        let ids = async |store: &Store, now, most| {
            store.due(now, most).await.unwrap().iter().map(|due| due.id.as_u128()).collect::<Vec<_>>()
        };
        assert!(ids(&new, NOW, 1).await.is_empty(), "the oldest cannot be read");
        assert_eq!(ids(&new, NOW, 1).await, [2], "and is put off");
        assert_eq!(new.orders(None).await.unwrap().len(), 1);
        assert_eq!(ids(&old, NOW.saturating_add(PUT_OFF), 1).await, [2; 0], "the new one is not readable for it");
        assert_eq!(ids(&old, NOW.saturating_add(PUT_OFF), 1).await, [1], "nothing is lost for the old secret");
    }

    async fn an_order_has_one_refund_and_a_token_is_not_legible_in_the_database(database) {
        let store = store(&database).await;
        let (first, transfer) = order(1);
        store.insert_order(&first, &transfer).await.unwrap();
        for n in [10, 11] {
            let refund = Transfer {
                id: Uuid::from_u128(n),
                purpose: Purpose::Refund,
                stage: agreed(),
                ..transfer.clone()
            };
            store.insert_transfer(&refund, None).await.unwrap();
        }
        let refunds: Vec<_> = store.transfers(first.id).await.unwrap();
        assert_eq!(refunds.iter().filter(|transfer| transfer.purpose == Purpose::Refund).count(), 1);
        let rows = store.found("SELECT stage FROM shop_transfers", []).await.unwrap();
        for row in rows {
            let stage: String = row.try_get("", "stage").unwrap();
            assert!(!stage.contains("token"), "{stage}");
        }
    }

    async fn a_period_that_will_not_begin_is_forgotten_and_the_order_knows_that_it_has_ended(database) {
        let store = store(&database).await;
        let (first, transfer) = order(1);
        store.insert_order(&first, &transfer).await.unwrap();
        let next = Transfer {
            id: Uuid::from_u128(20),
            purpose: Purpose::Charge,
            period: 1,
            ..transfer
        };
        store.insert_transfer(&next, Some(NOW)).await.unwrap();
        assert_eq!(store.due(NOW, 10).await.unwrap().len(), 1);
        store.set_standing(&mut first.clone(), &Standing::Ended).await.unwrap();
        store.forget(&next).await.unwrap();
        assert!(store.due(NOW, 10).await.unwrap().is_empty());
        assert_eq!(store.order(first.id).await.unwrap().unwrap().standing, Standing::Ended);
    }

    async fn the_right_to_charge_again_comes_with_the_period_that_uses_it(database) {
        let store = store(&database).await;
        let (first, transfer) = order(1);
        store.insert_order(&first, &transfer).await.unwrap();
        let next = period(&first);
        let [mut one, mut late] = [transfer.clone(), transfer];
        one.stage = agreed();
        let saved = store.save_with_right(&mut one, NOW, (&first, &running("a")), (&next, NOW)).await.unwrap();
        assert_eq!(saved, Changed::Yes);
        let late = store.save_with_right(&mut late, NOW, (&first, &running("b")), (&period(&first), NOW)).await;
        assert_eq!(late.unwrap(), Changed::Overtaken);
        assert_eq!(store.order(first.id).await.unwrap().unwrap().standing, running("a"));
        assert_eq!(store.transfers(first.id).await.unwrap().len(), 2);
    }

    async fn a_subscription_that_was_ended_does_not_run_again_because_a_token_was_exchanged_meanwhile(database) {
        let store = store(&database).await;
        let (first, transfer) = order(1);
        store.insert_order(&first, &transfer).await.unwrap();
        let later = NOW.saturating_add(Duration::from_hours(24));
        store.insert_transfer(&period(&first), Some(later)).await.unwrap();
        store.set_standing(&mut first.clone(), &running("a")).await.unwrap();
        let read = store.order(first.id).await.unwrap().unwrap();
        let mut worked_at = store.due(later, 10).await.unwrap().remove(0);

        let ending = Standing::Ending { token: token("a") };
        assert_eq!(store.set_last_standing(&read, &ending, NOW).await.unwrap(), Changed::Yes);
        assert_eq!(store.set_standing(&mut read.clone(), &running("b")).await.unwrap(), Changed::Overtaken);
        assert_eq!(store.set_last_standing(&read, &ending, NOW).await.unwrap(), Changed::Overtaken);
        assert_eq!(store.order(first.id).await.unwrap().unwrap().standing, ending);
        worked_at.stage = agreed();
        assert_eq!(store.save(&mut worked_at, Some(later)).await.unwrap(), Changed::Overtaken);
        assert_eq!(store.due(NOW, 10).await.unwrap().len(), 1, "the wallet is told now");
    }
}
