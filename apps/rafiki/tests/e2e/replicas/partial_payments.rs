//! Money that comes with data from its sender, from one institution to the other: accepted, rejected, and declined
//! because nobody answered; with one process of the receiver and with two.
//!
//! The tests of the crate `payments` say which process gets the decision. Here it is either.

use admin_client::{OutgoingPayment, OutgoingPaymentState};

use super::desk::{Answer, Desk};
use super::{Replicated, Staff};
use crate::asking::insist;
use crate::institutions::{SIDES, Side, Storage};
use crate::paying::pay_once;

const DATA: &str = "name: Grace Franklin\naddress: Main Street 1 ✓";
const AMOUNT: u64 = 500;
const KEYS: [&str; 2] =
    ["zO9KogehJECHReHgQr+ZWGkmgOD4AYa4ksUxALSwgM8=", "BjPXtnd00G2mRQwP/8ZpwyZASOch5sUXT5o0iR5b5wU="];
/// Long enough for a decision on a slow machine.
const WAIT_MS: &str = "8000";

#[test]
fn money_with_data_is_accepted_rejected_or_timed_out_with_one_process() {
    decided(Storage::Sqlite, 1);
}

#[test]
fn money_with_data_is_accepted_rejected_or_timed_out_with_two_processes() {
    decided(Storage::PostgresAlone, 2);
}

fn decided(storage: Storage, processes: usize) {
    let mut desks = Vec::new();
    let staff = |side: Side, runtime: &tokio::runtime::Runtime, facts: &serde_json::Value, folder: &std::path::Path| {
        let desk = Desk::open(runtime, facts, folder, DATA);
        let variables = [
            ("WEBHOOK_URL", desk.url()),
            ("ENABLE_PARTIAL_PAYMENT_DECISION", "true"),
            ("PARTIAL_PAYMENT_DECISION_MAX_WAIT_MS", WAIT_MS),
            ("DB_ENCRYPTION_SECRET", KEYS[side as usize]),
        ];
        let variables = variables.map(|(name, value)| (name, value.to_owned())).to_vec();
        desks.push(desk);
        Staff { processes, variables, ..Staff::default() }
    };
    let Some(replicated) = Replicated::with(storage, staff) else { return };
    let [_, life]: [Desk; 2] = desks.try_into().ok().unwrap();

    // With two processes each one holds a packet once and is told a decision once.
    for round in 0..processes {
        life.answer(Answer::Confirm);
        let paid = pay(&replicated, round * 3);
        assert_eq!((paid.state, paid.error.as_deref()), (OutgoingPaymentState::Completed, None));
        let questions = life.take_questions();
        assert_eq!(questions.len(), 1, "{questions:?}");
        assert_eq!(questions[0]["dataFromSender"], DATA);
        assert_eq!(received(&replicated, &questions[0]), AMOUNT);

        life.answer(Answer::Reject("We do not know Grace."));
        let refused = pay(&replicated, round * 3 + 1);
        assert_failed(&refused, "We do not know Grace.");
        let questions = life.take_questions();
        assert_eq!(received(&replicated, &questions[0]), 0);

        life.answer(Answer::Nothing);
        let unanswered = pay(&replicated, round * 3 + 2);
        assert_failed(&unanswered, "No response from receiving ASE");
        let questions = life.take_questions();
        assert_eq!(received(&replicated, &questions[0]), 0);
        let late = replicated.runtime.block_on(life.decide(&questions[0], Answer::Confirm));
        assert!(!late, "a late decision has no effect and says so");
    }
    replicated.assert_books();
}

/// Pays from Cloud Nine to Happy Life, and waits for the end.
fn pay(replicated: &Replicated, n: usize) -> OutgoingPayment {
    let (admin, (payer, payee)) = (replicated.admin(SIDES[0]), replicated.parties(SIDES[0], SIDES[1]));
    replicated.runtime.block_on(async {
        let from = insist(|| admin.wallet_address_by_url(&payer)).await.unwrap();
        pay_once(admin.clone(), from.id, payee, AMOUNT, n).await
    })
}

fn assert_failed(payment: &OutgoingPayment, error: &str) {
    assert_eq!((payment.state, payment.error.as_deref()), (OutgoingPaymentState::Failed, Some(error)));
    assert_eq!(payment.sent_amount.value, 0);
}

/// What the payment of a question has received.
fn received(replicated: &Replicated, question: &serde_json::Value) -> u64 {
    let admin = replicated.admin(Side::HappyLife);
    let id = question["id"].as_str().unwrap().parse().unwrap();
    replicated.runtime.block_on(insist(|| admin.incoming_payment(id))).received_amount.value
}
