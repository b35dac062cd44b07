//! Asking for money: made once, seen by its owner only, and closed.
//! What an event about the money does is in `wallet.rs`.

use super::*;

impl Browser<'_> {
    async fn ask(&mut self, account: &str, amount: &str) -> Answer {
        let fields = [("account", account), ("amount", amount), ("note", "Rent & more"), ("lasts", "week")];
        self.send("/request", "/request", &fields).await
    }
}

on_each_database! {
    async fn a_request_that_is_sent_twice_is_made_once_and_shows_its_link(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let once = nora.hidden("/request", "/request").await.remove(0).1;
        let fields = [("once", once.as_str()), ("account", &account), ("amount", "20.00"), ("note", "Rent"), ("lasts", "week")];
        let mut locations = Vec::new();
        for _ in 0..2 {
            locations.push(nora.post("/request", &fields).await.location);
        }
        assert_eq!(locations[0], locations[1]);
        let page = nora.get(&locations[0]).await.text;
        assert!(page.contains("https://localhost:3000/incoming-payments/") && page.contains("class=\"qr\""), "{page}");
        assert!(page.contains("5.00\u{a0}USD"), "what has come so far");
        assert_eq!(nora.get("/requests").await.text.matches("href=\"/requests/").count(), 1);
        let calls = bench.instance.calls.lock().unwrap();
        let (_, sent) = calls.iter().find(|(name, _)| name == "CreateIncomingPayment").unwrap();
        assert_eq!((&sent["incomingAmount"], &sent["metadata"]), (&usd(2_000), &json!({"description": "Rent"})));
        assert_eq!(sent["expiresAt"], "2026-01-08T00:00:00.000Z");
    }

    async fn a_request_whose_answer_was_lost_is_asked_for_again_with_the_same_end_and_amount(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let once = nora.hidden("/request", "/request").await.remove(0).1;
        bench.instance.fails.lock().unwrap().insert("CreateIncomingPayment");
        let ask = |amount: &'static str| [("once", once.clone()), ("account", account.clone()), ("amount", amount.to_owned()), ("lasts", "week".to_owned())];
        let mut asked = Vec::new();
        for amount in ["20.00", "20.00", "21.00"] {
            let fields = ask(amount);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            asked.push(nora.post("/request", &fields).await);
            bench.clock.advance(Duration::from_secs(90));
            if asked.len() == 2 {
                bench.instance.fails.lock().unwrap().clear();
            }
        }
        assert_eq!((asked[0].status, asked[1].status), (StatusCode::BAD_GATEWAY, StatusCode::BAD_GATEWAY));
        assert!(asked[2].location.starts_with("/requests/"), "{}", asked[2].text);
        let calls = bench.instance.calls.lock().unwrap().clone();
        let sent: Vec<&Value> = calls.iter().filter(|(name, _)| name == "CreateIncomingPayment").map(|(_, input)| input).collect();
        assert_eq!(sent, [sent[0]; 3]);
        assert!(nora.get(&asked[2].location).await.text.contains("20.00"), "it shows what was asked for");
    }

    async fn a_customer_has_at_most_two_hundred_open_requests(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        for _ in 0..199 {
            assert_eq!(nora.ask(&account, "1.00").await.status, StatusCode::SEE_OTHER);
        }
        // Two forms at the same time: only one is the last that is possible.
        let (mut one, mut other) = (nora.clone(), nora.clone());
        let (one, other) = tokio::join!(one.ask(&account, "1.00"), other.ask(&account, "1.00"));
        let last = if one.status == StatusCode::SEE_OTHER { &one } else { &other }.location.clone();
        assert_eq!([one, other].iter().filter(|answer| answer.location.starts_with("/requests/")).count(), 1);
        let refused = nora.ask(&account, "1.00").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text.contains("You have 200 open requests"), "{}", refused.text);
        nora.send(&last, &last, &[]).await;
        assert_eq!(nora.ask(&account, "1.00").await.status, StatusCode::SEE_OTHER);
    }

    async fn what_was_written_wrongly_is_not_asked_for(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        for amount in ["0", "1.234", "x", "-1"] {
            assert_eq!(nora.ask(&account, amount).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{amount}");
        }
        assert_eq!(nora.ask("", "1.00").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(bench.instance.count("CreateIncomingPayment"), 0);
        assert_eq!(nora.ask(&account, "").await.status, StatusCode::SEE_OTHER, "the payer may choose the amount");
    }

    async fn a_closed_request_takes_nothing_and_nobody_else_reaches_one(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let (mut eve, own) = bench.customer("eve").await;
        let place = nora.ask(&account, "20.00").await.location;
        assert_eq!(eve.get(&place).await.status, StatusCode::NOT_FOUND);
        assert_eq!(eve.ask(&account, "20.00").await.status, StatusCode::UNPROCESSABLE_ENTITY, "not her account");
        let mine = eve.ask(&own, "1.00").await.location;
        let token = eve.hidden(&mine, &mine).await.remove(0).1;
        assert_eq!(eve.post(&place, &[("once", &token)]).await.status, StatusCode::FORBIDDEN);
        assert!(nora.get("/").await.text.contains("One open request"));
        let closed = nora.send(&place, &place, &[]).await;
        assert_eq!(closed.location, format!("{place}?said=closed"));
        assert_eq!(bench.instance.count("CompleteReceiver"), 1);
        let text = nora.get(&place).await.text;
        assert!(text.contains("Closed") && !text.contains("class=\"qr\""), "{text}");
        assert!(!nora.get("/").await.text.contains("open request"));
    }

    async fn a_request_that_nobody_paid_expires(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let place = nora.ask(&account, "20.00").await.location;
        bench.clock.advance(Duration::from_hours(7 * 24 + 1));
        nora.sign_in("nora", PASSWORD).await;
        assert!(nora.get(&place).await.text.contains("Nobody paid it in time"));
    }
}
