//! Creates, changes and deletes the endpoints of a tenant, and replaces their secrets.
//!
//! A secret is returned only once, when it is created. It does not send events.

use std::fmt::Write;
use std::time::Duration;

use outside_text::check_line;
use payments_model::webhook_delivery::Recipient;
use payments_model::webhook_endpoint::{ENDPOINTS_MAX, EndpointAddress, EndpointSecrets, Sending, WebhookEndpoint};
use payments_model::webhook_event::EventType;
use payments_model::{Origin, Secret, TenantId, WebhookEndpointId};
use payments_store::Error;
use url::Url;
use web_url::URL_LENGTH_MAX;

use crate::administration::WebhookAdministration;
use crate::pause::end_waiting;

/// The longest time for which a replaced secret is still used.
const LONGEST_OVERLAP: Duration = Duration::from_hours(24 * 30);
/// The least number of characters of a secret. An attacker can find a shorter one by trying.
const SECRET_MIN: usize = 16;
const SECRET_MAX: usize = 255;

/// An endpoint to create.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// Its URL.
    pub url: String,
    /// The types of events that it gets; all types if the list is empty.
    pub event_types: Vec<String>,
    /// The secret that signs its events. If it is `None`, a secret is created.
    pub secret: Option<Secret>,
}

/// The changes of an endpoint.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    /// Its URL.
    pub url: Option<String>,
    /// The types of events that it gets.
    pub event_types: Option<Vec<String>>,
}

/// Why an endpoint was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateEndpointError {
    /// The URL cannot be called.
    #[error("the URL of an endpoint must be an http or https URL without user name, password and fragment")]
    Url,
    /// There is no such type of event.
    #[error("there is no event type {0}; the types are listed in the chapter on webhooks")]
    EventType(String),
    /// The secret is too short, too long, or not one line.
    #[error("a secret must be one line of 16 to 255 characters; leave it out to get a generated one")]
    Secret,
    /// The tenant has the largest allowed number of endpoints.
    #[error("a tenant can have 100 endpoints; delete one first")]
    TooMany,
    /// There is no such tenant.
    #[error("unknown tenant")]
    UnknownTenant,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Error),
}

/// Why an endpoint was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateEndpointError {
    /// The tenant has no such endpoint.
    #[error("unknown webhook endpoint")]
    Unknown,
    /// The URL cannot be called.
    #[error("the URL of an endpoint must be an http or https URL without user name, password and fragment")]
    Url,
    /// The URL of the default endpoint is a setting of the tenant.
    #[error("the URL of the default endpoint is the tenant's setting WEBHOOK_URL; change it with createTenantSettings")]
    Default,
    /// There is no such type of event.
    #[error("there is no event type {0}; the types are listed in the chapter on webhooks")]
    EventType(String),
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Error),
}

/// Why an endpoint was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteEndpointError {
    /// The tenant has no such endpoint.
    #[error("unknown webhook endpoint")]
    Unknown,
    /// The default endpoint cannot be deleted.
    #[error("the default endpoint cannot be deleted; set its event types instead")]
    Default,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Error),
}

/// Why a secret was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum RotateSecretError {
    /// The tenant has no such endpoint.
    #[error("unknown webhook endpoint")]
    Unknown,
    /// The secret is too short, too long, or not one line.
    #[error("a secret must be one line of 16 to 255 characters; leave it out to get a generated one")]
    Secret,
    /// The old secret would be used for too long.
    #[error("the old secret can stay valid for 30 days at most")]
    Overlap,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Error),
}

impl WebhookAdministration {
    /// The endpoints of a tenant. The default endpoint comes first.
    pub async fn endpoints(&self, tenant: TenantId) -> Result<Vec<WebhookEndpoint>, Error> {
        let Some(owner) = self.store.tenant(tenant).find_tenant(tenant).await? else { return Ok(Vec::new()) };
        let mut all = self.store.tenant(tenant).webhook_endpoints().await?;
        if !all.iter().any(WebhookEndpoint::is_default) {
            all.push(WebhookEndpoint::default_of(tenant, owner.created_at));
        }
        all.sort_by_key(|endpoint| !endpoint.is_default());
        Ok(all)
    }

