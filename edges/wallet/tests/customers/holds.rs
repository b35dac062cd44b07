//! Holds end also if no event tells of the end, if answers are lost, and if the process ends in between.
//! Random sequences of all this are in `sequences`.

use std::time::Duration;

use clock::Clock;
use testkit::on_each_database;
use uuid::Uuid;
use wallet::FeeRule;

use crate::bench::{BEGINNING, Bench, Cut, NORAS, OLD};
use crate::instance::State;

const SEEDED: FeeRule = FeeRule { fixed: 100, basis_points: 200 };

fn event(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

on_each_database! {
    async fn a_hold_is_settled_by_asking_if_the_event_of_the_end_never_arrives(database) {
        let mut bench = Bench::on(database).await;
        bench.instance.set_fee(SEEDED, bench.clock.now());
        for (number, state, sent, cost) in [(0, State::Completed, 505, 505 + 111), (1, State::Failed, 30, 30), (2, State::Failed, 0, 0)] {
            let address = Bench::address(number);
            let payment = bench.instance.client_pays(address, None, Some(500), bench.clock.now());
            bench.deliver(&bench.instance.told(event(100 + number as u128), "created", payment)).await;
            bench.work(Cut::Never).await;
            assert_eq!(bench.balance(address).await, (i128::from(BEGINNING), 616));
            bench.instance.end(payment, state, sent);
            bench.work(Cut::Never).await;
            assert_eq!(bench.balance(address).await.1, 616, "nobody has told of the end");
            bench.clock.advance(OLD);
            bench.work(Cut::Never).await;
            assert_eq!(bench.balance(address).await, (i128::from(BEGINNING) - cost, 0), "{state:?}");
            assert_eq!(bench.instance.payment(payment).liquidity, 0, "what was left is withdrawn");

            // The event comes after all.
            let kind = if state == State::Completed { "completed" } else { "failed" };
            bench.deliver(&bench.instance.told(event(200 + number as u128), kind, payment)).await;
            bench.work(Cut::Never).await;
            assert_eq!(bench.balance(address).await, (i128::from(BEGINNING) - cost, 0), "{state:?}");
        }
        assert_eq!(bench.house(2).await, bench.instance.given());
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn money_whose_event_never_arrives_is_credited_once_because_the_wallet_finds_the_event(database) {
        let mut bench = Bench::on(database).await;
        let mut expected = i128::from(BEGINNING);
        for number in 0..150_u128 {
            let (payment, stranger) = (bench.instance.comes(Bench::address(0), 7), bench.instance.comes(event(77), 5));
            for (id, of) in [(event(1_000 + number), payment), (event(2_000 + number), stranger)] {
                bench.instance.lists(&bench.instance.told_credit(id, "incoming_payment.completed", of), bench.clock.now());
            }
            expected += 7;
        }
        bench.work(Cut::Never).await;
        assert_eq!(bench.balance(Bench::address(0)).await.0, i128::from(BEGINNING), "it may still be delivered");
        for _ in 0..3 {
            bench.clock.advance(OLD);
            bench.work_together().await;
            assert_eq!(bench.balance(Bench::address(0)).await, (expected, 0));
        }
        assert_eq!((bench.dead_events().await, bench.house(2).await), (0, bench.instance.given()));
    }

    async fn a_payment_under_way_is_looked_at_again_and_keeps_its_hold(database) {
        let mut bench = Bench::on(database).await;
        let payment = bench.instance.client_pays(Bench::address(0), Some(500), None, bench.clock.now());
        bench.deliver(&bench.instance.told(event(1), "created", payment)).await;
        for _ in 0..3 {
            bench.clock.advance(OLD);
            bench.work(Cut::Never).await;
            assert_eq!(bench.balance(Bench::address(0)).await, (i128::from(BEGINNING), 500));
        }
        bench.instance.end(payment, State::Completed, 500);
        bench.clock.advance(OLD);
        bench.work_together().await;
        assert_eq!(bench.balance(Bench::address(0)).await, (i128::from(BEGINNING) - 500, 0));
    }

    async fn a_payment_that_the_operator_cancels_gives_the_money_back_although_no_event_tells(database) {
        let mut bench = Bench::on(database).await;
        let (offer, _) = bench.nora_sends("receive", 500).await;
        bench.work(Cut::Never).await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 505));
        bench.instance.operator_cancels(offer);
        bench.clock.advance(OLD);
        bench.work(Cut::Never).await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 0));
        // The event of the creation comes late. It makes no hold again.
        bench.deliver(&bench.instance.told(event(1), "created", offer)).await;
        bench.work(Cut::Never).await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 0));
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn a_confirmed_payment_is_funded_by_asking_if_the_event_of_its_creation_never_arrives(database) {
        let mut bench = Bench::on(database).await;
        let (offer, _) = bench.nora_sends("receive", 500).await;
        bench.work(Cut::Never).await;
        assert_eq!(bench.instance.payment(offer).state, State::Funding);
        bench.clock.advance(OLD);
        bench.work_together().await;
        assert_eq!(bench.instance.payment(offer).state, State::Sending);
        bench.deliver(&bench.instance.told(event(1), "created", offer)).await;
        bench.work(Cut::Never).await;
        bench.instance.end(offer, State::Completed, 500);
        bench.clock.advance(OLD);
        bench.work_together().await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS) - 500, 0));
        assert_eq!(bench.house(2).await, bench.instance.given());
    }

    async fn a_process_that_ends_between_hold_and_creation_is_continued_and_the_payment_is_made_once(database) {
        let mut bench = Bench::on(database).await;
        for cut in [Cut::After(0), Cut::Before(1), Cut::After(1)] {
            let (held, made) = (bench.balance(Bench::noras_address()).await.1, bench.instance.payments().len());
            let (offer, _) = bench.nora_sends("receive", 500).await;
            bench.work(cut).await;
            assert_eq!(bench.balance(Bench::noras_address()).await.1, held + 505, "{cut:?}");
            bench.work(Cut::Never).await;
            assert_eq!(bench.instance.payment(offer).state, State::Funding, "{cut:?}");
            assert_eq!(bench.instance.payments().len(), made + 1, "{cut:?}");
            assert_eq!(bench.balance(Bench::noras_address()).await.1, held + 505, "{cut:?}");
        }
    }

    async fn a_payment_that_was_never_made_because_its_offer_ran_out_meanwhile_gives_the_money_back(database) {
        let mut bench = Bench::on(database).await;
        let (offer, draft) = bench.nora_sends("receive", 500).await;
        bench.work(Cut::Before(1)).await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 505));
        bench.clock.advance(Duration::from_mins(6));
        bench.work(Cut::Never).await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 0));
        assert!(bench.instance.payments().iter().all(|payment| payment.id != offer));
        assert!(bench.get(&format!("{draft}/done")).await.2.contains("has expired"));
    }

    async fn a_hold_whose_job_is_gone_is_given_up_when_its_offer_has_run_out_and_not_before(database) {
        let mut bench = Bench::on(database).await;
        let (offer, draft) = bench.nora_sends("receive", 500).await;
        bench.work(Cut::Before(1)).await;
        bench.database.execute("DELETE FROM jobs WHERE queue = 'wallet sends'", []).await.unwrap();
        bench.clock.advance(OLD);
        bench.work_together().await;
        assert_eq!(bench.balance(Bench::noras_address()).await.1, 505, "the offer holds until five minutes have passed");
        bench.clock.advance(OLD);
        bench.work_together().await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 0));
        assert!(bench.get(&format!("{draft}/done")).await.2.contains("has expired"));

        // The instance makes it after all. It gets no money.
        bench.instance.makes(offer);
        bench.deliver(&bench.instance.told(event(1), "created", offer)).await;
        bench.work(Cut::Never).await;
        assert_eq!(bench.instance.payment(offer).state, State::Cancelled);
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 0));
    }

    async fn money_that_was_held_after_its_offer_was_given_up_goes_back_although_the_process_ended_in_between(database) {
        let mut bench = Bench::on(database).await;
        bench.nora_sends("receive", 500).await;
        // The process ends right after the hold.
        bench.work(Cut::After(0)).await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 505));
        // Another process had looked before the hold, found no payment, and given the offer up.
        for given_up in ["UPDATE wallet_sends SET state = 'refused', refusal = 'late'", "UPDATE wallet_holds SET state = 'released'"] {
            bench.database.execute(given_up, []).await.unwrap();
        }
        bench.work(Cut::Never).await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 0));
        assert!(bench.instance.payments().is_empty());
    }

    async fn a_customer_pays_the_fee_that_was_confirmed_although_it_was_changed_before_the_end(database) {
        let mut bench = Bench::on(database).await;
        bench.instance.set_fee(SEEDED, bench.clock.now());
        let (offer, _) = bench.nora_sends("receive", 500).await;
        let payment = bench.instance.client_pays(Bench::address(0), None, Some(500), bench.clock.now());
        bench.clock.advance(Duration::from_secs(1));
        bench.instance.set_fee(FeeRule { fixed: 0, basis_points: 10 }, bench.clock.now());
        bench.work(Cut::Never).await;
        for (number, id) in [(1, offer), (2, payment)] {
            bench.deliver(&bench.instance.told(event(number), "created", id)).await;
            bench.work(Cut::Never).await;
            bench.instance.end(id, State::Completed, 501);
            bench.deliver(&bench.instance.told(event(10 + number), "completed", id)).await;
        }
        bench.work(Cut::Never).await;
        // The fee on 505 is 111. What was kept for bad rates and not used goes back.
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS) - 501 - 111, 0));
        assert_eq!(bench.balance(Bench::address(0)).await, (i128::from(BEGINNING) - 501 - 111, 0));
        assert_eq!(bench.house(3).await, 222);
    }

    async fn a_fee_is_found_behind_hundreds_of_fees_that_came_later(database) {
        let mut bench = Bench::on(database).await;
        bench.instance.set_fee(SEEDED, bench.clock.now());
        for number in 0..250 {
            bench.clock.advance(Duration::from_secs(1));
            bench.instance.set_fee_of_receiving(FeeRule { fixed: number, basis_points: 0 }, bench.clock.now());
        }
        let (offer, _) = bench.nora_sends("receive", 500).await;
        let payment = bench.instance.client_pays(Bench::address(0), None, Some(500), bench.clock.now());
        for _ in 0..250 {
            bench.clock.advance(Duration::from_millis(1));
            bench.instance.set_fee(FeeRule { fixed: 1, basis_points: 0 }, bench.clock.now());
        }
        bench.work(Cut::Never).await;
        for (number, id) in [(1, offer), (2, payment)] {
            bench.deliver(&bench.instance.told(event(number), "created", id)).await;
            bench.work(Cut::Never).await;
            bench.instance.end(id, State::Completed, 501);
            bench.deliver(&bench.instance.told(event(10 + number), "completed", id)).await;
        }
        bench.work(Cut::Never).await;
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS) - 501 - 111, 0));
        assert_eq!(bench.balance(Bench::address(0)).await, (i128::from(BEGINNING) - 501 - 111, 0));
        assert_eq!(bench.house(3).await, 222);
    }

    async fn of_a_hundred_payments_of_most_of_a_balance_one_is_funded_and_the_others_are_cancelled(database) {
        let bench = Bench::on(database).await;
        let most = BEGINNING * 6 / 10;
        let payments: Vec<Uuid> =
            (0..100).map(|_| bench.instance.client_pays(Bench::address(0), Some(most), None, bench.clock.now())).collect();
        for (number, payment) in (1..).zip(&payments) {
            bench.deliver(&bench.instance.told(event(number), "created", *payment)).await;
        }
        bench.work_together().await;
        let funded = payments.iter().filter(|id| bench.instance.payment(**id).state == State::Sending).count();
        let reason = Some("Account does not have enough balance.".to_owned());
        let cancelled = payments.iter().filter(|id| bench.instance.why_cancelled(**id) == reason).count();
        assert_eq!((funded, cancelled), (1, 99));
        assert_eq!(bench.balance(Bench::address(0)).await, (i128::from(BEGINNING), i128::from(most)));
    }

    async fn the_end_and_the_beginning_of_a_payment_are_told_to_two_processes_at_once_and_nothing_stays_held(database) {
        let mut bench = Bench::on(database).await;
        for number in 0..20_u128 {
            let address = Bench::address(usize::try_from(number).unwrap() % 3);
            let payment = bench.instance.client_pays(address, Some(100), None, bench.clock.now());
            // Somebody else has funded it.
            bench.instance.answer("DepositOutgoingPayment", &serde_json::json!({"input": {"outgoingPaymentId": payment}}), bench.clock.now());
            bench.instance.end(payment, State::Completed, 90);
            bench.deliver(&bench.instance.told(event(2 * number + 1), "created", payment)).await;
            bench.deliver(&bench.instance.told(event(2 * number + 2), "completed", payment)).await;
            bench.work_together().await;
        }
        bench.clock.advance(Duration::from_mins(1));
        bench.work(Cut::Never).await;
        for number in 0..3 {
            let times = if number < 2 { 7 } else { 6 };
            assert_eq!(bench.balance(Bench::address(number)).await, (i128::from(BEGINNING) - times * 90, 0));
        }
        assert_eq!((bench.dead_events().await, bench.house(2).await), (0, bench.instance.given()));
    }
}
