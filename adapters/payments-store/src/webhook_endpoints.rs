//! Stores the webhook endpoints of tenants, except the URL in their settings.
//!
//! It does not remove rows: a deleted endpoint stays as a row, because deliveries refer to it.

use clock::Timestamp;
use database::{Error, Locked, WriteTransaction};
use payments_model::webhook_endpoint::{EndpointAddress, EndpointSecrets, PreviousSecret, Sending, WebhookEndpoint};
use payments_model::webhook_event::EventType;
use payments_model::{Secret, TenantId, WebhookEndpointId};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, Set};
use url::Url;

use crate::convert::Place;
use crate::rows::webhook_endpoint::{ActiveModel, Column, Entity, Model};
use crate::scope::{Scope, must_be_one};

const TABLE: &str = "webhook_endpoints";

fn endpoint(row: Model) -> Result<WebhookEndpoint, Error> {
    let place = Place { table: TABLE, row: row.id };
    let address = match row.url {
        None => EndpointAddress::Default,
        Some(url) => EndpointAddress::Own(Url::parse(&url).map_err(|_| place.inconsistent("url"))?),
    };
    // An older version may not know a type. It never sends events of that type, so the type is skipped.
    let names: Vec<String> = place.json("event_types", &row.event_types)?;
    let event_types = names.iter().filter_map(|name| name.parse::<EventType>().ok()).collect();
    let previous = row.previous_until.map(|until| PreviousSecret {
        secret: row.previous_secret.map(Secret::new),
        until: Timestamp::from_millis(until),
    });
    Ok(WebhookEndpoint {
        id: WebhookEndpointId::from_uuid(row.id),
        tenant_id: TenantId::from_uuid(row.tenant_id),
        address,
        event_types,
        secrets: EndpointSecrets { current: row.secret.map(Secret::new), previous },
        sending: row.paused_at.map_or(Sending::Running, |at| Sending::PausedSince(Timestamp::from_millis(at))),
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    })
}

fn active(endpoint: &WebhookEndpoint) -> ActiveModel {
    let names: Vec<&str> = endpoint.event_types.iter().map(|kind| kind.as_str()).collect();
    let text = |secret: Option<&Secret>| secret.map(|secret| secret.expose().to_owned());
    let EndpointSecrets { current, previous } = &endpoint.secrets;
    ActiveModel {
        id: Set(endpoint.id.as_uuid()),
        tenant_id: Set(endpoint.tenant_id.as_uuid()),
        url: Set(match &endpoint.address {
            EndpointAddress::Default => None,
            EndpointAddress::Own(url) => Some(url.to_string()),
        }),
        event_types: Set(serde_json::json!(names).to_string()),
        secret: Set(text(current.as_ref())),
        previous_secret: Set(text(previous.as_ref().and_then(|previous| previous.secret.as_ref()))),
        previous_until: Set(previous.as_ref().map(|previous| previous.until.as_millis())),
        created_at: Set(endpoint.created_at.as_millis()),
        updated_at: Set(endpoint.updated_at.as_millis()),
        deleted_at: Set(None),
        paused_at: Set(endpoint.sending.paused_since().map(Timestamp::as_millis)),
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// All endpoints that are not deleted, the oldest first.
    pub async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, Error> {
        let rows = self.endpoint_rows().order_by_asc(Column::CreatedAt).order_by_asc(Column::Id);
        rows.all(self.connection).await?.into_iter().map(endpoint).collect()
    }

    /// The endpoint with this id, unless it is deleted.
    pub async fn webhook_endpoint(&self, id: WebhookEndpointId) -> Result<Option<WebhookEndpoint>, Error> {
        let found = self.endpoint_rows().filter(Column::Id.eq(id.as_uuid()));
        found.one(self.connection).await?.map(endpoint).transpose()
    }

    fn endpoint_rows(&self) -> Select<Entity> {
        Entity::find().filter(self.within(Column::TenantId)).filter(Column::DeletedAt.is_null())
    }
}

impl<'t> Scope<'t, WriteTransaction> {
    /// The endpoint with this id. It is locked until this unit ends.
    pub async fn locked_webhook_endpoint(
        &self,
        id: WebhookEndpointId,
    ) -> Result<Option<Locked<'t, WebhookEndpoint>>, Error> {
        let found = self.endpoint_rows().filter(Column::Id.eq(id.as_uuid())).lock_exclusive();
        let Some(row) = found.one(self.connection).await? else { return Ok(None) };
        Ok(Some(Locked::read_under_lock(self.connection, id.as_uuid(), endpoint(row)?)))
    }

    /// Whether events are sent to an endpoint; `None` if it is deleted. It stays so until this unit ends: who pauses,
    /// resumes or deletes it waits for this unit.
    pub async fn sending_of(&self, id: WebhookEndpointId) -> Result<Option<Sending>, Error> {
        let found = self.endpoint_rows().filter(Column::Id.eq(id.as_uuid())).lock_shared().one(self.connection).await?;
        found.map(|row| Ok(endpoint(row)?.sending)).transpose()
    }

    /// Stores a new endpoint. A second default endpoint of a tenant is a unique violation.
    pub async fn insert_webhook_endpoint(&self, new: &WebhookEndpoint) -> Result<(), Error> {
        self.must_reach(new.tenant_id)?;
        Entity::insert(active(new)).exec_without_returning(self.connection).await?;
        self.directory_changed();
        Ok(())
    }

    /// Stores the changes of an endpoint.
    pub async fn update_webhook_endpoint(&self, changed: &Locked<'_, WebhookEndpoint>) -> Result<(), Error> {
        let update = Entity::update_many()
            .set(active(changed))
            .filter(self.within(Column::TenantId))
            .filter(Column::Id.eq(changed.id.as_uuid()));
        must_be_one(update.exec(self.connection).await?.rows_affected, TABLE, changed.id)?;
        self.directory_changed();
        Ok(())
    }

    /// Marks an endpoint as deleted and removes its secrets. Returns whether it existed.
    pub async fn delete_webhook_endpoint(&self, id: WebhookEndpointId, now: Timestamp) -> Result<bool, Error> {
        let row = ActiveModel {
            secret: Set(None),
            previous_secret: Set(None),
            previous_until: Set(None),
            updated_at: Set(now.as_millis()),
            deleted_at: Set(Some(now.as_millis())),
            ..Default::default()
        };
        let update = Entity::update_many()
            .set(row)
            .filter(self.within(Column::TenantId))
            .filter(Column::DeletedAt.is_null())
            .filter(Column::Id.eq(id.as_uuid()));
        let deleted = update.exec(self.connection).await?.rows_affected > 0;
        if deleted {
            self.directory_changed();
        }
        Ok(deleted)
    }
}