    /// Creates an endpoint and the secret that signs its events.
    ///
    /// A repetition with the same idempotency key creates no other endpoint, and returns no secret.
    pub async fn create_endpoint(
        &self,
        tenant: TenantId,
        new: NewEndpoint,
        origin: Origin,
    ) -> Result<(WebhookEndpoint, Option<Secret>), CreateEndpointError> {
        use CreateEndpointError as E;
        let url = callable(&new.url).ok_or(E::Url)?;
        let event_types = types(&new.event_types).map_err(E::EventType)?;
        let secret = self.secret(new.secret).ok_or(E::Secret)?;
        let now = self.now();
        let endpoint = WebhookEndpoint {
            id: WebhookEndpointId::from_uuid(origin.id("webhook endpoint", &*self.entropy)),
            tenant_id: tenant,
            address: EndpointAddress::Own(url),
            event_types,
            secrets: EndpointSecrets { current: Some(secret.clone()), previous: None },
            sending: Sending::Running,
            created_at: now,
            updated_at: now,
        };

        let unit = self.store.begin().await?;
        let scope = unit.tenant(tenant);
        // Two concurrent creations wait for each other here, so that both are counted.
        scope.locked_tenant(tenant).await?.ok_or(E::UnknownTenant)?;
        let others = scope.webhook_endpoints().await?;
        if let Some(made) = others.iter().find(|other| other.id == endpoint.id) {
            return Ok((made.clone(), None));
        }
        if others.iter().filter(|other| !other.is_default()).count() >= ENDPOINTS_MAX {
            return Err(E::TooMany);
        }
        scope.insert_webhook_endpoint(&endpoint).await?;
        unit.commit().await?;
        Ok((endpoint, Some(secret)))
    }

    /// Changes an endpoint.
    pub async fn update_endpoint(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        change: EndpointChange,
    ) -> Result<WebhookEndpoint, UpdateEndpointError> {
        use UpdateEndpointError as E;
        let url = change.url.as_deref().map(|url| callable(url).ok_or(E::Url)).transpose()?;
        let event_types = change.event_types.map(|names| types(&names)).transpose().map_err(E::EventType)?;
        let changed = self.changed(tenant, id, |mut endpoint| {
            if let Some(url) = url {
                if endpoint.is_default() {
                    return Err(E::Default);
                }
                endpoint.address = EndpointAddress::Own(url);
            }
            if let Some(event_types) = event_types {
                endpoint.event_types = event_types;
            }
            Ok(endpoint)
        });
        changed.await?.ok_or(E::Unknown)?
    }

