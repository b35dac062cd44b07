//! Frozen accounts: nothing leaves them, what comes is credited, and a freeze and payments at the same time have one
//! order in every process.

use axum::http::StatusCode;
use clock::Clock;
use serde_json::Value;
use testkit::on_each_database;
use uuid::Uuid;

use crate::bench::{BEGINNING, Bench, Cut, NORAS};
use crate::instance::State;

/// The event of a payment from an address.
fn pays_from(bench: &Bench, address: Uuid, amount: u64) -> (Uuid, Value) {
    let payment = bench.instance.client_pays(address, Some(amount), None, bench.clock.now());
    (payment, bench.instance.told(Uuid::from_u128(payment.as_u128() + (1 << 100)), "created", payment))
}

async fn paid(bench: &mut Bench) -> (Uuid, State) {
    let (payment, event) = pays_from(bench, Bench::noras_address(), 100);
    bench.deliver(&event).await;
    bench.work(Cut::Never).await;
    (payment, bench.instance.payment(payment).state)
}

fn own_page(bench: &Bench) -> String {
    format!("/accounts/{}/state", bench.noras)
}

async fn by_owner(bench: &Bench, to: &str) {
    let page = own_page(bench);
    assert_eq!(bench.send(&page, &page, &[("to", to)]).await, format!("{page}?said={to}"));
}

async fn by_operator(bench: &Bench, to: &str) -> String {
    let page = format!("/operator/accounts/{}", bench.noras);
    bench.send(&page, &page, &[("to", to), ("because", "a court asked for it")]).await
}

