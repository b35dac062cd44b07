//! A pause and limits of the customer's own refuse payments of applications and cards before money is held for them:
//! once and for all, whatever is repeated, and however many processes ask at the same time.

use std::time::Duration;

use axum::http::StatusCode;
use card::{Chip, ChipKey, PinKey, Tap};
use clock::Clock;
use serde_json::{Value, json};
use testkit::on_each_database;
use uuid::Uuid;

use crate::bench::{BEGINNING, Bench, Cut, NORAS};
use crate::instance::{State, usd};

const NORA: &str = "https://localhost:3000/accounts/nora";

fn grant() -> Uuid {
    Uuid::from_u128(5)
}

fn page() -> String {
    format!("/agreements/{}", grant())
}

/// An application may pay from Nora's account.
fn allowed(bench: &Bench) {
    bench.instance.grant(json!({"id": grant(), "client": "https://shop.example/",
        "access": [{"identifier": NORA, "type": "outgoing-payment", "actions": ["create"],
            "limits": {"receiver": null, "debitAmount": usd(100_000), "receiveAmount": null, "interval": null}}],
        "subject": null, "state": "FINALIZED", "finalizationReason": "ISSUED",
        "createdAt": "2026-01-01T00:00:00.000Z", "tenantId": Uuid::nil()}));
}

/// The event of a payment that the application has made from an address.
fn pays_from(bench: &Bench, address: Uuid, amount: u64) -> (Uuid, Value) {
    let payment = bench.instance.client_pays(address, Some(amount), None, bench.clock.now());
    let mut event = bench.instance.told(Uuid::from_u128(payment.as_u128() + (1 << 100)), "created", payment);
    event["data"]["grantId"] = json!(grant());
    (payment, event)
}

fn pays(bench: &Bench, amount: u64) -> (Uuid, Value) {
    pays_from(bench, Bench::noras_address(), amount)
}

/// The application pays. Returns the payment, and how far it is.
async fn paid(bench: &mut Bench, amount: u64) -> (Uuid, State) {
    let (payment, event) = pays(bench, amount);
    bench.deliver(&event).await;
    bench.work(Cut::Never).await;
    (payment, bench.instance.payment(payment).state)
}

async fn limit(bench: &Bench, payment: &str, day: &str, last: &str) {
    let noras = &bench.noras;
    let fields =
        [(format!("payment-{noras}"), payment), (format!("day-{noras}"), day), (format!("last-{noras}"), last)];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(bench.send(&page(), &format!("{}/limits", page()), &fields).await, format!("{}?said=saved", page()));
}

async fn stand(bench: &Bench, standing: &str) -> String {
    bench.send(&page(), &format!("{}/standing", page()), &[("standing", standing)]).await
}

const NUMBER: &str = "4000123412341234";

fn chip() -> Chip {
    Chip {
        number: NUMBER.parse().unwrap(),
        wallet_address: NORA.to_owned(),
        key: ChipKey::ecdsa(&[9; 32]).unwrap(),
        pin_key: PinKey::new([5; 16]),
    }
}

/// Nora gets a card.
async fn issue(bench: &Bench) {
    let key = hex::encode(chip().key.for_issuer().to_bytes());
    let sql = "INSERT INTO wallet_cards
            (number, account_id, wallet_address, kind, card_key, pin_key, pin, pin_from, state, wrong_pins)
        VALUES ($1, $2, $3, 'ecdsa', $4, $5, '1234', 100000, 'active', 0)";
    let account: Uuid = bench.noras.parse().unwrap();
    let values = [NUMBER.into(), account.into(), NORA.into(), key.into(), "05".repeat(16).into()];
    bench.database.execute(sql, values).await.unwrap();
}

/// Somebody pays with the card. Returns how far the payment is.
async fn tapped(bench: &mut Bench, counter: &mut u16, amount: u32) -> State {
    *counter += 1;
    let unpredictable = [counter.to_be_bytes(), counter.to_be_bytes()].concat().try_into().unwrap();
    let tap = Tap { amount: amount.into(), currency: 840, exponent: 2, unpredictable, counter: *counter, pin: None };
    let signed = chip().sign(&tap).unwrap();
    let (payment, mut event) = pays(bench, amount.into());
    event["data"]["grantId"] = Value::Null;
    let signature = hex::encode(signed.cryptogram.as_bytes());
    event["data"]["cardDetails"] = json!({"requestId": payment, "initiatedAt": "2026-01-01T00:00:00.000Z",
        "data": {"signature": signature, "payload": signed.to_hex()}});
    bench.deliver(&event).await;
    bench.work(Cut::Never).await;
    bench.instance.payment(payment).state
}

