//! Closing a wallet: refused while something is in it, and whole afterwards.
//! What protects the wallet is in `second_factor`.

use super::*;

const HERE: &str = "/settings/leave";

impl Browser<'_> {
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
        nora.send("/accounts/open", "/accounts/open", &[("asset", "USD/2"), ("name", "Mine"), ("path", "nora")]).await;
        let home = nora.get("/").await.text;
        let account = home.split("href=\"/accounts/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        nora.send("/prove", "/prove", &[("next", HERE), ("proof", PASSWORD)]).await;
        let once = nora.hidden(HERE, HERE).await.remove(0).1;
        let page = format!("/accounts/{account}");
        nora.send(&page, &format!("{page}/top-up"), &[("amount", "1.00")]).await;
        let refused = nora.post(HERE, &[("once", &once), ("sure", "yes")]).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(nora.balance().await, "1.00");
        assert_eq!(bench.instance.count("UpdateWalletAddress"), 0);
    }

    async fn an_empty_wallet_is_closed_with_its_addresses_and_nobody_signs_in_any_more(database) {
        let bench = Bench::playground(database).await;
        let mut nora = bench.browser();
        nora.sign_up("nora").await;
        nora.send("/accounts/open", "/accounts/open", &[("asset", "USD/2"), ("name", "Mine"), ("path", "nora")]).await;
        let mut elsewhere = bench.browser();
        elsewhere.sign_in("nora", PASSWORD).await;
        let unproved = nora.send(HERE, HERE, &[("sure", "yes")]).await;
        assert!(unproved.location.starts_with("/prove"), "{}", unproved.text);
        let left = nora.leave().await;
        assert_eq!(left.location, "/sign-in?said=left", "{}", left.text);
        assert_eq!(*bench.instance.statuses.lock().unwrap(), ["INACTIVE"]);
        assert_eq!(bench.instance.count("RevokeWalletAddressKey"), 1);
        assert_eq!(elsewhere.get("/").await.location, "/sign-in");
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let rows = bench.database.bulk_query("SELECT email || name || password FROM wallet_users", []).await.unwrap();
        let kept: String = rows[0].try_get_by_index(0).unwrap();
        assert!(kept.starts_with("closed ") && !kept.contains("Nora"), "{kept}");
        assert_eq!(bench.browser().sign_up("nora").await.location, "/?said=welcome", "the address is free again");
    }
}
