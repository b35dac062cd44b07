//! What operators are shown of events: low liquidity with what was done about it, and the income from fees.
//! Who may see it, and fees, are tested in `tests/pages/operators.rs`.

use std::time::Duration;

use axum::http::StatusCode;
use clock::Clock;
use serde_json::{Value, json};
use testkit::on_each_database;
use uuid::Uuid;
use wallet::FeeRule;

use crate::bench::{Bench, Cut, TOPUP};
use crate::instance::State;

const ASSET: Uuid = Uuid::from_u128(1);

fn low(number: u128) -> Value {
    json!({"id": Uuid::from_u128((7 << 90) + number), "type": "asset.liquidity_low", "data": {
        "id": ASSET, "asset": {"id": ASSET, "code": "USD", "scale": 2},
        "liquidityThreshold": "10000", "balance": "9850"}})
}

async fn told(bench: &mut Bench, number: u128, later: Duration) {
    bench.clock.advance(later);
    bench.deliver(&low(number)).await;
    bench.work(Cut::Never).await;
}

/// How many of the last events have this answer on the page.
async fn shown(bench: &Bench, answer: &str) -> usize {
    bench.get("/operator/liquidity").await.2.matches(&format!("\">{answer}</span>")).count()
}

/// What was given to the network, by the instance and by the wallet's own account.
async fn given(bench: &Bench) -> (i128, i128) {
    (bench.instance.given(), bench.house(2).await)
}

on_each_database! {
    async fn operators_see_what_was_told_of_low_liquidity_and_what_was_done_about_it(database) {
        let mut bench = Bench::on(database).await;
        let before = given(&bench).await;
        let topup = i128::from(TOPUP);
        told(&mut bench, 1, Duration::ZERO).await;
        told(&mut bench, 2, Duration::from_secs(59)).await;
        told(&mut bench, 3, Duration::from_secs(1)).await;
        told(&mut bench, 4, Duration::from_mins(1)).await;
        assert_eq!([shown(&bench, "Deposited").await, shown(&bench, "Just deposited before").await,
            shown(&bench, "Nothing deposited").await], [2, 1, 1]);
        assert!(bench.get("/operator").await.2.contains("1 need you"));
        let text = bench.get("/operator/liquidity").await.2;
        assert!(text.contains("98.50\u{a0}USD") && text.contains("100.00\u{a0}USD"), "{text}");
        assert_eq!(given(&bench).await.0 - before.0, 2 * topup, "two within a day, and no more");
        told(&mut bench, 5, Duration::from_hours(24)).await;
        assert_eq!(given(&bench).await.0 - before.0, 3 * topup);
        let (instance, wallet) = given(&bench).await;
        assert_eq!(instance, wallet);
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn a_deposit_about_low_liquidity_is_made_and_booked_once_wherever_the_process_ends(database) {
        let mut bench = Bench::on(database).await;
        let before = given(&bench).await.0;
        let mut events = 0;
        for step in 0..40 {
            bench.clock.advance(Duration::from_hours(24));
            bench.deliver(&low(100 + step)).await;
            bench.work(Cut::Wait(usize::try_from(step).unwrap())).await;
            bench.deliver(&low(100 + step)).await;
            bench.work(Cut::Never).await;
            events += 1;
            let (instance, wallet) = given(&bench).await;
            assert_eq!((instance, instance - before), (wallet, events * i128::from(TOPUP)), "step {step}");
        }
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn an_operator_deposits_by_hand_after_a_proof_and_the_record_says_so(database) {
        let bench = Bench::on(database).await;
        let before = given(&bench).await;
        let page = format!("/operator/liquidity/asset/{ASSET}");
        let (status, text) = bench.fill(&page, &page, &[("amount", "12.50")]).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "a proof is asked for: {text}");
        assert_eq!(given(&bench).await, before);
        bench.prove().await;
        assert_eq!(bench.fill(&page, &page, &[("amount", "0.00")]).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        let leads_to = bench.send_twice(&page, &page, &[("amount", "12.50")]).await;
        assert_eq!(leads_to, [format!("{page}?said=deposited"), format!("{page}?said=act-known")]);
        assert_eq!(given(&bench).await, (before.0 + 1_250, before.1 + 1_250));
        let record = bench.get("/operator/record").await.2;
        assert!(record.contains("+ 12.50 USD") && record.contains("n@example.com"), "{record}");
    }

    async fn the_income_from_fees_is_shown_by_days_and_is_what_the_ledger_says(database) {
        let mut bench = Bench::on(database).await;
        bench.instance.set_fee(FeeRule { fixed: 100, basis_points: 200 }, bench.clock.now());
        // 1.00 + 2 % of each debit: 3.00, 5.00, and on another day 11.00.
        for (number, (amount, later)) in [(0, (10_000, 0)), (1, (20_000, 24)), (2, (50_000, 0))] {
            let (payment, _) = bench.nora_sends("debit", amount).await;
            bench.work(Cut::Never).await;
            let created = bench.instance.told(Uuid::from_u128((8 << 90) + number), "created", payment);
            bench.deliver(&created).await;
            bench.work(Cut::Never).await;
            let sent = bench.instance.payment(payment).base;
            bench.instance.end(payment, State::Completed, sent);
            bench.deliver(&bench.instance.told(Uuid::from_u128((9 << 90) + number), "completed", payment)).await;
            bench.work(Cut::Never).await;
            bench.clock.advance(Duration::from_hours(later));
        }
        let text = bench.get("/operator/income").await.2;
        for part in ["19.00\u{a0}USD", "8.00\u{a0}USD", "11.00\u{a0}USD", "Equal"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("Not equal"));
        assert_eq!(bench.house(3).await, 1_900);
        assert_eq!(bench.get("/operator/income.csv").await.2,
            "day,currency,payments,fees\r\n2026-01-02,USD,1,11.00\r\n2026-01-01,USD,2,8.00\r\n");
        bench.clock.advance(Duration::from_hours(7 * 24));
        assert!(bench.get("/operator/income?days=7").await.2.contains("No fee in this time"));
        bench.database.execute("UPDATE wallet_movements SET fee = 1 WHERE fee = 1100", []).await.unwrap();
        assert!(bench.get("/operator/income").await.2.contains("Not equal"), "the ledger knows better");
    }
}