on_each_database! {
    async fn limits_of_the_customer_refuse_what_is_more_and_let_through_what_just_fits(database) {
        let mut bench = Bench::on(database).await;
        allowed(&bench);
        limit(&bench, "5.00", "12.00", "").await;
        let (refused, state) = paid(&mut bench, 501).await;
        assert_eq!(state, State::Cancelled);
        assert!(bench.instance.why_cancelled(refused).unwrap().contains("own limit for a payment"));
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 0), "nothing is held");
        assert!(bench.get(&format!("/history/{refused}")).await.2.contains("more than your own limit for one payment"));

        let (first, state) = paid(&mut bench, 500).await;
        assert_eq!(state, State::Sending);
        assert_eq!(paid(&mut bench, 500).await.1, State::Sending);
        let (refused, state) = paid(&mut bench, 201).await;
        assert_eq!(state, State::Cancelled, "12.00 a day");
        assert!(bench.instance.why_cancelled(refused).unwrap().contains("own limit for a day"));
        assert_eq!(paid(&mut bench, 200).await.1, State::Sending);
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 1_200));
        let text = bench.get(&page()).await.2;
        assert!(text.contains("12.00\u{a0}USD used") && text.contains("limit 12.00\u{a0}USD"), "{text}");

        // A payment that has failed counts what was delivered.
        bench.instance.end(first, State::Failed, 100);
        let mut event = bench.instance.told(Uuid::from_u128(3 << 99), "failed", first);
        event["data"]["grantId"] = json!(grant());
        bench.deliver(&event).await;
        bench.work(Cut::Never).await;
        assert_eq!(paid(&mut bench, 401).await.1, State::Cancelled);
        assert_eq!(paid(&mut bench, 400).await.1, State::Sending);

        // Another day, and without limits any amount.
        bench.clock.advance(Duration::from_hours(24));
        assert_eq!(paid(&mut bench, 500).await.1, State::Sending);
        limit(&bench, "", "", "").await;
        assert_eq!(paid(&mut bench, 20_000).await.1, State::Sending);
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn a_paused_agreement_pays_nothing_until_it_goes_on_and_others_do(database) {
        let mut bench = Bench::on(database).await;
        allowed(&bench);
        assert_eq!(stand(&bench, "paused").await, format!("{}?said=paused", page()));
        let (payment, state) = paid(&mut bench, 100).await;
        assert_eq!(state, State::Cancelled);
        assert!(bench.instance.why_cancelled(payment).unwrap().contains("paused"));
        assert!(bench.get("/agreements").await.2.contains("Paused"));

        // The same grant from an account of somebody else, who decides for that one.
        let (other, event) = pays_from(&bench, Bench::address(0), 100);
        bench.deliver(&event).await;
        bench.work(Cut::Never).await;
        assert_eq!(bench.instance.payment(other).state, State::Sending);
        assert_eq!(bench.balance(Bench::address(0)).await, (i128::from(BEGINNING), 100));

        assert_eq!(stand(&bench, "active").await, format!("{}?said=resumed", page()));
        assert_eq!(paid(&mut bench, 100).await.1, State::Sending);
        // An agreement can have a last day.
        limit(&bench, "", "", "2026-01-01").await;
        assert_eq!(paid(&mut bench, 100).await.1, State::Sending);
        bench.clock.advance(Duration::from_hours(24));
        assert_eq!(paid(&mut bench, 100).await.1, State::Cancelled);
        let (status, text) = bench.fill(&page(), &format!("{}/limits", page()), &[(&format!("last-{}", bench.noras), "2026-01-01")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text.contains("This day is over."), "{text}");
    }

    async fn of_payments_at_the_same_time_two_processes_let_through_what_a_day_allows(database) {
        let bench = Bench::on(database).await;
        allowed(&bench);
        limit(&bench, "", "5.00", "").await;
        let mut payments = Vec::new();
        for _ in 0..24 {
            let (payment, event) = pays(&bench, 100);
            bench.deliver(&event).await;
            payments.push(payment);
        }
        bench.work_together().await;
        let sending = payments.iter().filter(|id| bench.instance.payment(**id).state == State::Sending).count();
        assert_eq!(sending, 5);
        assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), 500));
    }

    async fn what_was_decided_about_a_payment_stays_decided_although_the_process_ends_and_the_customer_changes_it(database) {
        let mut bench = Bench::on(database).await;
        allowed(&bench);
        let (mut sending, mut cancelled) = (0, 0);
        for step in 0..60 {
            let paused = step % 2 == 0;
            stand(&bench, if paused { "paused" } else { "active" }).await;
            let (payment, event) = pays(&bench, 100);
            bench.deliver(&event).await;
            bench.work(Cut::Wait(step)).await;
            let decided = bench.column("SELECT COUNT(*) FROM wallet_agreement_uses").await[0] > i64::try_from(step).unwrap();
            // Now it is the other way round.
            stand(&bench, if paused { "active" } else { "paused" }).await;
            bench.deliver(&event).await;
            bench.work(Cut::Never).await;
            let state = bench.instance.payment(payment).state;
            assert_eq!(state == State::Sending, paused != decided, "step {step}: {state:?}");
            if state == State::Sending { sending += 1; } else { cancelled += 1; }
            assert_eq!(bench.balance(Bench::noras_address()).await, (i128::from(NORAS), sending * 100), "step {step}");
        }
        assert!(sending > 5 && cancelled > 5, "{sending} {cancelled}");
        assert_eq!(bench.dead_events().await, 0);
    }

    async fn a_card_pays_within_the_limits_of_its_owner_and_nothing_while_it_is_frozen_or_after_its_end(database) {
        let mut bench = Bench::on(database).await;
        let mut counter = 0;
        issue(&bench).await;
        let listed = bench.get("/cards").await.2;
        let page = format!("/cards/{}", listed.split("href=\"/cards/").nth(1).unwrap().split('"').next().unwrap());
        assert!(listed.contains("•••• 1234") && !listed.contains(NUMBER) && !bench.get(&page).await.2.contains(NUMBER));
        let (payment, day) = (format!("payment-{}", bench.noras), format!("day-{}", bench.noras));
        bench.send(&page, &format!("{page}/limits"), &[(&payment, "5.00"), (&day, "8.00")]).await;
        for (amount, state) in [(501, State::Cancelled), (500, State::Sending), (301, State::Cancelled), (300, State::Sending)] {
            assert_eq!(tapped(&mut bench, &mut counter, amount).await, state, "{amount}");
        }
        assert!(bench.get(&page).await.2.contains("8.00\u{a0}USD used"));

        bench.clock.advance(Duration::from_hours(24));
        assert_eq!(bench.send(&page, &page, &[("state", "frozen")]).await, format!("{page}?said=card-frozen"));
        assert_eq!(tapped(&mut bench, &mut counter, 100).await, State::Cancelled);
        assert_eq!(bench.send(&page, &page, &[("state", "active")]).await, format!("{page}?said=card-active"));
        assert_eq!(tapped(&mut bench, &mut counter, 100).await, State::Sending);

        let (status, text) = bench.fill(&page, &page, &[("state", "ended")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
        assert_eq!(tapped(&mut bench, &mut counter, 100).await, State::Sending);
        bench.send(&page, &page, &[("state", "ended"), ("sure", "yes")]).await;
        assert_eq!(tapped(&mut bench, &mut counter, 100).await, State::Cancelled);
        assert!(!bench.get(&page).await.2.contains("action=\"/cards"), "it cannot be thawed");
    }

    async fn limits_that_are_set_with_the_consent_count_for_the_first_payment(database) {
        let mut bench = Bench::on(database).await;
        bench.instance.asks(json!({"grantId": grant(), "state": "PENDING", "clientName": "Shop",
            "clientUri": "https://shop.example/", "access": [{"type": "outgoing-payment", "actions": ["create"],
            "identifier": NORA, "limits": {"debitAmount": usd(2_000)}}]}));
        let arrived = "/consent?interactId=i1&nonce=n1&clientName=a&clientUri=https%3A%2F%2Fa.example";
        let asked = bench.get(arrived).await.1;
        let field = format!("payment-{}", bench.noras);
        let (status, text) = bench.fill(&asked, &asked, &[("decision", "allow"), (&field, "1,00")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text.contains("without separators") && text.contains("value=\"1,00\""), "{text}");
        assert!(bench.instance.decisions().is_empty());
        bench.send(&asked, &asked, &[("decision", "allow"), (&field, "1.00")]).await;
        assert_eq!(bench.instance.decisions(), ["accept"]);
        assert_eq!(paid(&mut bench, 101).await.1, State::Cancelled);
        assert_eq!(paid(&mut bench, 100).await.1, State::Sending);
    }
}
