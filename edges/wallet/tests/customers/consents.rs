//! Applications get rights about the customer's own accounts only, each right for one of them. The wallet needs no secret
//! where a token proves who it is.

use std::time::Duration;

use axum::http::StatusCode;
use clock::Clock;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use testkit::on_each_database;
use uuid::Uuid;

use crate::bench::Bench;
use crate::instance::usd;

const NORA: &str = "https://localhost:3000/accounts/nora";
const SAVINGS: &str = "https://localhost:3000/accounts/savings";
const FOREIGN: &str = "https://localhost:3000/accounts/c0";

fn pay(identifier: &str, value: u64) -> Value {
    json!({"type": "outgoing-payment", "actions": ["create"], "identifier": identifier,
        "limits": {"debitAmount": usd(value)}})
}

fn asked(access: Value, subject: Option<&str>) -> Value {
    let mut asked = json!({"grantId": Uuid::from_u128(5), "state": "PENDING", "clientName": "Shop",
        "clientUri": "https://shop.example/", "access": access});
    if let Some(subject) = subject {
        asked["subject"] = json!({"sub_ids": [{"id": subject, "format": "uri"}]});
    }
    asked
}

async fn arrive(bench: &Bench, number: usize) -> String {
    let way = format!("/consent?interactId=i{number}&nonce=n{number}&clientName=a&clientUri=https%3A%2F%2Fa.example");
    bench.get(&way).await.1
}

async fn with_savings(bench: &Bench) {
    let opened = [("asset", "USD/2"), ("name", "Savings"), ("path", "savings")];
    bench.send("/accounts/open", "/accounts/open", &opened).await;
}

