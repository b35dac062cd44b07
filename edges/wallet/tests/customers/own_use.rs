//! Payments of customers themselves belong to the own use of their account, which has limits like every agreement.
//! Those of applications and cards are in `own_limits`.

use std::time::Duration;

use axum::http::StatusCode;
use testkit::on_each_database;

use crate::bench::{Bench, Cut, NORAS};
use crate::instance::State;

fn page(bench: &Bench) -> String {
    format!("/accounts/{}/own-use", bench.noras)
}

async fn limit(bench: &Bench, payment: &str, day: &str) {
    let (page, noras) = (page(bench), &bench.noras);
    let fields = [(format!("payment-{noras}"), payment), (format!("day-{noras}"), day)];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(bench.send(&page, &page, &fields).await, format!("{page}?said=saved"));
}

on_each_database! {
    async fn the_limits_of_own_use_refuse_a_payment_of_the_customer_before_money_is_held(database) {
        let mut bench = Bench::on(database).await;
        limit(&bench, "50.00", "80.00").await;
        let (refused, draft) = bench.nora_sends("debit", 5_001).await;
        bench.work(Cut::Never).await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 0), "nothing is held");
        assert!(bench.instance.try_payment(refused).is_none(), "it was not made");
        let text = bench.get(&format!("{draft}/done")).await.2;
        assert!(text.contains("more than your own limit for one payment"), "{text}");

        let (paid, _) = bench.nora_sends("debit", 5_000).await;
        bench.work(Cut::Never).await;
        assert_eq!(bench.instance.payment(paid).state, State::Funding);
        let (refused, draft) = bench.nora_sends("debit", 3_001).await;
        bench.work(Cut::Never).await;
        assert!(bench.instance.try_payment(refused).is_none());
        assert!(bench.get(&format!("{draft}/done")).await.2.contains("left of your own limit for a day"));
        let text = bench.get(&page(&bench)).await.2;
        assert!(text.contains("50.00\u{a0}USD used") && text.contains("limit 80.00\u{a0}USD"), "{text}");

        // Another day.
        bench.clock.advance(Duration::from_hours(24));
        let (paid, _) = bench.nora_sends("debit", 5_000).await;
        bench.work(Cut::Never).await;
        let text = bench.get(&format!("/history/{paid}")).await.2;
        assert!(text.contains("Own use") && text.contains(&format!("href=\"{}\"", page(&bench))), "{text}");
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn a_payment_of_the_customer_is_judged_once_wherever_the_process_ends(database) {
        let mut bench = Bench::on(database).await;
        limit(&bench, "", "1000.00").await;
        let mut counted = 0;
        for step in 0..40 {
            let (paid, _) = bench.nora_sends("debit", 1_000).await;
            bench.work(Cut::Wait(step)).await;
            bench.work(Cut::Never).await;
            counted += 1;
            let state = bench.instance.payment(paid).state;
            assert!(matches!(state, State::Funding | State::Sending), "step {step}: {state:?}");
            let uses = bench.column("SELECT COUNT(*) FROM wallet_agreement_uses WHERE grant_id = 'own use'").await[0];
            assert_eq!(uses, counted, "step {step}");
        }
        let (status, _, text) = bench.get(&page(&bench)).await;
        assert!(status == StatusCode::OK && text.contains("400.00\u{a0}USD used"), "{text}");
    }
}
