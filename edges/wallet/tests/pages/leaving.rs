//! Closing a wallet: refused while something is in it, and whole afterwards.
//! What protects the wallet is in `second_factor`.

use super::*;

const HERE: &str = "/settings/leave";

impl Browser<'_> {
    async fn open_account(&mut self) {
        let fields = [("asset", "USD/2"), ("name", "Mine"), ("path", "nora")];
        self.send("/accounts/open", "/accounts/open", &fields).await;
    }

    /// The only account.
    async fn account(&mut self) -> String {
        let home = self.get("/").await.text;
        home.split("href=\"/accounts/").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    async fn leave(&mut self) -> Answer {
        let proved = self.send("/prove", "/prove", &[("next", HERE), ("proof", PASSWORD)]).await;
        assert_eq!(proved.location, HERE, "{}", proved.text);
        let once = self.hidden(HERE, HERE).await.remove(0).1;
        self.post(HERE, &[("once", &once), ("sure", "yes")]).await
    }
}

on_each_database! {
    async fn a_wallet_with_money_or_requests_is_not_closed(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let page = nora.get(HERE).await.text;
        assert!(page.contains("There is money in your accounts") && !page.contains("name=\"sure\""), "{page}");
        nora.send("/request", "/request", &[("account", &account), ("amount", "1.00"), ("lasts", "day")]).await;
        assert!(nora.get(HERE).await.text.contains("Requests for money are open"));
        assert_eq!(bench.instance.count("UpdateWalletAddress"), 0);
    }

    async fn a_form_that_was_made_before_the_money_came_closes_nothing(database) {
        let bench = Bench::playground(database).await;
        let mut nora = bench.browser();
        nora.sign_up("nora").await;
        nora.open_account().await;
        let account = nora.account().await;
        nora.send("/prove", "/prove", &[("next", HERE), ("proof", PASSWORD)]).await;
        let once = nora.hidden(HERE, HERE).await.remove(0).1;
        let page = format!("/accounts/{account}");
        nora.send(&page, &format!("{page}/top-up"), &[("amount", "1.00")]).await;
        let refused = nora.post(HERE, &[("once", &once), ("sure", "yes")]).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(nora.balance().await, "1.00");
        assert_eq!(bench.instance.count("UpdateWalletAddress"), 0);
    }

    async fn money_of_a_request_that_is_on_its_way_keeps_the_wallet_open_until_it_is_there_or_will_not_come(database) {
        let bench = Bench::playground(database).await;
        let mut nora = bench.browser();
        nora.sign_up("nora").await;
        nora.open_account().await;
        let account = nora.account().await;
        nora.send("/request", "/request", &[("account", &account), ("amount", "20.00"), ("lasts", "hour")]).await;
        bench.clock.advance(Duration::from_hours(1));
        nora.sign_in("nora", PASSWORD).await;
        for (state, received, told) in [
            ("PROCESSING", 500, "Requests for money are open"),
            ("EXPIRED", 500, "Money for a request is on its way"),
        ] {
            *bench.instance.incoming.lock().unwrap() = Some((state, received));
            let page = nora.get(HERE).await.text;
            assert!(page.contains(told) && !page.contains("name=\"sure\""), "{state}: {page}");
        }
        *bench.instance.incoming.lock().unwrap() = Some(("EXPIRED", 0));
        assert!(nora.get(HERE).await.text.contains("name=\"sure\""));
        let before = bench.instance.count("IncomingPayment");
        nora.get(HERE).await;
        assert_eq!(bench.instance.count("IncomingPayment"), before, "it is asked about no more");
    }

    async fn a_wallet_to_which_something_came_meanwhile_stays_open_and_only_what_was_switched_off_is_switched_on(database) {
        let bench = Bench::playground(database).await;
        let mut nora = bench.browser();
        nora.sign_up("nora").await;
        nora.open_account().await;
        nora.send("/accounts/open", "/accounts/open", &[("asset", "USD/2"), ("name", "Old"), ("path", "nora-old")]).await;
        let by_operator = id_of("https://localhost:3000/accounts/nora-old").to_string();
        bench.instance.inactive.lock().unwrap().insert(by_operator.clone());
        assert_eq!(nora.leave().await.location, "/sign-in?said=left");
        assert_eq!(nora.get("/").await.location, "/sign-in", "sessions stop at once");
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::FORBIDDEN);
        assert_eq!(bench.instance.statuses.lock().unwrap().len(), 0);

        let sql = "INSERT INTO wallet_movements (id, account_id, kind, state, rank, amount, fee, most, made_at)
            SELECT $1, id, 'sent', 'sending', 2, 0, 0, 5, 0 FROM wallet_accounts WHERE name = 'Mine'";
        bench.database.execute(sql, [Uuid::from_u128(8).into()]).await.unwrap();
        bench.wallet.work_due().await.unwrap();
        assert_eq!(*bench.instance.statuses.lock().unwrap(), ["INACTIVE", "ACTIVE"]);
        assert_eq!(*bench.instance.inactive.lock().unwrap(), BTreeSet::from([by_operator]));
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.location, "/");
        let letters = "SELECT CAST(COUNT(*) AS text) FROM wallet_switched_off";
        let kept: String = bench.database.bulk_query(letters, []).await.unwrap()[0].try_get_by_index(0).unwrap();
        assert_eq!(kept, "0");
    }

    async fn a_wallet_stays_open_once_that_is_decided_and_what_was_asked_of_the_instance_before_changes_nothing_later(database) {
        let bench = Bench::playground(database).await;
        let mut nora = bench.browser();
        nora.sign_up("nora").await;
        nora.open_account().await;
        let account = nora.account().await;
        nora.leave().await;
        let sql = "INSERT INTO wallet_movements (id, account_id, kind, state, rank, amount, fee, most, made_at)
            SELECT $1, id, 'sent', 'sending', 2, 0, 0, 5, 0 FROM wallet_accounts";
        bench.database.execute(sql, [Uuid::from_u128(8).into()]).await.unwrap();
        bench.instance.fails.lock().unwrap().insert("ACTIVE");
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::FORBIDDEN);

        // The payment has ended, so the wallet could be closed now.
        bench.database.execute("UPDATE wallet_movements SET state = 'completed'", []).await.unwrap();
        bench.instance.fails.lock().unwrap().clear();
        bench.clock.advance(Duration::from_mins(2));
        bench.wallet.work_due().await.unwrap();
        assert_eq!(nora.sign_in("nora", PASSWORD).await.location, "/");
        assert_eq!(*bench.instance.statuses.lock().unwrap(), ["INACTIVE", "ACTIVE"]);

        // A process that had lost the job asked for these, and they arrive only now.
        let calls = bench.instance.calls.lock().unwrap().clone();
        let asked: Vec<Value> = calls.into_iter().filter(|(name, _)| name == "UpdateWalletAddress").map(|(_, input)| input).collect();
        let arrives = |status: &str| {
            let input = asked.iter().find(|input| input["status"] == status).unwrap();
            bench.instance.answer("UpdateWalletAddress", &json!({"input": input}));
        };
        arrives("INACTIVE");
        assert!(bench.instance.inactive.lock().unwrap().is_empty());
        let page = format!("/accounts/{account}/public");
        nora.send(&page, &format!("{page}/switch"), &[("to", "off"), ("sure", "yes")]).await;
        arrives("ACTIVE");
        assert_eq!(bench.instance.inactive.lock().unwrap().len(), 1);
    }

    async fn leaving_that_is_interrupted_at_any_step_goes_on_and_leaves_no_address_on(database) {
        let bench = Bench::playground(database).await;
        let mut nora = bench.browser();
        nora.sign_up("nora").await;
        nora.open_account().await;
        nora.leave().await;
        for fails in ["ConsoleWalletAddress", "UpdateWalletAddress", "RevokeWalletAddressKey"] {
            *bench.instance.fails.lock().unwrap() = BTreeSet::from([fails]);
            bench.wallet.work_due().await.unwrap();
            bench.clock.advance(Duration::from_mins(2));
            assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::FORBIDDEN, "{fails}");
        }
        bench.instance.fails.lock().unwrap().clear();
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.instance.inactive.lock().unwrap().len(), 1);
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn an_empty_wallet_is_closed_with_its_addresses_and_nobody_signs_in_any_more(database) {
        let bench = Bench::playground(database).await;
        let mut nora = bench.browser();
        nora.sign_up("nora").await;
        nora.open_account().await;
        let mut elsewhere = bench.browser();
        elsewhere.sign_in("nora", PASSWORD).await;
        let unproved = nora.send(HERE, HERE, &[("sure", "yes")]).await;
        assert!(unproved.location.starts_with("/prove"), "{}", unproved.text);
        let sql = "INSERT INTO wallet_requests (id, user_id, account_id, account_name, asset_code, asset_scale, payment_id, url,
                note, made_at, expires_at)
            SELECT $1, user_id, id, name, asset_code, asset_scale, $1, 'u', 'for the room of Nora', 0, 0 FROM wallet_accounts";
        bench.database.execute(sql, [Uuid::from_u128(8).into()]).await.unwrap();
        let left = nora.leave().await;
        assert_eq!(left.location, "/sign-in?said=left", "{}", left.text);
        bench.wallet.work_due().await.unwrap();
        assert_eq!(*bench.instance.statuses.lock().unwrap(), ["INACTIVE"]);
        assert_eq!(bench.instance.count("RevokeWalletAddressKey"), 1);
        assert_eq!(elsewhere.get("/").await.location, "/sign-in");
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let rows = bench.database.bulk_query("SELECT email || name || password FROM wallet_users", []).await.unwrap();
        let kept: String = rows[0].try_get_by_index(0).unwrap();
        assert!(kept.starts_with("closed ") && !kept.contains("Nora"), "{kept}");
        let personal = "SELECT recipient || subject || body FROM wallet_letters UNION ALL SELECT COALESCE(note, '') FROM wallet_requests";
        let rows = bench.database.bulk_query(personal, []).await.unwrap();
        assert!(rows.iter().all(|row| row.try_get_by_index::<String>(0).unwrap().is_empty()));
        assert_eq!(bench.browser().sign_up("nora").await.location, "/?said=welcome", "the address is free again");
    }
}
