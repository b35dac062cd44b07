//! Tenants, assets and fees.
//! Wallet addresses and peers are in `parties`.

use clock::Timestamp;
use payments_model::page::{PageArguments, SortOrder};
use payments_model::quote::FeeTerms;
use payments_model::tenant::{Setting, SettingKey};
use payments_model::{Fee, FeeKind, Secret, TenantId};
use testkit::on_each_database;
use uuid::Uuid;

use super::{OPERATOR, add_asset, now, open};

on_each_database! {
    async fn what_is_stored_is_read_back_the_same(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        assert_eq!(store.tenant(OPERATOR).asset(asset.id).await.unwrap(), Some(asset.clone()));
        assert_eq!(store.tenant(OPERATOR).asset_by_code_and_scale(OPERATOR, &asset.asset).await.unwrap(), Some(asset));
    }

    async fn another_tenant_sees_nothing_and_may_write_nothing(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let other = TenantId::from_uuid(Uuid::from_u128(99));
        assert_eq!(store.tenant(other).asset(asset.id).await.unwrap(), None);
        assert_eq!(store.tenant(other).find_tenant(OPERATOR).await.unwrap(), None);
        assert!(store.tenant(other).assets(PageArguments::default().request().unwrap()).await.unwrap().items.is_empty());
        let unit = store.begin().await.unwrap();
        assert!(unit.tenant(other).locked_asset(asset.id).await.unwrap().is_none());
        let locked = unit.tenant(OPERATOR).locked_asset(asset.id).await.unwrap().unwrap();
        assert!(unit.tenant(other).update_asset(&locked).await.is_err());
    }

    async fn a_refused_asset_burns_no_ledger_number(database) {
        let store = open(&database).await;
        let first = add_asset(&store, "USD", 7).await.unwrap();
        assert!(add_asset(&store, "USD", 8).await.unwrap_err().is_unique_violation());
        let second = add_asset(&store, "EUR", 9).await.unwrap();
        assert_eq!((first.ledger, second.ledger), (1, 2));
    }

    async fn the_operator_is_made_once_and_its_secret_follows_the_configuration(database) {
        let store = open(&database).await;
        let unit = store.begin().await.unwrap();
        let rotated = unit.every_tenant().ensure_operator(OPERATOR, &Secret::new("new"), now()).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(rotated.api_secret.expose(), "new");
        assert_eq!(store.every_tenant().all_tenants().await.unwrap(), [rotated]);
    }

    async fn the_newest_fee_is_in_force(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let unit = store.begin().await.unwrap();
        for (n, fixed) in [(1u8, 5u64), (2, 6)] {
            let fee = Fee {
                id: Uuid::from_u128(n.into()).into(),
                asset_id: asset.id,
                kind: FeeKind::Sending,
                terms: FeeTerms { basis_points: 100, fixed },
                created_at: Timestamp::from_millis(n.into()),
            };
            unit.tenant(OPERATOR).insert_fee(&fee).await.unwrap();
        }
        unit.commit().await.unwrap();
        let scope = store.tenant(OPERATOR);
        assert_eq!(scope.newest_fee(asset.id, FeeKind::Sending).await.unwrap().unwrap().terms.fixed, 6);
        assert_eq!(scope.newest_fee(asset.id, FeeKind::Receiving).await.unwrap(), None);
        let other = store.tenant(TenantId::from_uuid(Uuid::from_u128(99)));
        assert_eq!(other.newest_fee(asset.id, FeeKind::Sending).await.unwrap(), None);
    }

    async fn a_setting_is_overwritten_and_comes_back_after_deletion(database) {
        let store = open(&database).await;
        let put = async |value: &str| {
            let unit = store.begin().await.unwrap();
            let setting = Setting { key: SettingKey::WebhookUrl, value: value.to_owned() };
            unit.tenant(OPERATOR).put_settings(OPERATOR, &[setting], now()).await.unwrap();
            unit.commit().await.unwrap();
        };
        let get = async || store.tenant(OPERATOR).setting(OPERATOR, SettingKey::WebhookUrl).await.unwrap();
        put("https://one.example").await;
        put("https://two.example").await;
        assert_eq!(get().await.as_deref(), Some("https://two.example"));
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).delete_settings(OPERATOR, now()).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(get().await, None);
        put("https://three.example").await;
        assert_eq!(get().await.as_deref(), Some("https://three.example"));
    }

    async fn pages_meet_without_gap_or_overlap_in_both_directions(database) {
        let store = open(&database).await;
        let entropy = testkit::entropy(3);
        for n in 0..7u32 {
            add_asset(&store, &format!("A{n}"), entropy.uuid().as_u128()).await.unwrap();
        }
        for order in [SortOrder::Ascending, SortOrder::Descending] {
            let page = async |after: Option<String>, before: Option<String>| {
                let last = before.is_some().then_some(3);
                let request = PageArguments { after, before, first: Some(3), last, order }.request().unwrap();
                store.tenant(OPERATOR).assets(request).await.unwrap()
            };
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let part = page(after, None).await;
                assert_eq!(part.has_previous, !seen.is_empty());
                after = part.items.last().map(|asset| asset.id.to_string());
                seen.extend(part.items);
                if !part.has_next {
                    break;
                }
            }
            assert_eq!(seen.len(), 7);
            let back = page(None, Some(seen[5].id.to_string())).await;
            assert_eq!(back.items, seen[2..5]);
            assert!(back.has_next && back.has_previous);
            let start = page(None, Some(seen[3].id.to_string())).await;
            assert_eq!(start.items, seen[..3]);
            assert!(start.has_next && !start.has_previous);
            assert!(page(Some("nobody".into()), None).await.items.is_empty());
        }
    }
}
