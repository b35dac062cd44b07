//! What visitors of a customer's pages have streamed, by days.
//! That it is credited once is in `sequences`.

use std::time::Duration;

use testkit::on_each_database;

use crate::bench::{Bench, Cut};

on_each_database! {
    async fn streamed_money_is_shown_by_days_with_its_sum_and_average(database) {
        let mut bench = Bench::on(database).await;
        let page = format!("/accounts/{}/monetization", bench.noras);
        assert!(bench.get(&page).await.2.contains("&#60;link rel=&#34;monetization&#34; href=&#34;https://localhost:3000/accounts/nora&#34;&#62;"), "{}", bench.get(&page).await.2);
        // The first is older than what is shown, when it is looked at.
        for (amount, later) in [(5_000, 31 * 24), (700, 0), (800, 24), (950, 0)] {
            let streamed = bench.instance.comes(Bench::noras_address(), amount);
            bench.deliver(&bench.instance.told_credit(streamed, "wallet_address.web_monetization", streamed)).await;
            bench.work(Cut::Never).await;
            bench.clock.advance(Duration::from_hours(later));
        }
        let text = bench.get(&page).await.2;
        for part in ["24.50\u{a0}USD", "8.16\u{a0}USD", "+15.00\u{a0}USD", "+9.50\u{a0}USD", "2 ×", "1 ×"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("50.00"), "{text}");
    }

    async fn a_day_of_streamed_money_is_shown_whole_or_not_at_all(database) {
        let mut bench = Bench::on(database).await;
        let page = format!("/accounts/{}/monetization", bench.noras);
        for amount in [100, 200] {
            bench.clock.advance(Duration::from_hours(8));
            let streamed = bench.instance.comes(Bench::noras_address(), amount);
            bench.deliver(&bench.instance.told_credit(streamed, "wallet_address.web_monetization", streamed)).await;
            bench.work(Cut::Never).await;
        }
        bench.clock.set("2026-01-30T23:59:59.999Z".parse().unwrap());
        let text = bench.get(&page).await.2;
        assert!(text.contains("+3.00\u{a0}USD"), "{text}");
        bench.clock.advance(Duration::from_millis(1));
        assert!(bench.get(&page).await.2.contains("Nothing yet."));
    }
}
