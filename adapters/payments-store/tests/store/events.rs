//! Events and deliveries.

use std::time::Duration;

use database::sea_orm::{ConnectionTrait, Statement, Value};
use database::{Migrations, Step, WriteTransaction};
use ledger::AccountId;
use payments_model::page::PageRequest;
use payments_model::webhook_event::{
    DeliveryState, EventType, EventWithdrawal, Recipient, Subject, WebhookDelivery, WebhookEvent,
};
use payments_model::{AssetId, TenantId};
use payments_store::EventFilter;
use serde_json::json;
use testkit::on_each_database;
use uuid::Uuid;

use super::{OPERATOR, add_asset, now, open};

const FIRST_STEP: Migrations = Migrations {
    store: "payments",
    steps: &[Step { name: "0001_backend", sql: include_str!("../../src/0001_backend.sql") }],
};

/// A tenant with an event and its delivery, as they were stored before the second step.
async fn insert_before(transaction: &WriteTransaction) {
    let [operator, event, delivery] = [1, 5, 7].map(|n| Value::from(Uuid::from_u128(n)));
    let statements = [
        (
            "INSERT INTO tenants (id, api_secret, created_at, updated_at) VALUES ($1, 's3cret', 0, 0)",
            vec![operator.clone()],
        ),
        (
            "INSERT INTO webhook_events (id, event_type, tenant_id, data, created_at)
             VALUES ($1, 'wallet_address.not_found', $2, '{}', 0)",
            vec![event.clone(), operator.clone()],
        ),
        (
            "INSERT INTO webhook_deliveries
             (id, event_id, recipient, recipient_tenant_id, attempts, state, created_at, updated_at)
             VALUES ($1, $2, 'TENANT', $3, 3, 'PENDING', 0, 0)",
            vec![delivery, event, operator],
        ),
    ];
    for (sql, values) in statements {
        let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
        transaction.execute_raw(statement).await.unwrap();
    }
}

fn event(asset: AssetId, n: u64) -> WebhookEvent {
    WebhookEvent {
        id: Uuid::from_u128(n.into()).into(),
        event_type: EventType::AssetLiquidityLow,
        tenant_id: OPERATOR,
        data: json!({ "z": 1, "a": { "y": "2", "b": null } }),
        subject: Subject::Asset(asset),
        withdrawal: Some(EventWithdrawal { account: AccountId::from(asset), asset_id: asset, amount: n }),
        created_at: now() + Duration::from_secs(n),
    }
}

on_each_database! {
    async fn an_event_keeps_the_order_of_its_members(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_webhook_event(&event(asset.id, 1)).unwrap();
        unit.tenant(OPERATOR).insert_webhook_event(&event(asset.id, 2)).unwrap();
        unit.commit().await.unwrap();
        let read = store.tenant(OPERATOR).webhook_event(event(asset.id, 1).id).await.unwrap().unwrap();
        assert_eq!(read, event(asset.id, 1));
        assert_eq!(read.data.to_string(), r#"{"z":1,"a":{"y":"2","b":null}}"#);
        let types = [EventType::AssetLiquidityLow, EventType::PeerLiquidityLow];
        let latest = store.tenant(OPERATOR).latest_event(Subject::Asset(asset.id), &types).await.unwrap();
        assert_eq!(latest, Some(event(asset.id, 2)));
    }

    async fn events_are_listed_by_type_within_the_tenant(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let not_found = WebhookEvent {
            event_type: EventType::WalletAddressNotFound,
            subject: Subject::Nothing,
            withdrawal: None,
            ..event(asset.id, 9)
        };
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_webhook_event(&event(asset.id, 1)).unwrap();
        unit.tenant(OPERATOR).insert_webhook_event(&not_found).unwrap();
        unit.commit().await.unwrap();
        let list = async |tenant: TenantId, types: &[&str], not_types: &[&str]| {
            let text = |list: &[&str]| list.iter().map(ToString::to_string).collect();
            let filter = EventFilter { types: text(types), not_types: text(not_types) };
            store.tenant(tenant).webhook_events(&filter, PageRequest::default()).await.unwrap().items.len()
        };
        assert_eq!(list(OPERATOR, &[], &[]).await, 2);
        assert_eq!(list(OPERATOR, &["asset.liquidity_low"], &[]).await, 1);
        assert_eq!(list(OPERATOR, &[], &["asset.liquidity_low", "peer.liquidity_low"]).await, 1);
        assert_eq!(list(TenantId::from_uuid(Uuid::from_u128(99)), &[], &[]).await, 0);
    }

    async fn a_delivery_is_seen_by_its_recipient_and_remembers_its_attempts(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let event = event(asset.id, 1);
        let mut delivery = WebhookDelivery {
            id: Uuid::from_u128(50).into(),
            event_id: event.id,
            recipient: Recipient::Tenant(OPERATOR),
            attempts: 0,
            status_code: None,
            state: DeliveryState::Pending,
        };
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_webhook_event(&event).unwrap();
        unit.tenant(OPERATOR).insert_webhook_delivery(&delivery, now()).unwrap();
        unit.commit().await.unwrap();
        delivery.attempts = 1;
        delivery.status_code = Some(503);
        delivery.state = DeliveryState::Exhausted;
        let unit = store.begin().await.unwrap();
        unit.every_tenant().note_delivery_attempt(&delivery, now());
        unit.commit().await.unwrap();
        let unit = store.begin().await.unwrap();
        unit.every_tenant().note_delivery_attempt(&delivery, now());
        assert!(unit.commit().await.unwrap_err().is_overtaken());
        assert_eq!(store.tenant(OPERATOR).webhook_deliveries(event.id).await.unwrap(), [delivery]);
    }

    async fn events_and_deliveries_survive_the_step_that_lets_the_ledger_have_events(database) {
        database.migrate(&FIRST_STEP).await.unwrap();
        let transaction = database.begin().await.unwrap();
        insert_before(&transaction).await;
        transaction.commit().await.unwrap();
        let store = open(&database).await;
        let deliveries = store.every_tenant().webhook_deliveries(Uuid::from_u128(5).into()).await.unwrap();
        assert_eq!((deliveries.len(), deliveries[0].attempts), (1, 3));
        let alarm = WebhookEvent {
            id: Uuid::from_u128(6).into(),
            event_type: EventType::LedgerAlarm,
            tenant_id: OPERATOR,
            data: json!({}),
            subject: Subject::Nothing,
            withdrawal: None,
            created_at: now(),
        };
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_webhook_event(&alarm).unwrap();
        unit.commit().await.unwrap();
        let lonely = WebhookEvent { id: Uuid::from_u128(8).into(), event_type: EventType::PeerLiquidityLow, ..alarm };
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_webhook_event(&lonely).unwrap();
        unit.commit().await.unwrap_err();
        let transaction = database.begin().await.unwrap();
        transaction.execute_unprepared("DELETE FROM webhook_events").await.unwrap();
        transaction.commit().await.unwrap();
        let left = store.every_tenant().webhook_deliveries(Uuid::from_u128(5).into()).await.unwrap();
        assert_eq!(left, [], "deliveries still go with their event");
    }
}