on_each_database! {
    async fn each_right_is_for_an_account_of_the_customer_and_the_page_says_for_which(database) {
        let bench = Bench::on(database).await;
        with_savings(&bench).await;
        let quote = json!({"type": "quote", "actions": ["create"]});
        bench.instance.asks(asked(json!([pay(NORA, 2_000), pay(SAVINGS, 300), quote]), Some(NORA)));
        let page = arrive(&bench, 1).await;
        let text = bench.get(&page).await.2;
        let rights: Vec<&str> = text.split("<li>").skip(1).map(|rest| rest.split("</li>").next().unwrap()).collect();
        let with = |text: &str| *rights.iter().find(|right| right.contains(text)).unwrap_or_else(|| panic!("{text}: {rights:?}"));
        assert!(with("20.00\u{a0}USD").contains("For your account Everyday"));
        assert!(with("3.00\u{a0}USD").contains("For your account Savings"));
        assert!(!with("Ask what a payment would cost").contains("account"));
        bench.send(&page, &page, &[("decision", "allow")]).await;
        assert_eq!(bench.instance.decisions(), ["accept"]);
    }

    async fn what_is_about_no_own_account_is_refused_whatever_else_is_asked_with_it(database) {
        let bench = Bench::on(database).await;
        with_savings(&bench).await;
        let own = || pay(NORA, 100);
        let requests = [
            asked(json!([own(), pay(FOREIGN, 100)]), None),
            asked(json!([own(), {"type": "incoming-payment", "actions": ["create", "read-all"]}]), None),
            asked(json!([own()]), Some(FOREIGN)),
            asked(json!([]), Some(FOREIGN)),
            asked(json!([{"type": "quote", "actions": ["create"]}]), None),
        ];
        let count = requests.len();
        for (number, request) in requests.into_iter().enumerate() {
            bench.instance.asks(request);
            let page = arrive(&bench, number).await;
            assert_eq!(bench.get(&page).await.0, StatusCode::FORBIDDEN, "{number}");
        }
        assert_eq!(bench.instance.decisions(), vec!["reject"; count]);
    }

    async fn what_an_agreement_has_used_is_the_sum_of_all_its_payments_however_many_there_are(database) {
        let bench = Bench::on(database).await;
        let grant = Uuid::from_u128(1);
        let limits = |kind: &str, value: u64, interval: Value| {
            let mut limits = json!({"receiver": null, "debitAmount": null, "receiveAmount": null, "interval": interval});
            limits[kind] = usd(value);
            json!({"identifier": NORA, "type": "outgoing-payment", "actions": ["create"], "limits": limits})
        };
        // The second limit begins anew a second after the beginning of time here.
        let second = json!("R/2026-01-01T00:00:00Z/PT1S");
        bench.instance.grant(json!({"id": grant, "client": "https://shop.example/",
            "access": [limits("debitAmount", 500_000, Value::Null), limits("receiveAmount", 1_000, second)],
            "subject": null, "state": "FINALIZED", "finalizationReason": "ISSUED",
            "createdAt": "2026-01-01T00:00:00.000Z", "tenantId": Uuid::nil()}));
        let start = bench.clock.now().as_millis();
        let account: Uuid = bench.noras.parse().unwrap();
        let transaction = bench.database.begin().await.unwrap();
        for number in 0..604_u128 {
            // One was cancelled, and one has failed without any cost.
            let (state, amount) = [("cancelled", 0), ("failed", 0), ("failed", 4), ("sending", 0)].get(usize::try_from(number).unwrap()).copied().unwrap_or(("completed", 6));
            let sql = "INSERT INTO wallet_movements (id, account_id, kind, state, rank, amount, fee, most, receives, grant_id, made_at)
                VALUES ($1, $2, 'sent', $3, 3, $4, 0, 7, 5, $5, $6)";
            let at = start + if number < 500 { 0 } else { 1_000 };
            let id = Uuid::from_u128((7 << 90) + number);
            let values = [id.into(), account.into(), state.into(), i64::from(amount).into(), grant.to_string().into(), at.into()];
            let backend = transaction.get_database_backend();
            transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await.unwrap();
        }
        transaction.commit().await.unwrap();
        bench.clock.advance(Duration::from_millis(1_500));
        for page in ["/agreements".to_owned(), format!("/agreements/{grant}")] {
            let text = bench.get(&page).await.2;
            for used in [601 * 7 + 4, 104 * 5] {
                let used = format!("{}.{:02}\u{a0}USD used", used / 100, used % 100);
                assert!(text.contains(&used), "{used}: {text}");
            }
        }
    }

    async fn rights_that_anybody_gets_are_no_agreements_unless_the_customer_allowed_them(database) {
        let bench = Bench::on(database).await;
        for number in 4..8 {
            bench.instance.grant(json!({"id": Uuid::from_u128(number), "client": "https://shop.example/",
                "access": [{"identifier": NORA, "type": "incoming-payment", "actions": ["create", "read"], "limits": null}],
                "subject": null, "state": "FINALIZED", "finalizationReason": "ISSUED",
                "createdAt": "2026-01-01T00:00:00.000Z", "tenantId": Uuid::nil()}));
        }
        let listed = async || bench.get("/agreements").await.2.matches("href=\"/agreements/").count();
        let keeps_open = async || bench.get("/settings/leave").await.2.contains("Applications have access");
        assert_eq!((listed().await, keeps_open().await), (0, false));

        let access = json!([{"type": "incoming-payment", "actions": ["create", "read"], "identifier": NORA}]);
        bench.instance.asks(asked(access, None));
        let page = arrive(&bench, 1).await;
        bench.send(&page, &page, &[("decision", "allow")]).await;
        assert_eq!((listed().await, keeps_open().await), (1, true));
        assert!(bench.get("/agreements").await.2.contains(&format!("href=\"/agreements/{}\"", Uuid::from_u128(5))));
    }

    async fn every_agreement_is_listed_however_many_there_are(database) {
        let bench = Bench::on(database).await;
        for number in 0..380_u128 {
            let (state, reason) = match number {
                0..120 => ("FINALIZED", json!("ISSUED")),
                120..240 => ("FINALIZED", json!("REVOKED")),
                // Strangers may make any number of these.
                260..380 => ("FINALIZED", json!("REJECTED")),
                _ => ("APPROVED", Value::Null),
            };
            bench.instance.grant(json!({"id": Uuid::from_u128(number + 1), "client": format!("https://shop.example/{number}"),
                "access": [{"identifier": NORA, "type": "outgoing-payment", "actions": ["create"],
                    "limits": {"receiver": null, "debitAmount": usd(500), "receiveAmount": null, "interval": null}}],
                "subject": null, "state": state, "finalizationReason": reason,
                "createdAt": "2026-01-01T00:00:00.000Z", "tenantId": Uuid::nil()}));
        }
        let mut seen = std::collections::BTreeSet::new();
        let mut page = Some("/agreements".to_owned());
        while let Some(at) = page {
            let text = bench.get(&at).await.2;
            assert!(at != "/agreements" || text.contains("For your account Everyday"), "{text}");
            seen.extend(text.split("href=\"/agreements/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
            let next = text.split("rel=\"next\" href=\"").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
            page = next;
        }
        assert_eq!(seen.len(), 260);
        assert!(!bench.instance.given_grants().contains("\"REJECTED\""), "what was refused is not read at all");
    }
}