on_each_database! {
    async fn nothing_leaves_a_frozen_account_and_what_comes_is_credited(database) {
        let mut bench = Bench::on(database).await;
        let under_way = paid(&mut bench).await;
        assert_eq!(under_way.1, State::Sending);
        by_owner(&bench, "frozen").await;
        let (refused, state) = paid(&mut bench).await;
        assert_eq!(state, State::Cancelled);
        assert!(bench.instance.why_cancelled(refused).unwrap().contains("frozen"));
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 100), "nothing more is held");
        assert!(bench.get(&format!("/history/{refused}")).await.2.contains("The account is frozen."));
        assert!(bench.get("/").await.2.contains("Frozen"));

        // Nora's own payment is refused too, before money is held for it.
        let (offer, draft) = bench.nora_sends("debit", 500).await;
        bench.work(Cut::Never).await;
        assert!(bench.get(&format!("{draft}/done")).await.2.contains("The account is frozen."));
        assert_eq!(bench.column("SELECT COUNT(*) FROM wallet_holds").await, [1], "{offer}");

        // What was funded before ends as usual, money is credited, and other accounts pay.
        bench.instance.end(under_way.0, State::Completed, 100);
        bench.deliver(&bench.instance.told(Uuid::from_u128(3 << 99), "completed", under_way.0)).await;
        let page = format!("/accounts/{}", bench.noras);
        bench.send(&page, &format!("{page}/top-up"), &[("amount", "2.00")]).await;
        let (other, event) = pays_from(&bench, Bench::address(0), 100);
        bench.deliver(&event).await;
        bench.work(Cut::Never).await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS) - 100 + 200, 0));
        assert_eq!(bench.instance.payment(other).state, State::Sending);
        assert_eq!(bench.balance(Bench::address(0)).await, (i128::from(BEGINNING), 100));

        by_owner(&bench, "thawed").await;
        assert_eq!(paid(&mut bench).await.1, State::Sending);
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn an_operator_freezes_after_a_proof_with_a_reason_that_the_owner_reads_and_cannot_end(database) {
        let mut bench = Bench::on(database).await;
        let page = format!("/operator/accounts/{}", bench.noras);
        assert!(by_operator(&bench, "frozen").await.starts_with("/prove"));
        bench.prove().await;
        let (status, text) = bench.fill(&page, &page, &[("to", "frozen"), ("because", " ")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text.contains("Write the reason"), "{text}");
        let leads_to = bench.send_twice(&page, &page, &[("to", "frozen"), ("because", "a court asked for it")]).await;
        assert_eq!(leads_to[0], format!("{page}?said=operator-frozen"));
        assert_eq!(paid(&mut bench).await.1, State::Cancelled);
        for shown in [format!("/accounts/{}", bench.noras), own_page(&bench)] {
            assert!(bench.get(&shown).await.2.contains("a court asked for it"), "{shown}");
        }
        // The owner's own freeze is another one. Its end does not end that of the operator.
        by_owner(&bench, "frozen").await;
        by_owner(&bench, "thawed").await;
        assert_eq!(paid(&mut bench).await.1, State::Cancelled);
        let list = bench.get("/operator/accounts").await.2;
        assert!(list.contains(&bench.noras), "{list}");
        for called in ["n%40example.com", "https%3A%2F%2Flocalhost%3A3000%2Faccounts%2Fnora", "%24localhost%3A3000%2Faccounts%2FNora"] {
            assert!(bench.get(&format!("/operator/accounts?called={called}")).await.2.contains(&bench.noras), "{called}");
        }
        assert!(!bench.get("/operator/accounts?called=nobody").await.2.contains(&bench.noras));

        assert_eq!(by_operator(&bench, "thawed").await, format!("{page}?said=operator-thawed"));
        assert_eq!(paid(&mut bench).await.1, State::Sending);
        let record = bench.get("/operator/record").await.2;
        for part in ["frozen: a court asked for it", "not frozen", "n@example.com", "Freeze", "Thaw"] {
            assert!(record.contains(part), "{part}: {record}");
        }
        assert_eq!(bench.column("SELECT COUNT(*) FROM wallet_operator_acts").await, [4], "each asked and done");
    }

    async fn a_payment_that_was_let_through_gets_no_money_if_the_freeze_came_before_its_money(database) {
        let mut bench = Bench::on(database).await;
        let (mut sending, mut cancelled, mut late) = (0_i64, 0, 0);
        // How often a process waits before a step depends on the machine, so a round may miss the moment between the
        // question and the money. Then there is another round.
        for round in 0..600 {
            let step = round % 60;
            if step == 0 && late > 0 {
                break;
            }
            let (payment, event) = pays_from(&bench, Bench::noras_address(), 100);
            bench.deliver(&event).await;
            bench.work(Cut::Wait(step)).await;
            let asked = bench.column("SELECT COUNT(*) FROM wallet_agreement_uses WHERE refusal IS NULL").await[0];
            let funding = bench.column("SELECT COUNT(*) FROM wallet_holds WHERE state = 'funding'").await[0];
            by_owner(&bench, "frozen").await;
            bench.deliver(&event).await;
            bench.work(Cut::Never).await;
            let state = bench.instance.payment(payment).state;
            assert_eq!(state == State::Sending, funding > sending, "step {step}: what had its money goes on");
            late += i64::from(state == State::Cancelled && asked > sending);
            if state == State::Sending { sending += 1 } else { cancelled += 1 }
            by_owner(&bench, "thawed").await;
            assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), i128::from(sending) * 100), "step {step}");
        }
        assert!(sending > 0 && cancelled > 0, "{sending} {cancelled}");
        assert!(late > 0, "some were frozen between the question and the money");
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn a_freeze_and_payments_in_two_processes_at_once_have_one_order(database) {
        let bench = Bench::on(database).await;
        let mut payments = Vec::new();
        for _ in 0..24 {
            let (payment, event) = pays_from(&bench, Bench::noras_address(), 100);
            bench.deliver(&event).await;
            payments.push(payment);
        }
        let mut after = Vec::new();
        let freezing = async {
            by_owner(&bench, "frozen").await;
            // The freeze has been answered. From now on nothing gets money.
            bench.column("SELECT COUNT(*) FROM wallet_holds WHERE state IN ('funding', 'settled')").await[0]
        };
        let (with_money, ()) = tokio::join!(freezing, bench.work_together());
        for _ in 0..8 {
            let (payment, event) = pays_from(&bench, Bench::noras_address(), 100);
            bench.deliver(&event).await;
            after.push(payment);
        }
        bench.work_together().await;
        let sending = |ids: &[Uuid]| ids.iter().filter(|id| bench.instance.payment(**id).state == State::Sending).count();
        assert_eq!(i64::try_from(sending(&payments)).unwrap(), with_money, "none got money after the freeze");
        assert_eq!(sending(&after), 0);
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), i128::from(with_money) * 100));
        assert_eq!(bench.dead_events().await, 0);
    }
}
