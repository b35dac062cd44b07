//! The operators' pages: nobody else finds them, and a change of a fee is proved, made once, and in the record.
//! Income and liquidity are tested where events come, in `tests/customers/operators.rs`.

use super::*;

const ASSET: &str = "00000000-0000-0000-0000-000000000001";

impl Bench {
    /// The user whom the settings name.
    async fn operator(&self) -> Browser<'_> {
        self.wallet.seed().await.unwrap();
        let mut boss = self.browser();
        // Without a proof.
        let entered = boss.post("/sign-in/one-click", &[("email", "boss@example.com")]).await;
        assert_eq!(entered.location, "/");
        boss
    }

    fn fees(&self) -> Vec<(String, u64)> {
        let fees = self.instance.fees.lock().unwrap();
        fees.iter()
            .map(|fee| (fee["fixed"].as_str().unwrap().to_owned(), fee["basisPoints"].as_u64().unwrap()))
            .collect()
    }

    /// The stages in the record, the oldest first.
    async fn record(&self) -> Vec<String> {
        let sql = "SELECT stage FROM wallet_operator_acts ORDER BY number";
        let rows = self.database.bulk_query(sql, []).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }
}

impl Browser<'_> {
    async fn proves(&mut self) {
        let fields = [("next", "/operator"), ("proof", PASSWORD)];
        assert_eq!(self.send("/prove?next=%2Foperator", "/prove", &fields).await.location, "/operator");
    }
}

fn page(query: &str) -> String {
    format!("/operator/fees/{ASSET}{query}")
}

