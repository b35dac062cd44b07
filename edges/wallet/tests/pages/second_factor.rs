//! Codes of an app and recovery codes: at signing in, and before what is important.
//! Letters and their links are in `letters`.

use totp_rs::{Builder, Secret};

use super::*;

const FACTOR: &str = "/settings/second-factor";

/// A phone with the app.
pub(super) struct Phone {
    secret: String,
}

impl Phone {
    fn code(&self, bench: &Bench) -> String {
        let totp = Builder::new().with_secret(Secret::try_from_base32(&self.secret).unwrap()).build().unwrap();
        totp.generate(u64::try_from(bench.clock.wall().as_secs()).unwrap()).to_string()
    }

    /// A code that was not shown before.
    pub(super) fn next_code(&self, bench: &Bench) -> String {
        bench.clock.advance(Duration::from_secs(30));
        self.code(bench)
    }
}

impl Browser<'_> {
    async fn prove(&mut self, proof: &str) -> Answer {
        self.send("/prove?next=%2Fsettings", "/prove", &[("next", "/settings"), ("proof", proof)]).await
    }

    /// Turns the second factor on. Returns the phone and the recovery codes.
    pub(super) async fn enrol(&mut self) -> (Phone, Vec<String>) {
        let asked = self.send(FACTOR, &format!("{FACTOR}/begin"), &[]).await;
        assert!(asked.location.starts_with("/prove?next="), "signing up proved nothing: {}", asked.text);
        assert_eq!(self.prove(PASSWORD).await.location, "/settings");
        self.send(FACTOR, &format!("{FACTOR}/begin"), &[]).await;
        let text = self.get(FACTOR).await.text;
        let secret = text.split("secret=").nth(1).unwrap().split(['&', '"']).next().unwrap().to_owned();
        let phone = Phone { secret };
        let code = phone.code(self.bench);
        let shown = self.send(FACTOR, FACTOR, &[("code", &code)]).await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
        let codes = shown.text.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
        (phone, codes.collect())
    }

    /// Gives the password. Returns what stands for it on the page that asks for the code.
    async fn half(&mut self, slug: &str) -> String {
        let answer = self.sign_in(slug, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.location);
        assert!(self.cookie.is_none(), "no session without the code");
        answer.text.split("name=\"half\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    async fn code(&mut self, half: &str, code: &str) -> Answer {
        self.post("/sign-in/code", &[("half", half), ("code", code)]).await
    }
}