    /// Deletes an endpoint. Its pending deliveries are given up at their next attempt. If it is paused, they are due now.
    pub async fn delete_endpoint(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<(), DeleteEndpointError> {
        if id.as_uuid() == tenant.as_uuid() {
            return Err(DeleteEndpointError::Default);
        }
        let unit = self.store.begin().await?;
        if !unit.tenant(tenant).delete_webhook_endpoint(id, self.now()).await? {
            return Err(DeleteEndpointError::Unknown);
        }
        end_waiting(&unit, Recipient::Endpoint(tenant, id), self.now()).await?;
        Ok(unit.commit().await?)
    }

    /// Gives an endpoint another secret. During `overlap` events are also signed with the old secret.
    pub async fn rotate_endpoint_secret(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        secret: Option<Secret>,
        overlap: Duration,
    ) -> Result<(WebhookEndpoint, Secret), RotateSecretError> {
        use RotateSecretError as E;
        let secret = self.secret(secret).ok_or(E::Secret)?;
        if overlap > LONGEST_OVERLAP {
            return Err(E::Overlap);
        }
        let until = self.now() + overlap;
        let changed = self.changed(tenant, id, |mut endpoint| {
            endpoint.secrets = endpoint.secrets.rotated(secret.clone(), until);
            Ok::<_, E>(endpoint)
        });
        let endpoint = changed.await?.ok_or(E::Unknown)??;
        Ok((endpoint, secret))
    }

    /// Applies `change` to an endpoint and stores the result; `None` if the tenant has no such endpoint. The row of the
    /// default endpoint is created at its first change.
    async fn changed<E>(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        change: impl FnOnce(WebhookEndpoint) -> Result<WebhookEndpoint, E>,
    ) -> Result<Option<Result<WebhookEndpoint, E>>, Error> {
        let now = self.now();
        let unit = self.store.begin().await?;
        let scope = unit.tenant(tenant);
        let Some(owner) = scope.locked_tenant(tenant).await? else { return Ok(None) };

        let found = scope.locked_webhook_endpoint(id).await?;
        let changed = match found {
            Some(found) => {
                let changed = found.try_map(|endpoint| change(WebhookEndpoint { updated_at: now, ..endpoint }));
                match changed {
                    Ok(changed) => {
                        scope.update_webhook_endpoint(&changed).await?;
                        changed.into_inner()
                    }
                    Err(error) => return Ok(Some(Err(error))),
                }
            }
            None if id.as_uuid() == tenant.as_uuid() => {
                let default =
                    WebhookEndpoint { updated_at: now, ..WebhookEndpoint::default_of(tenant, owner.created_at) };
                match change(default) {
                    Ok(changed) => {
                        scope.insert_webhook_endpoint(&changed).await?;
                        changed
                    }
                    Err(error) => return Ok(Some(Err(error))),
                }
            }
            None => return Ok(None),
        };

        unit.commit().await?;
        Ok(Some(Ok(changed)))
    }

    /// The given secret if it is acceptable, or a new one.
    fn secret(&self, given: Option<Secret>) -> Option<Secret> {
        if let Some(secret) = given {
            let text = secret.expose();
            let fits = text.chars().count() >= SECRET_MIN && check_line(text, SECRET_MAX).is_ok();
            return fits.then_some(secret);
        }
        let mut hex = String::with_capacity(64);
        for byte in self.entropy.bytes::<32>() {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Some(Secret::new(hex))
    }
}

/// The URL, if it can be called. The address guard checks at each attempt whether it may be called.
fn callable(text: &str) -> Option<Url> {
    check_line(text, URL_LENGTH_MAX).ok()?;
    let url = Url::parse(text).ok()?;
    let is_web = url.has_host() && matches!(url.scheme(), "http" | "https");
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (is_web && is_plain).then_some(url)
}

/// The types with these names, without duplicates; the first unknown name as the error.
fn types(names: &[String]) -> Result<Vec<EventType>, String> {
    let mut types = Vec::new();
    for name in names {
        let kind: EventType = name.parse().map_err(|_| name.chars().take(80).collect::<String>())?;
        if !types.contains(&kind) {
            types.push(kind);
        }
    }
    Ok(types)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_called_is_an_endpoint() {
        for good in ["https://shop.example/hooks?a=b", "http://localhost:4000/"] {
            assert!(callable(good).is_some(), "{good}");
        }
        for bad in
            ["", "shop.example", "ftp://shop.example", "https://", "https://u:p@shop.example", "https://x.example#a"]
        {
            assert!(callable(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_type_named_twice_counts_once_and_an_unknown_one_is_named() {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let twice = names(&["peer.liquidity_low", "ledger.alarm", "peer.liquidity_low"]);
        assert_eq!(types(&twice), Ok(vec![EventType::PeerLiquidityLow, EventType::LedgerAlarm]));
        assert_eq!(types(&names(&["peer.*"])), Err("peer.*".to_owned()));
    }
}