on_each_database! {
    async fn nobody_but_an_operator_finds_the_operators_pages(database) {
        let bench = Bench::playground(database).await;
        let mut boss = bench.operator().await;
        let (mut nora, _) = bench.customer("nora").await;
        let pages = ["", "/fees", &format!("/fees/{ASSET}"), "/rates", "/liquidity", &format!("/liquidity/asset/{ASSET}"),
            "/income", "/income.csv", "/accounts", "/record"].map(|page| format!("/operator{page}"));
        for page in &pages {
            assert_eq!(boss.get(page).await.status, StatusCode::OK, "{page}");
            assert_eq!(nora.get(page).await.status, StatusCode::NOT_FOUND, "{page}");
            assert!(bench.browser().get(page).await.location.starts_with("/sign-in"), "{page}");
        }
        assert!(boss.get("/").await.text.contains("href=\"/operator\""));
        assert!(!nora.get("/").await.text.contains("href=\"/operator\""));
        for page in [format!("/operator/fees/{ASSET}"), format!("/operator/liquidity/asset/{ASSET}")] {
            // Neither without a token nor with that of an operator.
            let once = boss.hidden(&page_with_form(&page), &page).await.remove(0).1;
            for once in ["", &once] {
                let answer = nora.post(&page, &[("once", once), ("amount", "1.00"), ("fixed", "1"), ("share", "1"),
                    ("before_fixed", "0"), ("before_share", "0")]).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{page}");
            }
        }
        assert!(bench.fees().is_empty() && bench.record().await.is_empty());
        assert_eq!(bench.instance.count("DepositAsset"), 0);
        assert_eq!(boss.get("/operator/fees/00000000-0000-0000-0000-000000000009").await.status, StatusCode::NOT_FOUND);
        assert_eq!(boss.get(&format!("/operator/liquidity/house/{ASSET}")).await.status, StatusCode::NOT_FOUND);
    }

    async fn in_a_playground_nobody_signs_up_with_the_address_of_an_operator(database) {
        let bench = Bench::playground(database).await;
        for slug in ["boss", "Boss", " BOSS"] {
            let refused = bench.browser().sign_up(slug).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{slug}");
            assert!(refused.text.contains("belongs to an operator"), "{slug}: {}", refused.text);
        }
        assert_eq!(bench.browser().sign_in("boss", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(bench.browser().sign_up("bossa").await.location, "/?said=welcome");
    }

    async fn where_a_letter_confirms_the_address_an_operator_signs_up(database) {
        let bench = Bench::on(database, Verification::ByLetter).await;
        let answer = bench.browser().sign_up("boss").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.text.contains("sent a letter"), "{}", answer.text);
    }

    async fn a_fee_is_set_after_a_proof_once_and_the_record_says_who_when_before_and_after(database) {
        let bench = Bench::playground(database).await;
        let mut boss = bench.operator().await;
        // The effect on an amount: 2 % and 1.00 on 50.00, in both directions.
        let shown = boss.get(&page("?amount=50.00&fixed=1.00&percent=2")).await.text;
        for part in ["2.00\u{a0}USD", "48.00\u{a0}USD are sent", "52.00\u{a0}USD are paid", "0.00\u{a0}USD + 0.00 %"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let wrong = boss.get(&page("?fixed=1,00")).await.text;
        assert!(wrong.contains("without separators") && !wrong.contains("Set this fee"), "{wrong}");
        assert!(boss.get(&page("?percent=100.01")).await.text.contains("at most 100"));

        let wanted = page("?fixed=1.00&percent=2");
        let asked = boss.send(&wanted, &page(""), &[]).await;
        assert!(asked.location.starts_with("/prove?next=%2Foperator%2Ffees%2F"), "{}", asked.location);
        assert!(asked.location.ends_with("%3Ffixed%3D1.00%26percent%3D2.00"), "{}", asked.location);
        assert!(bench.fees().is_empty() && bench.record().await.is_empty(), "nothing without a proof");
        boss.proves().await;

        // A form that is sent twice, also at the same time, sets it once.
        let fields = boss.hidden(&wanted, &page("")).await;
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let path = page("");
        let (mut one, mut other) = (boss.clone(), boss.clone());
        tokio::join!(one.post(&path, &fields), other.post(&path, &fields));
        let again = boss.post(&path, &fields).await.location;
        assert!(again.ends_with("?said=fee-same"), "{again}");
        assert_eq!(bench.fees(), [("100".to_owned(), 200)]);
        assert_eq!(bench.record().await, ["asked", "done"]);

        let record = boss.get("/operator/record").await.text;
        for part in ["boss@example.com", "0.00 USD + 0.00 %", "1.00 USD + 2.00 %", "1 January 2026", "Done"] {
            assert!(record.contains(part), "{part}: {record}");
        }
        assert!(boss.get(&page("")).await.text.contains("1.00\u{a0}USD + 2.00 %"));
    }

    async fn a_fee_that_somebody_changed_meanwhile_is_not_replaced_unseen_and_what_fails_is_in_the_record(database) {
        let bench = Bench::playground(database).await;
        let mut boss = bench.operator().await;
        boss.proves().await;
        let fields = boss.hidden(&page("?fixed=3.00"), &page("")).await;
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        bench.instance.fees.lock().unwrap().push(json!({"fixed": "5", "basisPoints": 0}));
        let late = boss.post(&page(""), &fields).await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.text.contains("Somebody has changed the fee meanwhile"));
        assert!(bench.fees().len() == 1 && bench.record().await.is_empty());

        bench.instance.fails.lock().unwrap().insert("SetFee");
        let answer = boss.send(&page("?fixed=3.00"), &page(""), &[]).await.location;
        assert!(answer.contains("said=act-"), "{answer}");
        assert_eq!(bench.record().await.len(), 2);
        assert_eq!(bench.record().await[0], "asked");
        assert_ne!(bench.record().await[1], "done");
        assert_eq!(bench.fees().len(), 1);
    }

    async fn a_line_of_the_record_that_is_changed_or_missing_is_seen(database) {
        let bench = Bench::playground(database).await;
        let mut boss = bench.operator().await;
        boss.proves().await;
        for fixed in ["1.00", "2.00", "3.00"] {
            boss.send(&page(&format!("?fixed={fixed}")), &page(""), &[]).await;
        }
        let warning = "changed or removed lines";
        assert!(!boss.get("/operator/record").await.text.contains(warning));
        for wrong in ["UPDATE wallet_operator_acts SET person = 'eve' WHERE number = 2",
            "DELETE FROM wallet_operator_acts WHERE number = 2"] {
            bench.database.execute(wrong, []).await.unwrap();
            assert!(boss.get("/operator/record").await.text.contains(warning), "{wrong}");
        }
    }

    async fn the_rates_that_are_served_are_shown_beside_those_that_the_instance_uses(database) {
        let bench = Bench::playground(database).await;
        let mut boss = bench.operator().await;
        bench.customer("nora").await;
        let text = boss.get("/operator/rates").await.text;
        let row = |pair: &str| text.split(pair).nth(1).unwrap_or_else(|| panic!("{pair}: {text}")).split("</tr>").next().unwrap().to_owned();
        assert!(row("USD → EUR").contains("0.900000") && !row("USD → EUR").contains("Another one"));
        assert!(row("USD → MXN").contains("19.000000") && row("USD → MXN").contains("20.500000"));
        assert!(row("USD → MXN").contains("Another one"), "the instance has an older one");
        assert!(row("EUR → USD").contains("not asked lately"));
        assert!(text.contains("http://rates.example") && text.contains("1 January 2026, 00:00 UTC"), "{text}");
        let text = boss.get("/operator/rates?from=USD%2F2&to=USD%2F2&amount=x").await.text;
        assert!(text.contains("Write the amount in digits"), "{text}");
    }
}

/// The page that shows the form which is sent to `path`.
fn page_with_form(path: &str) -> String {
    if path.contains("/fees/") { format!("{path}?fixed=1.00") } else { path.to_owned() }
}