on_each_database! {
    async fn with_a_second_factor_the_password_alone_opens_nothing_and_a_code_counts_once(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let mut elsewhere = bench.browser();
        elsewhere.sign_in("nora", PASSWORD).await;
        let (phone, codes) = nora.enrol().await;
        assert_eq!(codes.len(), 10);
        assert_eq!(elsewhere.get("/").await.location, "/sign-in", "other sessions have ended");
        assert_eq!(nora.get("/").await.status, StatusCode::OK);

        let used = phone.code(&bench);
        let half = bench.browser().half("nora").await;
        assert_eq!(bench.browser().code(&half, &used).await.status, StatusCode::UNPROCESSABLE_ENTITY, "used before");
        let code = phone.next_code(&bench);
        let mut halves = Vec::new();
        for _ in 0..4 {
            halves.push(bench.browser().half("nora").await);
        }
        let tries = halves.iter().map(|half| {
            let code = code.clone();
            let bench = &bench;
            async move { bench.browser().code(half, &code).await.location }
        });
        let entered = futures::future::join_all(tries).await;
        assert_eq!(entered.iter().filter(|location| *location == "/").count(), 1, "{entered:?}");
        assert_eq!(bench.browser().code(&"0".repeat(64), &code).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn a_change_of_the_address_that_waits_ends_with_a_second_factor(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let mut eve = bench.browser();
        eve.sign_in("nora", PASSWORD).await;
        let fields = [("email", "eve@example.com"), ("password", PASSWORD)];
        assert_eq!(eve.send("/settings", "/settings/email", &fields).await.location, "/settings?said=email");
        let waiting = async || bench.database.bulk_query("SELECT email FROM wallet_email_changes", []).await.unwrap().len();
        assert_eq!(waiting().await, 1);
        nora.enrol().await;
        assert_eq!(waiting().await, 0);
    }

    async fn a_recovery_code_replaces_a_code_once_and_new_ones_end_the_old(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (phone, codes) = nora.enrol().await;
        let half = bench.browser().half("nora").await;
        assert_eq!(bench.browser().code(&half, &codes[0].to_lowercase()).await.location, "/");
        let half = bench.browser().half("nora").await;
        assert_eq!(bench.browser().code(&half, &codes[0]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(nora.get(FACTOR).await.text.contains("9 recovery codes left"));

        bench.clock.advance(Duration::from_mins(6));
        let renew = format!("{FACTOR}/codes");
        assert!(nora.send(FACTOR, &renew, &[]).await.location.starts_with("/prove"), "the proof is too old");
        assert_eq!(nora.prove(&phone.next_code(&bench)).await.location, "/settings");
        assert_eq!(nora.send(FACTOR, &renew, &[]).await.status, StatusCode::OK);
        let half = bench.browser().half("nora").await;
        assert_eq!(bench.browser().code(&half, &codes[1]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn wrong_codes_are_paused_also_when_they_are_tried_at_the_same_time(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (phone, _) = nora.enrol().await;
        let half = bench.browser().half("nora").await;
        let tries = (0..20).map(|_| async { bench.browser().code(&half, "000000").await.status });
        let statuses = futures::future::join_all(tries).await;
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::UNPROCESSABLE_ENTITY).count(), 5);
        let code = phone.next_code(&bench);
        assert_eq!(bench.browser().code(&half, &code).await.status, StatusCode::TOO_MANY_REQUESTS);
        bench.clock.advance(Duration::from_secs(61));
        let code = phone.next_code(&bench);
        assert_eq!(bench.browser().code(&half, &code).await.location, "/");
    }

    async fn an_agreement_is_paused_at_once_but_goes_on_or_gets_limits_or_a_key_only_after_a_code(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let (phone, _) = nora.enrol().await;
        bench.clock.advance(Duration::from_mins(6));
        let page = format!("/agreements/{}", Uuid::from_u128(5));
        let (standing, limits, day) = (format!("{page}/standing"), format!("{page}/limits"), format!("day-{account}"));
        let paused = nora.send(&page, &standing, &[("standing", "paused")]).await;
        assert_eq!(paused.location, format!("{page}?said=paused"));
        let keys = format!("/accounts/{account}/keys");
        for (page, action, field) in [(&page, &standing, ("standing", "active")), (&page, &limits, (day.as_str(), "7.00")), (&keys, &keys, ("key", "x"))] {
            let asked = nora.send(page, action, &[field]).await;
            assert!(asked.location.starts_with("/prove"), "{}", asked.text);
        }
        let text = nora.get(&page).await.text;
        assert!(text.contains("Let it go on") && !text.contains("value=\"7.00\""), "{text}");
        nora.prove(&phone.next_code(&bench)).await;
        nora.send(&page, &standing, &[("standing", "active")]).await;
        nora.send(&page, &limits, &[(&day, "7.00")]).await;
        let text = nora.get(&page).await.text;
        assert!(text.contains("Pause it") && text.contains("value=\"7.00\""), "{text}");

        // Somebody else has no such agreement.
        let (mut eve, _) = bench.customer("eve").await;
        let other = eve.hidden("/send", "/send").await.remove(0).1;
        assert_eq!(eve.get(&page).await.status, StatusCode::NOT_FOUND);
        assert_eq!(eve.post(&standing, &[("once", &other), ("standing", "paused")]).await.status, StatusCode::FORBIDDEN);
    }

    async fn a_payment_above_the_limit_is_made_only_after_a_code(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let (phone, _) = nora.enrol().await;
        bench.clock.advance(Duration::from_mins(6));
        let review = format!("{}/review", nora.draft(&account).await);
        let asked = nora.send(&review, &review, &[]).await;
        assert!(asked.location.starts_with("/prove?next=%2Fsend"), "{}", asked.location);
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.instance.count("CreateOutgoingPayment"), 0);
        assert_eq!(nora.prove("000000").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(nora.send(&review, &review, &[]).await.location.starts_with("/prove"));
        assert_eq!(nora.prove(&phone.next_code(&bench)).await.location, "/settings");
        assert!(nora.send(&review, &review, &[]).await.location.ends_with("/done"));
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.instance.count("CreateOutgoingPayment"), 1);

        let field = format!("limit-{account}");
        let saved = nora.send(FACTOR, &format!("{FACTOR}/limits"), &[(&field, "13.00")]).await;
        assert_eq!(saved.location, format!("{FACTOR}?said=saved"), "{}", saved.text);
        bench.clock.advance(Duration::from_mins(6));
        let review = format!("{}/review", nora.draft(&account).await);
        assert!(nora.send(&review, &review, &[]).await.location.ends_with("/done"), "13.00 is not above the limit");
    }

    async fn an_application_is_allowed_something_only_after_a_code_and_refused_without(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (phone, _) = nora.enrol().await;
        bench.clock.advance(Duration::from_mins(6));
        let ask = || {
            *bench.instance.asked.lock().unwrap() = json!({"grantId": Uuid::from_u128(5), "state": "PENDING", "clientName": "Shop",
                "clientUri": "https://shop.example/", "access": [{"type": "outgoing-payment", "actions": ["create"],
                "identifier": "https://localhost:3000/accounts/nora", "limits": {"debitAmount": usd(2_000)}}]});
        };
        ask();
        let page = nora.get("/consent?interactId=i1&nonce=n1").await.location;
        let asked = nora.send(&page, &page, &[("decision", "allow")]).await;
        assert_eq!(asked.location, format!("/prove?next={}", page.replace('/', "%2F")), "{}", asked.text);
        assert!(bench.instance.decisions.lock().unwrap().is_empty());
        assert_eq!(nora.prove(&phone.next_code(&bench)).await.location, "/settings");
        assert_eq!(nora.send(&page, &page, &[("decision", "allow")]).await.location, format!("{page}/done"));
        assert_eq!(*bench.instance.decisions.lock().unwrap(), ["accept"]);

        ask();
        bench.clock.advance(Duration::from_mins(6));
        let page = nora.get("/consent?interactId=i2&nonce=n2").await.location;
        assert_eq!(nora.send(&page, &page, &[("decision", "deny")]).await.location, format!("{page}/done"));
        assert_eq!(*bench.instance.decisions.lock().unwrap(), ["accept", "reject"]);
    }

    async fn without_a_fresh_code_nothing_that_protects_the_wallet_changes(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let (phone, _) = nora.enrol().await;
        bench.clock.advance(Duration::from_mins(6));
        let field = format!("limit-{account}");
        let new = "another long password";
        type Form<'a> = (&'a str, String, Vec<(&'a str, &'a str)>);
        let tries: [Form<'_>; 4] = [
            (FACTOR, format!("{FACTOR}/off"), vec![]),
            (FACTOR, format!("{FACTOR}/limits"), vec![(&field, "400.00")]),
            ("/settings", "/settings/password".to_owned(), vec![("old", PASSWORD), ("new", new), ("again", new)]),
            ("/settings", "/settings/email".to_owned(), vec![("email", "eve@example.com"), ("password", PASSWORD)]),
        ];
        for (page, action, fields) in &tries {
            let answer = nora.send(page, action, fields).await;
            assert!(answer.location.starts_with("/prove?next="), "{action}: {}", answer.text);
        }
        assert!(nora.get(FACTOR).await.text.contains("value=\"0.00\""), "the limit is as it was");
        assert_eq!(nora.prove(&phone.next_code(&bench)).await.location, "/settings");
        let off = nora.send(FACTOR, &format!("{FACTOR}/off"), &[]).await;
        assert_eq!(off.location, format!("{FACTOR}?said=factor-off"));
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.location, "/");
    }

    async fn the_secret_is_sealed_and_the_codes_are_hashed_where_they_are_stored(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (phone, codes) = nora.enrol().await;
        let rows = bench.database.bulk_query("SELECT secret FROM wallet_second_factors UNION ALL SELECT code FROM wallet_recovery_codes", []).await.unwrap();
        let stored: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        assert_eq!(stored.len(), 11);
        let plain = |text: &String| text.contains(&phone.secret) || codes.iter().any(|code| text.contains(&code.replace('-', "")));
        assert!(!stored.iter().any(plain), "{stored:?}");
        assert!(stored[0].starts_with("sealed:1:"));
    }
}
