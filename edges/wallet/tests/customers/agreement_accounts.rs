//! A payment that names an agreement of another account gets no money, and operators are told of it. The instance should
//! have refused it before; here it does not.
//!
//! What the customer's own limits refuse is in `own_limits`.

use serde_json::json;
use testkit::on_each_database;
use uuid::Uuid;

use crate::bench::{BEGINNING, Bench, Cut, NORAS, Shape};
use crate::instance::{State, usd};

const NORA: &str = "https://localhost:3000/accounts/nora";
const TOLD: &str = "Payments under agreements of other accounts";

fn grant() -> Uuid {
    Uuid::from_u128(5)
}

/// Nora allows an application to pay from her account.
async fn allows(bench: &Bench) {
    bench.instance.asks(json!({"grantId": grant(), "state": "PENDING", "clientName": "Shop",
        "clientUri": "https://shop.example/", "access": [{"type": "outgoing-payment", "actions": ["create"],
            "identifier": NORA, "limits": {"debitAmount": usd(100_000)}}]}));
    let asked = bench.get("/consent?interactId=i1&nonce=n1").await.1;
    bench.send(&asked, &asked, &[("decision", "allow")]).await;
    assert_eq!(bench.instance.decisions(), ["accept"]);
}

/// The instance tells of a payment from this address that names a grant. Returns the payment, and how far it is.
async fn told(bench: &mut Bench, address: Uuid, grant: Uuid) -> (Uuid, State) {
    let payment = bench.instance.client_pays(address, Some(300), None, clock::Clock::now(&*bench.clock));
    let mut event = bench.instance.told(Uuid::from_u128(payment.as_u128() + (1 << 100)), "created", payment);
    event["data"]["grantId"] = json!(grant);
    for _ in 0..2 {
        bench.deliver(&event).await;
        bench.work(Cut::Never).await;
    }
    (payment, bench.instance.payment(payment).state)
}

async fn shows(mut bench: Bench) {
    let others = Bench::address(0);
    let (_, state) = told(&mut bench, others, grant()).await;
    assert_eq!(state, State::Sending, "of this agreement nothing is known, so the instance alone decides");
    allows(&bench).await;
    assert!(!bench.get("/operator").await.2.contains(TOLD));
    let before = bench.balance(others).await;

    let (payment, state) = told(&mut bench, others, grant()).await;
    assert_eq!(state, State::Cancelled);
    let why = bench.instance.why_cancelled(payment).unwrap();
    assert!(why.contains("allowed this agreement for another account"), "{why}");
    assert_eq!(bench.balance(others).await, before, "nothing is held or taken");
    assert_eq!(before, (i128::from(BEGINNING), 300));

    let (_, state) = told(&mut bench, Bench::noras_address(), grant()).await;
    assert_eq!(state, State::Sending, "it pays from the account for which it was allowed");
    let (_, state) = told(&mut bench, others, Uuid::from_u128(6)).await;
    assert_eq!(state, State::Sending, "another agreement is judged for itself");

    let page = bench.get("/operator").await.2;
    assert!(
        page.contains(TOLD) && page.contains(&payment.to_string()) && page.contains(&grant().to_string()),
        "{page}"
    );
    assert_eq!(page.matches("/operator/accounts/").count(), 1, "it is told once: {page}");
    assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 300));
    assert_eq!(bench.dead_events().await, 0);
}

on_each_database! {
    async fn a_payment_that_names_an_agreement_of_another_account_gets_no_money_and_operators_are_told(database) {
        shows(Bench::on(database).await).await;
    }

    async fn in_four_processes_a_payment_that_names_an_agreement_of_another_account_gets_no_money(database) {
        shows(Bench::of(database, Shape::Four).await).await;
    }
}
