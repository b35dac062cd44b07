//! Asking a service of exchange rates now, and by whom.
//! When a service is asked by itself is tested in `adapters/rates`.

use serde_json::json;
use testkit::on_each_database;

use super::bench::{Bench, OPERATOR, TENANT, TWIN, request, send_to};

const FETCH: &str =
    "fetchExchangeRates: FetchExchangeRatesInput { source count table { base rates { assetCode rate } } }";
const ASSET: &str = "createAsset: CreateAssetInput { asset { id } }";
const SETTINGS: &str = "createTenantSettings: CreateTenantSettingsInput { settings { key } }";

on_each_database! {
    async fn rates_are_asked_for_now_by_those_whose_service_it_is_and_a_few_times_only(database) {
        let bench = Bench::open(database).await;
        for (tenant, code) in [(OPERATOR, "USD"), (TENANT, "USD"), (TENANT, "MXN")] {
            bench.mutate(tenant, ASSET, json!({ "code": code, "scale": 2 })).await;
        }
        let dollars = json!({ "base": "USD" });
        let told = bench.mutate(OPERATOR, FETCH, dollars.clone()).await;
        let rates = json!([{ "assetCode": "EUR", "rate": "0.9" }, { "assetCode": "XAU", "rate": "0.123456789012" }]);
        let expected = json!({ "source": "https://rates.example/", "count": 2, "table": { "base": "USD", "rates": rates } });
        assert_eq!(told, expected);
        let in_use = bench.run(OPERATOR, "{ exchangeRates { tables { base } } }", json!({})).await;
        assert_eq!(in_use["data"]["exchangeRates"]["tables"], json!([{ "base": "USD" }]));

        let (told, code) = bench.refused(TENANT, FETCH, dollars.clone()).await;
        assert!(code == "FORBIDDEN" && told.contains("operator's service"), "{told}");
        let foreign = json!({ "base": "USD", "tenantId": OPERATOR });
        assert_eq!(bench.refused(TENANT, FETCH, foreign).await.1, "BAD_USER_INPUT");
        for odd in ["EUR", "", "usd", "USD&x=1"] {
            assert_eq!(bench.refused(OPERATOR, FETCH, json!({ "base": odd })).await.1, "NOT_FOUND", "{odd}");
        }

        let own = json!({ "settings": [{ "key": "EXCHANGE_RATES_URL", "value": "https://tenant.example/rates" }] });
        bench.mutate(TENANT, SETTINGS, own).await;
        let told = bench.mutate(TENANT, FETCH, dollars.clone()).await;
        assert_eq!(told["source"], "https://tenant.example/rates");
        assert_eq!(bench.refused(TWIN, FETCH, json!({ "base": "USD", "tenantId": TENANT })).await.1, "BAD_USER_INPUT");
        let of_tenant = json!({ "base": "USD", "tenantId": TENANT });
        assert_eq!(bench.mutate(OPERATOR, FETCH, of_tenant).await["source"], "https://tenant.example/rates");
        bench.mutate(TWIN, ASSET, json!({ "code": "USD", "scale": 2 })).await;
        for operators in ["https://rates.example/", "https://rates.example/?of=tenant"] {
            let own = json!({ "settings": [{ "key": "EXCHANGE_RATES_URL", "value": operators }] });
            bench.mutate(TWIN, SETTINGS, own).await;
            let (told, code) = bench.refused(TWIN, FETCH, dollars.clone()).await;
            assert!(code == "FORBIDDEN" && told.contains("operator's service"), "{operators}: {told}");
        }
        // This service answers about dollars, whatever it is asked.
        let (told, code) = bench.refused(TENANT, FETCH, json!({ "base": "MXN" })).await;
        assert!(code == "CONFLICT" && told.contains("base MXN"), "{told}");
    }

    async fn a_service_is_asked_by_hand_six_times_a_minute_by_all_processes_together(database) {
        let bench = Bench::open(database).await;
        bench.mutate(OPERATOR, ASSET, json!({ "code": "USD", "scale": 2 })).await;
        for _ in 0..6 {
            bench.mutate(OPERATOR, FETCH, json!({ "base": "USD" })).await;
        }
        let (told, code) = bench.refused(OPERATOR, FETCH, json!({ "base": "USD" })).await;
        assert!(code == "CONFLICT" && told.contains("ask again in"), "{told}");

        let other = bench.another_process().await;
        let body = json!({ "query": "mutation { fetchExchangeRates(input: { base: \"USD\" }) { count } }" });
        let signed = request(OPERATOR, &bench.sign(OPERATOR, &body), &body);
        let (_, told) = send_to(&other, signed).await;
        assert!(told.contains("ask again in"), "{told}");
        bench.clock.advance(std::time::Duration::from_mins(1));
        bench.mutate(OPERATOR, FETCH, json!({ "base": "USD" })).await;
    }
}
