//! Events and deliveries.
//! Sending them is tested in `services/webhooks`.

use std::time::Duration;

use database::sea_orm::{ConnectionTrait, Statement, Value};
use database::{Migrations, Step, WriteTransaction};
use ledger::AccountId;
use payments_model::page::PageRequest;
use payments_model::webhook_delivery::{DeliveryState, Recipient, WebhookAttempt};
use payments_model::webhook_endpoint::{EndpointAddress, EndpointSecrets, Sending, WebhookEndpoint};
use payments_model::webhook_event::{EventType, EventWithdrawal, Subject, WebhookEvent};
use payments_model::{AssetId, Secret, TenantId, WebhookDelivery};
use payments_store::{DeliveryFilter, EventFilter, MIGRATIONS};
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
        let first = WebhookDelivery::new(Uuid::from_u128(50).into(), &event, Recipient::Tenant(OPERATOR));
        let second = WebhookDelivery { id: Uuid::from_u128(40).into(), ..first.clone() };
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_webhook_event(&event).unwrap();
        unit.tenant(OPERATOR).insert_webhook_delivery(&first);
        unit.commit().await.unwrap();
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_webhook_delivery(&second);
        unit.commit().await.unwrap();
        let every = store.every_tenant();
        let turn = every.delivery_in_turn(Recipient::Tenant(OPERATOR), asset.id.as_uuid()).await.unwrap().unwrap();
        assert_eq!((&turn.delivery, turn.has_followers), (&first, true), "the one that was written first, not the lower id");
        assert_eq!(turn.event.unwrap(), Some(event.clone()), "it comes with its event");

        let attempt = WebhookAttempt {
            number: 1,
            began_at: now(),
            duration: Duration::from_millis(1500),
            status_code: Some(503),
            body: Some("bu\u{fffd}sy".to_owned()),
            error: Some("answered 503".to_owned()),
        };
        let after = WebhookDelivery {
            attempts: 1,
            status_code: Some(503),
            reason: Some("answered 503".to_owned()),
            state: DeliveryState::Exhausted,
            ..first.clone()
        };
        let note = async || {
            let unit = store.begin().await.unwrap();
            unit.every_tenant().note_delivery_attempt(&after, &attempt);
            unit.commit().await
        };
        note().await.unwrap();
        assert!(note().await.unwrap_err().is_overtaken());
        assert_eq!(store.tenant(OPERATOR).webhook_delivery(first.id).await.unwrap(), Some(after.clone()));
        assert_eq!(every.webhook_attempts(&[first.id, second.id]).await.unwrap(), [(first.id, attempt.clone())]);
        let turn = every.delivery_in_turn(Recipient::Tenant(OPERATOR), asset.id.as_uuid()).await.unwrap().unwrap();
        assert_eq!((&turn.delivery, turn.has_followers), (&second, false));

        let filter = DeliveryFilter {
            events: vec![event.id],
            states: vec![DeliveryState::Exhausted],
            types: vec![event.event_type.as_str().to_owned()],
            endpoint: Some(OPERATOR.as_uuid().into()),
            from: Some(first.created_at),
            to: Some(first.created_at + Duration::from_millis(1)),
            ..DeliveryFilter::default()
        };
        let list = async |filter: DeliveryFilter| {
            let page = store.tenant(OPERATOR).webhook_deliveries(&filter, PageRequest::default()).await.unwrap();
            page.items.into_iter().map(|delivery| delivery.id).collect::<Vec<_>>()
        };
        assert_eq!(list(filter.clone()).await, [first.id]);
        assert_eq!(list(DeliveryFilter { to: filter.from, ..filter.clone() }).await, []);
        assert_eq!(list(DeliveryFilter { endpoint: Some(Uuid::from_u128(9).into()), ..filter.clone() }).await, []);
        let about = |subject: Uuid| DeliveryFilter { subject: Some(subject), ..filter.clone() };
        assert_eq!(list(about(asset.id.as_uuid())).await, [first.id]);
        assert_eq!(list(about(Uuid::from_u128(9))).await, []);
        assert_eq!(list(DeliveryFilter { types: vec!["ledger.alarm".to_owned()], ..filter }).await, []);
    }

    async fn an_endpoint_is_its_tenant_s_and_its_default_one_is_there_once(database) {
        let store = open(&database).await;
        let endpoint = WebhookEndpoint {
            id: Uuid::from_u128(60).into(),
            tenant_id: OPERATOR,
            address: EndpointAddress::Own("https://shop.example/hooks".parse().unwrap()),
            event_types: vec![EventType::PeerLiquidityLow],
            secrets: EndpointSecrets::default().rotated(Secret::new("s"), now()).rotated(Secret::new("t"), now()),
            sending: Sending::Running,
            created_at: now(),
            updated_at: now(),
        };
        let default = WebhookEndpoint::default_of(OPERATOR, now());
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_webhook_endpoint(&endpoint).await.unwrap();
        unit.tenant(OPERATOR).insert_webhook_endpoint(&default).await.unwrap();
        unit.commit().await.unwrap();
        let unit = store.begin().await.unwrap();
        assert!(unit.tenant(OPERATOR).insert_webhook_endpoint(&default).await.unwrap_err().is_unique_violation());
        drop(unit);
        assert_eq!(store.tenant(OPERATOR).webhook_endpoint(endpoint.id).await.unwrap(), Some(endpoint.clone()));
        let other = TenantId::from_uuid(Uuid::from_u128(99));
        assert_eq!(store.tenant(other).webhook_endpoints().await.unwrap(), []);
        let unit = store.begin().await.unwrap();
        assert!(!unit.tenant(other).delete_webhook_endpoint(endpoint.id, now()).await.unwrap());
        assert!(unit.tenant(OPERATOR).delete_webhook_endpoint(endpoint.id, now()).await.unwrap());
        unit.commit().await.unwrap();
        assert_eq!(store.tenant(OPERATOR).webhook_endpoints().await.unwrap(), [default]);
    }

    async fn endpoints_of_an_earlier_version_are_not_paused(database) {
        let before = MIGRATIONS.steps.iter().take_while(|step| step.name != "0014_webhook_pauses");
        let before: &'static [Step] = Vec::leak(before.copied().collect());
        database.migrate(&Migrations { store: "payments", steps: before }).await.unwrap();
        let transaction = database.begin().await.unwrap();
        let backend = transaction.get_database_backend();
        let [operator, endpoint] = [1, 60].map(|n| Value::from(Uuid::from_u128(n)));
        for (sql, values) in [
            ("INSERT INTO tenants (id, api_secret, created_at, updated_at) VALUES ($1, 's3cret', 0, 0)", vec![operator.clone()]),
            (
                "INSERT INTO webhook_endpoints (id, tenant_id, url, event_types, secret, created_at, updated_at)
                 VALUES ($1, $2, 'https://shop.example/hooks', '[]', 's', 0, 0)",
                vec![endpoint, operator],
            ),
        ] {
            transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await.unwrap();
        }
        transaction.commit().await.unwrap();

        let store = open(&database).await;
        let found = store.tenant(OPERATOR).webhook_endpoints().await.unwrap();
        assert_eq!(found.iter().map(|endpoint| endpoint.sending).collect::<Vec<_>>(), [Sending::Running]);
        let unit = store.begin().await.unwrap();
        assert_eq!(unit.tenant(OPERATOR).sending_of(found[0].id).await.unwrap(), Some(Sending::Running));
        let locked = unit.tenant(OPERATOR).locked_webhook_endpoint(found[0].id).await.unwrap().unwrap();
        let paused = locked.map(|endpoint| WebhookEndpoint { sending: Sending::PausedSince(now()), ..endpoint });
        unit.tenant(OPERATOR).update_webhook_endpoint(&paused).await.unwrap();
        assert_eq!(unit.tenant(OPERATOR).sending_of(found[0].id).await.unwrap(), Some(Sending::PausedSince(now())));
        let other = TenantId::from_uuid(Uuid::from_u128(99));
        assert_eq!(unit.tenant(other).sending_of(found[0].id).await.unwrap(), None, "another tenant has no such endpoint");
    }

    async fn events_and_deliveries_survive_the_step_that_lets_the_ledger_have_events(database) {
        database.migrate(&FIRST_STEP).await.unwrap();
        let transaction = database.begin().await.unwrap();
        insert_before(&transaction).await;
        transaction.commit().await.unwrap();
        let store = open(&database).await;
        let deliveries = store.every_tenant().deliveries_of(Uuid::from_u128(5).into()).await.unwrap();
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
        let left = store.every_tenant().deliveries_of(Uuid::from_u128(5).into()).await.unwrap();
        assert_eq!(left, [], "deliveries still go with their event");
    }
}
