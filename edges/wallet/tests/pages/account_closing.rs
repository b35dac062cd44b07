//! Closing one account: refused while something is in it, and its address is off afterwards.
//! Freezing is tested where payments come, in `tests/customers/frozen.rs`. Closing a whole wallet is in `leaving`.

use super::*;

impl Browser<'_> {
    /// Another account without money. Returns its page for this.
    async fn empty_account(&mut self) -> String {
        let fields = [("asset", "USD/2"), ("name", "Holiday"), ("path", "nora-holiday")];
        let opened = self.send("/accounts/open", "/accounts/open", &fields).await;
        let account = opened.location.strip_prefix("/accounts/").unwrap().split('?').next().unwrap().to_owned();
        format!("/accounts/{account}/state")
    }

    async fn proves_for(&mut self, page: &str) {
        let proved = self.send("/prove", "/prove", &[("next", page), ("proof", PASSWORD)]).await;
        assert_eq!(proved.location, page, "{}", proved.text);
    }

    async fn close(&mut self, page: &str) -> Answer {
        self.send(page, page, &[("to", "closed"), ("sure", "yes")]).await
    }
}

fn holiday() -> String {
    id_of("https://localhost:3000/accounts/nora-holiday").to_string()
}

impl Bench {
    /// How far the account is on its way to its end.
    async fn life(&self) -> String {
        let sql = "SELECT COALESCE(closing, 'open') FROM wallet_accounts WHERE name = 'Holiday'";
        self.database.bulk_query(sql, []).await.unwrap()[0].try_get_by_index(0).unwrap()
    }

    /// A payment from the account is on its way.
    async fn pays_from_holiday(&self) {
        let sql = "INSERT INTO wallet_movements (id, account_id, kind, state, rank, amount, fee, most, made_at)
            SELECT $1, id, 'sent', 'sending', 2, 0, 0, 5, 0 FROM wallet_accounts WHERE name = 'Holiday'";
        self.database.execute(sql, [Uuid::from_u128(8).into()]).await.unwrap();
    }
}

