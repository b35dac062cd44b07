//! After the move our interfaces show what the original's interfaces showed before.
//! Rows and accounts are compared in `whole`.

use std::collections::BTreeMap;

use auth_model::SecretHash;
use auth_store::AuthStore;
use clock::{Clock as _, SystemClock};
use ledger::AccountId;
use moving::History;
use rafiki_fixture::Institution;
use serde_json::{Value, json};
use testkit::{Dialect, block_on};
use uuid::Uuid;

use crate::places::{OldPlaces, OurPlaces, pass};

fn id(account: &Value) -> AccountId {
    if account["type"] == "SETTLEMENT" {
        return AccountId::from_u128(account["ledger"].as_u64().unwrap().into());
    }
    account["accountRef"].as_str().unwrap().parse::<Uuid>().unwrap().into()
}

async fn every_account_has_the_totals_that_the_original_showed(institution: Institution, name: &str) {
    let Some(old) = OldPlaces::of(institution).await else { return };
    let ours = OurPlaces::of(Dialect::Sqlite).await.unwrap();
    pass(&old, &ours, History::Totals).await.unwrap();
    let target = ours.target().await;
    let totals = rafiki_fixture::totals();
    let accounts = totals["ledger"][name]["accounts"].as_array().unwrap();
    let found = target.ledger().accounts(accounts.iter().map(id).collect()).await.unwrap();
    for (expected, found) in accounts.iter().zip(found) {
        let found = found.unwrap_or_else(|| panic!("{expected}"));
        assert_eq!(expected["debitsPosted"], found.debits_posted.to_string(), "{expected}");
        assert_eq!(expected["creditsPosted"], found.credits_posted.to_string(), "{expected}");
        if expected["adminApiLiquidity"].is_string() && expected["debitsPending"][0] == expected["debitsPending"][1] {
            let liquidity =
                if expected["type"] == "SETTLEMENT" { found.debit_balance() } else { found.credit_balance() };
            assert_eq!(expected["adminApiLiquidity"], liquidity.to_string(), "{expected}");
        }
    }
    assert!(accounts.len() > 60);
}

#[test]
fn every_account_of_cloud_nine_has_the_totals_that_the_original_showed() {
    block_on(every_account_has_the_totals_that_the_original_showed(Institution::CloudNine, "cloud-nine-backend"));
}

#[test]
fn every_account_of_happy_life_has_the_totals_that_the_original_showed() {
    block_on(every_account_has_the_totals_that_the_original_showed(Institution::HappyLife, "happy-life-backend"));
}

async fn live_tokens(institution: Institution, name: &str, dialect: Dialect) -> usize {
    let Some(old) = OldPlaces::of(institution).await else { return 0 };
    let ours = OurPlaces::of(dialect).await.unwrap();
    pass(&old, &ours, History::Totals).await.unwrap();
    let store = AuthStore::new(ours.auth.connect_again().await);
    let totals = rafiki_fixture::totals();
    let mut active = 0;
    for question in totals["introspection"].as_array().unwrap().iter().filter(|question| question["database"] == name) {
        let request: gnap::IntrospectionRequest = serde_json::from_value(question["request"].clone()).unwrap();
        let token = SecretHash::of(request.access_token.expose());
        let grant = store.get_grant_by_token(token, SystemClock.now()).await.unwrap();
        let answer = match grant {
            None => json!({ "active": false }),
            Some(grant) => {
                // The original reports a token as inactive if a requested right is missing.
                let required = request.access.unwrap_or_default();
                let access: Vec<_> = required.iter().filter_map(|item| item.best_of(&grant.access)).collect();
                if access.len() < required.len() {
                    json!({ "active": false })
                } else {
                    active += 1;
                    let id = grant.id.to_string();
                    json!({ "active": true, "grant": id, "access": access, "client": grant.client })
                }
            }
        };
        assert_eq!(sorted(&answer), sorted(&question["answer"]), "{}", question["label"]);
    }
    active
}

#[test]
fn introspection_of_every_token_has_the_answer_of_the_original() {
    block_on(async {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let nine = live_tokens(Institution::CloudNine, "cloud-nine-auth", dialect).await;
            let life = live_tokens(Institution::HappyLife, "happy-life-auth", dialect).await;
            assert!(nine + life >= 9 || nine == 0, "{nine} and {life} tokens are live");
        }
    });
}

/// Sorts the members, because both servers may choose their order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            serde_json::to_value(members).unwrap()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
