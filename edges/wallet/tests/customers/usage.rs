//! What was used of an agreement is what the instance counts: when a new period has begun, when a payment of an older one
//! ends late, and when several end at the same time in two processes.
//!
//! The real instance is compared in the end-to-end tests.

use std::time::Duration;

use clock::{Clock, Timestamp};
use serde_json::{Value, json};
use testkit::on_each_database;
use uuid::Uuid;

use crate::bench::{Bench, Cut};
use crate::instance::{State, usd};

const NORA: &str = "https://localhost:3000/accounts/nora";
const MONTH: Duration = Duration::from_hours(31 * 24);

fn grant() -> Uuid {
    Uuid::from_u128(5)
}

/// An application may deliver 100.00 each month.
fn allowed(bench: &Bench) {
    let interval = "R11/2026-01-01T00:00:00Z/P1M";
    bench.instance.grant(json!({"id": grant(), "client": "https://shop.example/",
        "access": [{"identifier": NORA, "type": "outgoing-payment", "actions": ["create"],
            "limits": {"receiver": null, "debitAmount": null, "receiveAmount": usd(10_000), "interval": interval}}],
        "subject": null, "state": "FINALIZED", "finalizationReason": "ISSUED",
        "createdAt": "2026-01-01T00:00:00.000Z", "tenantId": Uuid::nil()}));
}

/// Tells the wallet what became of a payment of the application.
async fn told(bench: &Bench, what: &str, payment: Uuid) {
    let number = match what {
        "created" => 1,
        _ => 2,
    };
    let mut event: Value = bench.instance.told(Uuid::from_u128(payment.as_u128() + (number << 100)), what, payment);
    event["data"]["grantId"] = json!(grant());
    bench.deliver(&event).await;
}

/// The application makes a payment that delivers this.
async fn pays(bench: &mut Bench, amount: u64) -> Uuid {
    let payment = bench.instance.client_pays(Bench::noras_address(), None, Some(amount), bench.clock.now());
    told(bench, "created", payment).await;
    bench.work(Cut::Never).await;
    assert_eq!(bench.instance.payment(payment).state, State::Sending);
    payment
}

async fn ends(bench: &Bench, payment: Uuid, state: State, sent: u64) {
    bench.instance.end(payment, state, sent);
    told(bench, if state == State::Completed { "completed" } else { "failed" }, payment).await;
}

/// What the page says, in cents.
async fn used(bench: &Bench) -> u64 {
    let text = bench.get(&format!("/agreements/{}", grant())).await.2;
    let before = text.split("\u{a0}USD used").next().filter(|before| before.len() < text.len());
    let number = before.unwrap_or_else(|| panic!("{text}")).rsplit('>').next().unwrap();
    number.replace(['.', ','], "").parse().unwrap()
}

on_each_database! {
    async fn the_use_of_an_agreement_is_the_instances_count_over_a_new_period_late_ends_and_ends_at_once(database) {
        let mut bench = Bench::on(database).await;
        allowed(&bench);
        let (january, february) = (bench.clock.now(), bench.clock.now().saturating_add(MONTH));
        let ever = Timestamp::from_millis(i64::MAX);
        let mut payments = Vec::new();
        for _ in 0..8 {
            payments.push(pays(&mut bench, 500).await);
        }
        let (late, early) = payments.split_last().unwrap();
        assert_eq!(used(&bench).await, 8 * 500);

        // More arrives than was agreed, because the rate was better. Two processes are told at once, and twice.
        for payment in early {
            ends(&bench, *payment, State::Completed, 503).await;
        }
        bench.work_together().await;
        for payment in early {
            told(&bench, "completed", *payment).await;
        }
        bench.work_together().await;
        assert_eq!(used(&bench).await, 7 * 503 + 500);
        assert_eq!(used(&bench).await, bench.instance.counted(january, february));

        bench.clock.advance(MONTH);
        assert_eq!(used(&bench).await, 0, "a new period");
        let new = pays(&mut bench, 700).await;
        assert_eq!(used(&bench).await, 700);
        // A payment of January fails in February, after a part has arrived.
        ends(&bench, *late, State::Failed, 123).await;
        bench.work(Cut::Never).await;
        assert_eq!(used(&bench).await, 700, "it belongs to January");
        ends(&bench, new, State::Failed, 200).await;
        bench.work(Cut::Never).await;
        assert_eq!(used(&bench).await, 200);
        assert_eq!(used(&bench).await, bench.instance.counted(february, ever));
        let sql = "SELECT CAST(SUM(counted_receive) AS bigint) FROM wallet_movements WHERE kind = 'sent'";
        let counted = u64::try_from(bench.column(sql).await[0]).unwrap();
        assert_eq!(counted, bench.instance.counted(january, ever));
        assert_eq!(counted, 7 * 503 + 123 + 200);
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn what_a_payment_counts_is_known_although_the_process_ends_while_it_is_settled(database) {
        let mut bench = Bench::on(database).await;
        allowed(&bench);
        let mut counted = 0;
        for step in 0..40 {
            let payment = pays(&mut bench, 100).await;
            bench.instance.end(payment, State::Failed, 40);
            told(&bench, "failed", payment).await;
            bench.work(Cut::Wait(step)).await;
            bench.work(Cut::Never).await;
            counted += 40;
            assert_eq!(used(&bench).await, counted, "step {step}");
        }
        assert_eq!(bench.dead_events().await, 0);
    }
}
