//! Contacts, the filters of the history, its table for other programs, and exchange between own accounts.
//! The pages themselves are begun in `pages.rs`.

use super::*;

on_each_database! {
    async fn a_contact_begins_a_payment_and_belongs_to_one_customer(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let (mut eve, _) = bench.customer("eve").await;
        let fields = [("name", "Bob <my> friend"), ("url", bench.payee.as_str())];
        let kept = nora.send("/contacts/add", "/contacts/add", &fields).await;
        assert_eq!(kept.location, "/contacts?said=saved", "{}", kept.text);
        let again = nora.send("/contacts/add", "/contacts/add", &fields).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        let send = nora.get(&format!("/send?account={account}")).await.text;
        let link = send.split("<a href=\"/send?to=").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
        assert!(send.contains("Bob &#60;my&#62; friend"), "{send}");
        let chosen = nora.get(&format!("/send?to={link}")).await.text;
        assert!(chosen.contains(&format!("value=\"{}\"", bench.payee)) && chosen.contains("checked"), "{chosen}");

        let list = nora.get("/contacts").await.text;
        let place = list.split("class=\"edit\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert_eq!(eve.get(&place).await.status, StatusCode::NOT_FOUND);
        assert_eq!(nora.send(&place, &place, &[("name", "Bob")]).await.location, "/contacts?said=saved");
        let forget = format!("{place}/forget");
        assert_eq!(nora.send(&place, &forget, &[]).await.location, "/contacts?said=contact-gone");
        assert_eq!(nora.get(&place).await.status, StatusCode::NOT_FOUND);
        let request = [("name", "Bob"), ("url", "https://other.example/incoming-payments/1")];
        assert_eq!(nora.send("/contacts/add", "/contacts/add", &request).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn the_history_is_filtered_by_its_address_and_downloaded_with_the_same_filter(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let draft = nora.draft(&account).await;
        nora.send(&format!("{draft}/review"), &format!("{draft}/review"), &[]).await;
        bench.wallet.work_due().await.unwrap();
        bench.database.execute("UPDATE wallet_movements SET note = '=cmd() \"x\"' WHERE kind = 'sent'", []).await.unwrap();
        let lines = |text: &str| text.matches("<li><a href=\"/history/").count();
        for (query, count) in [
            ("", 2), ("way=in", 1), ("way=out", 1), ("state=under-way", 1), ("state=done", 1), ("state=failed", 0),
            ("q=CMD", 1), ("q=%25", 0), ("q=_", 0), ("from=2026-01-01&to=2026-01-01", 2), ("from=2026-01-02", 0),
            ("to=2025-12-31", 0), ("way=in&q=cmd", 0), ("from=nonsense", 2),
        ] {
            let page = nora.get(&format!("/history?{query}")).await;
            assert_eq!(lines(&page.text), count, "{query}");
            let csv = nora.get(&format!("/history.csv?{query}")).await.text;
            assert_eq!(csv.lines().count(), count + 1, "{query}: {csv}");
        }
        let csv = nora.get("/history.csv?way=out").await.text;
        assert!(csv.contains("\"'=cmd() \"\"x\"\"\""), "{csv}");
        assert!(nora.get("/history.csv?way=in").await.text.contains("500.00,0.00,\"USD\""));
        let (mut eve, _) = bench.customer("eve").await;
        assert_eq!(eve.get(&format!("/history.csv?account={account}")).await.text.lines().count(), 1);
    }

    async fn a_long_history_is_downloaded_whole(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let page = format!("/accounts/{account}");
        let action = format!("{page}/top-up");
        let rows: Vec<String> = (0..450_u128)
            .map(|n| format!("('{}', '{account}', 'received', 'completed', 3, {n}, 0, 0, {})", Uuid::from_u128(n + 1), n / 3))
            .collect();
        if bench.database.dialect() == testkit::Dialect::Postgres {
            let sql = format!("INSERT INTO wallet_movements (id, account_id, kind, state, rank, amount, fee, most, made_at) VALUES {}", rows.join(", "));
            bench.database.execute(&sql, []).await.unwrap();
        } else {
            for n in 0..450_u128 {
                let id = Uuid::from_u128(n + 1);
                let sql = "INSERT INTO wallet_movements (id, account_id, kind, state, rank, amount, fee, most, made_at)
                    VALUES ($1, $2, 'received', 'completed', 3, 1, 0, 0, $3)";
                let at = i64::try_from(n / 3).unwrap();
                let owner: Uuid = account.parse().unwrap();
                bench.database.execute(sql, [id.into(), owner.into(), at.into()]).await.unwrap();
            }
        }
        assert_eq!(nora.send(&page, &action, &[("amount", "1.00")]).await.status, StatusCode::SEE_OTHER);
        let csv = nora.get("/history.csv").await.text;
        let numbers: BTreeSet<&str> = csv.lines().skip(1).map(|line| line.rsplit(',').next().unwrap()).collect();
        assert_eq!((csv.lines().count(), numbers.len()), (453, 452));
    }

    async fn money_is_exchanged_between_own_accounts_with_the_same_steps_as_sending(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let fields = [("asset", "USD/2"), ("name", "Savings"), ("path", "nora-savings")];
        let opened = nora.send("/accounts/open", "/accounts/open", &fields).await.location;
        let savings = opened.strip_prefix("/accounts/").unwrap().split('?').next().unwrap().to_owned();
        let same = nora.send("/exchange", "/exchange", &[("from", &account), ("to", &account)]).await;
        assert_eq!(same.status, StatusCode::UNPROCESSABLE_ENTITY);
        let (mut eve, foreign) = bench.customer("eve").await;
        let other = nora.send("/exchange", "/exchange", &[("from", &account), ("to", &foreign)]).await;
        assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "not her account");
        let stolen = eve.post("/exchange", &[("from", &account), ("to", &foreign)]).await;
        assert_eq!(stolen.status, StatusCode::FORBIDDEN);

        let draft = nora.send("/exchange", "/exchange", &[("from", &account), ("to", &savings)]).await.location;
        assert!(nora.get(&draft).await.text.contains("Savings"));
        let quoted = nora.send(&draft, &draft, &[("amount", "12.50"), ("fixed", "receive"), ("note", "")]).await;
        assert_eq!(quoted.location, format!("{draft}/review"), "{}", quoted.text);
        nora.send(&quoted.location, &quoted.location, &[]).await;
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.instance.count("CreateOutgoingPayment"), 1);
        let calls = bench.instance.calls.lock().unwrap().clone();
        let (_, receiver) = calls.iter().find(|(name, _)| name == "CreateReceiver").unwrap();
        assert_eq!(receiver["walletAddressUrl"], "https://localhost:3000/accounts/nora-savings");
        assert!(nora.get("/").await.text.contains("487.00"));
    }
}