on_each_database! {
    async fn an_account_with_money_or_requests_is_not_closed(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let full = format!("/accounts/{account}/state");
        let page = nora.get(&full).await.text;
        assert!(page.contains("There is money in this account") && !page.contains("name=\"sure\""), "{page}");
        let empty = nora.empty_account().await;
        assert!(nora.get(&empty).await.text.contains("name=\"sure\""), "what is in another account does not matter");
        let account = empty.split('/').nth(2).unwrap().to_owned();
        nora.send("/request", "/request", &[("account", &account), ("amount", "1.00"), ("lasts", "day")]).await;
        assert!(nora.get(&empty).await.text.contains("Requests for money are open"));
        assert_eq!(bench.instance.count("UpdateWalletAddress"), 0);
    }

    async fn an_empty_account_is_closed_with_its_address_and_keys_and_the_others_stay(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let page = nora.empty_account().await;
        let unproved = nora.close(&page).await;
        assert!(unproved.location.starts_with("/prove"), "{}", unproved.text);
        nora.proves_for(&page).await;
        assert_eq!(nora.send(&page, &page, &[("to", "closed")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(nora.close(&page).await.location, "/?said=closing");
        assert!(nora.get(&page).await.text.contains("being closed"));
        // The whole wallet waits for this.
        assert!(nora.get("/settings/leave").await.text.contains("An account is being closed"));
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.life().await, "closed");
        assert_eq!(*bench.instance.inactive.lock().unwrap(), BTreeSet::from([holiday()]));
        assert_eq!(bench.instance.count("RevokeWalletAddressKey"), 1);
        assert_eq!(nora.get(&page).await.status, StatusCode::NOT_FOUND);
        assert!(!nora.get("/").await.text.contains("Holiday"));
        assert_eq!(nora.balance().await, "500.00");
        let again = [("asset", "USD/2"), ("name", "Mine"), ("path", "nora-holiday")];
        let taken = nora.send("/accounts/open", "/accounts/open", &again).await;
        assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY, "the address is given to nobody else");
    }

    async fn an_account_to_which_something_came_meanwhile_stays_open_with_its_address(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let page = nora.empty_account().await;
        nora.proves_for(&page).await;
        nora.close(&page).await;
        bench.pays_from_holiday().await;
        bench.wallet.work_due().await.unwrap();
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.life().await, "open");
        assert_eq!(*bench.instance.statuses.lock().unwrap(), ["INACTIVE", "ACTIVE"]);
        assert!(nora.get("/").await.text.contains("Holiday"));
    }

    async fn the_same_form_sent_again_after_the_account_stayed_open_switches_its_address_off_again(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let page = nora.empty_account().await;
        nora.proves_for(&page).await;
        let once = nora.hidden(&page, &page).await.remove(0).1;
        let form = [("once", once.as_str()), ("to", "closed"), ("sure", "yes")];
        assert_eq!(nora.post(&page, &form).await.location, "/?said=closing");
        bench.pays_from_holiday().await;
        bench.wallet.work_due().await.unwrap();
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.life().await, "open");
        let over = "DELETE FROM wallet_movements WHERE id = $1";
        bench.database.execute(over, [Uuid::from_u128(8).into()]).await.unwrap();
        assert_eq!(nora.post(&page, &form).await.location, "/?said=closing");
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.life().await, "closed");
        assert_eq!(*bench.instance.inactive.lock().unwrap(), BTreeSet::from([holiday()]));
    }

    async fn closing_an_account_goes_on_wherever_it_was_interrupted(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let page = nora.empty_account().await;
        nora.proves_for(&page).await;
        nora.close(&page).await;
        for fails in ["ConsoleWalletAddress", "UpdateWalletAddress", "RevokeWalletAddressKey"] {
            *bench.instance.fails.lock().unwrap() = BTreeSet::from([fails]);
            bench.wallet.work_due().await.unwrap();
            bench.clock.advance(Duration::from_mins(2));
            assert_eq!(bench.life().await, "wanted", "{fails}");
        }
        bench.instance.fails.lock().unwrap().clear();
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.life().await, "closed");
        assert_eq!(*bench.instance.inactive.lock().unwrap(), BTreeSet::from([holiday()]));
    }

    async fn an_account_that_an_operator_froze_is_not_closed(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let page = nora.empty_account().await;
        nora.proves_for(&page).await;
        let once = nora.hidden(&page, &page).await.remove(0).1;
        let freeze = "UPDATE wallet_accounts SET frozen_by_operator_at = 1, frozen_because = 'a court' WHERE name = 'Holiday'";
        bench.database.execute(freeze, []).await.unwrap();
        let refused = nora.post(&page, &[("once", &once), ("to", "closed"), ("sure", "yes")]).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert!(refused.text.contains("Your institution froze this account") && refused.text.contains("a court"));
        assert_eq!(bench.life().await, "open");
    }

    async fn an_address_stays_off_while_its_account_is_closed_or_frozen_by_an_operator(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let page = nora.empty_account().await;
        let public = page.replace("/state", "/public");
        let switch = format!("{public}/switch");
        nora.send(&public, &switch, &[("to", "off"), ("sure", "yes")]).await;
        let freeze = "UPDATE wallet_accounts SET frozen_by_operator_at = 1, frozen_because = 'a court' WHERE name = 'Holiday'";
        let thaw = "UPDATE wallet_accounts SET frozen_by_operator_at = NULL WHERE name = 'Holiday'";
        bench.database.execute(freeze, []).await.unwrap();
        assert_eq!(nora.send(&public, &switch, &[("to", "on")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        bench.database.execute(thaw, []).await.unwrap();
        nora.proves_for(&page).await;
        nora.close(&page).await;
        assert_eq!(nora.send(&public, &switch, &[("to", "on")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(*bench.instance.statuses.lock().unwrap(), ["INACTIVE"]);
    }

    async fn money_that_comes_to_a_closed_account_is_seen_and_the_account_can_be_opened_again(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let page = nora.empty_account().await;
        nora.proves_for(&page).await;
        let top_up = page.replace("/state", "/top-up");
        let once = nora.hidden(&page.replace("/state", ""), &top_up).await.remove(0).1;
        nora.close(&page).await;
        // It comes after the last look at the balance.
        let closes = "UPDATE wallet_accounts SET closing = 'closed' WHERE name = 'Holiday'";
        let comes = nora.post(&top_up, &[("once", &once), ("amount", "7.00")]).await;
        assert_eq!(comes.status, StatusCode::SEE_OTHER, "{}", comes.text);
        bench.database.execute(closes, []).await.unwrap();
        assert!(nora.get(&page).await.text.contains("Money has come to this account after it was closed"));
        let opened = nora.send(&page, &page, &[("to", "open")]).await;
        assert_eq!(opened.location, format!("{page}?said=open-again"));
        assert_eq!(bench.life().await, "open");
    }
}
