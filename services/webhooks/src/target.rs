//! How a recipient is called: its URL, the time-out, the number of attempts, and the signing secrets.
//!
//! A tenant's own settings come before the instance's. It calls nothing.

use std::time::Duration;

use clock::Timestamp;
use directory::{Directory, KnownTenant};
use payments_model::tenant::SettingKey;
use payments_model::webhook_delivery::Recipient;
use payments_model::webhook_endpoint::{EndpointAddress, Sending, WebhookEndpoint};
use payments_model::webhook_ladder::{AttemptsMax, RetryLadder};
use payments_model::{Secret, TenantId, WebhookEndpointId};
use payments_store::Error;
use service_auth::Wanted;
use service_identity::ServiceProofs;
use url::Url;

/// The instance's own settings.
#[derive(Clone, Debug)]
pub struct Targets {
    /// The URL for events of tenants that have no URL of their own.
    pub default_url: Url,
    /// The time-out of a call.
    pub timeout: Duration,
    /// The number of attempts.
    pub attempts_max: AttemptsMax,
    /// The pauses between attempts.
    pub ladder: RetryLadder,
    /// The secret for endpoints that have no secret of their own. Without it, their events are not signed.
    pub secret: Option<Secret>,
    /// The number after `v` in signatures.
    pub signature_version: u32,
    /// The operator, whose settings bound the services' attempts.
    pub operator: TenantId,
    /// The URL of the card service.
    pub card_service: Option<Url>,
    /// The URL of the point-of-sale service.
    pub point_of_sale: Option<Url>,
    /// Proofs for the operator's own services, besides signatures.
    pub proofs: ServiceProofs,
}

/// How a recipient is called now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: Url,
    /// A tenant has chosen the URL, so the address guard applies.
    pub(crate) chosen_by_tenant: bool,
    pub(crate) timeout: Duration,
    pub(crate) attempts_max: AttemptsMax,
    /// Whether its events are sent now.
    pub(crate) sending: Sending,
    /// The signing secrets, the current one first.
    pub(crate) secrets: Vec<Secret>,
    /// The service of the operator that it is. Endpoints of tenants get no proof besides the signature.
    pub(crate) own_service: Option<Wanted>,
}

impl Targets {
    /// The recipient's present target; `None` for a service without a URL and for an endpoint that no longer exists.
    pub(crate) async fn find(
        &self,
        directory: &Directory,
        recipient: Recipient,
        now: Timestamp,
    ) -> Result<Option<Target>, Error> {
        let own = recipient.tenant().unwrap_or(self.operator);
        let facts = directory.facts().await?;
        Ok(self.target(recipient, facts.tenant(own).map(|known| &**known), now))
    }

    fn target(&self, recipient: Recipient, known: Option<&KnownTenant>, now: Timestamp) -> Option<Target> {
        let setting = |key| known?.setting(key);
        let endpoint = |id: WebhookEndpointId| known?.webhook_endpoints().iter().find(|endpoint| endpoint.id == id);
        match recipient {
            Recipient::CardService => Some(self.service(self.card_service.as_ref()?, Wanted::CARD_EVENTS, setting)),
            Recipient::PointOfSaleService => {
                Some(self.service(self.point_of_sale.as_ref()?, Wanted::POS_EVENTS, setting))
            }
            Recipient::Tenant(tenant) => {
                let default = endpoint(WebhookEndpointId::from_uuid(tenant.as_uuid()));
                Some(self.tenant(tenant, default, setting, now))
            }
            Recipient::Endpoint(tenant, id) => Some(self.tenant(tenant, Some(endpoint(id)?), setting, now)),
        }
    }

    fn service<'s>(&self, url: &Url, wanted: Wanted, setting: impl Fn(SettingKey) -> Option<&'s str>) -> Target {
        Target {
            url: url.clone(),
            chosen_by_tenant: false,
            timeout: self.timeout,
            attempts_max: self.attempts_max(setting),
            sending: Sending::Running,
            secrets: self.secret.iter().cloned().collect(),
            own_service: Some(wanted),
        }
    }

    fn tenant<'s>(
        &self,
        tenant: TenantId,
        endpoint: Option<&WebhookEndpoint>,
        setting: impl Fn(SettingKey) -> Option<&'s str>,
        now: Timestamp,
    ) -> Target {
        let own_url = match endpoint.map(|endpoint| &endpoint.address) {
            Some(EndpointAddress::Own(url)) => Some(url.clone()),
            Some(EndpointAddress::Default) | None => url_set_by(&setting),
        };
        let millis = setting(SettingKey::WebhookTimeout).and_then(|millis| millis.parse::<u32>().ok());
        let instance = self.secret.as_ref();
        let secrets = match endpoint {
            Some(endpoint) => endpoint.secrets.at(now, instance).into_iter().cloned().collect(),
            None => instance.into_iter().cloned().collect(),
        };
        Target {
            chosen_by_tenant: own_url.is_some() && tenant != self.operator,
            own_service: own_url.is_none().then_some(Wanted::WALLET_EVENTS),
            url: own_url.unwrap_or_else(|| self.default_url.clone()),
            timeout: millis.map_or(self.timeout, |millis| Duration::from_millis(millis.into())),
            attempts_max: self.attempts_max(setting),
            sending: endpoint.map_or(Sending::Running, |endpoint| endpoint.sending),
            secrets,
        }
    }

    fn attempts_max<'s>(&self, setting: impl Fn(SettingKey) -> Option<&'s str>) -> AttemptsMax {
        let own = setting(SettingKey::WebhookMaxRetry).and_then(|number| number.parse().ok());
        own.map_or(self.attempts_max, AttemptsMax::Exactly)
    }
}

/// The URL in a tenant's settings.
fn url_set_by<'s>(setting: impl Fn(SettingKey) -> Option<&'s str>) -> Option<Url> {
    setting(SettingKey::WebhookUrl).and_then(|url| Url::parse(url).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tenant(n: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(n))
    }

    fn targets() -> Targets {
        Targets {
            default_url: Url::parse("https://operator.example/webhooks").unwrap(),
            timeout: Duration::from_secs(2),
            attempts_max: AttemptsMax::Exactly(10),
            ladder: RetryLadder::default(),
            secret: Some(Secret::new("secret")),
            signature_version: 1,
            operator: tenant(1),
            card_service: None,
            point_of_sale: Some(Url::parse("http://pos.internal/webhook").unwrap()),
            proofs: ServiceProofs::default(),
        }
    }

    fn target(recipient: Recipient) -> Option<Target> {
        targets().target(recipient, None, Timestamp::EPOCH)
    }

    #[test]
    fn a_tenant_without_settings_is_reached_where_the_instance_says() {
        let target = target(Recipient::Tenant(tenant(2))).unwrap();
        assert_eq!(target.url.as_str(), "https://operator.example/webhooks");
        assert!(!target.chosen_by_tenant);
        assert_eq!((target.timeout, target.attempts_max), (Duration::from_secs(2), AttemptsMax::Exactly(10)));
        assert_eq!(target.secrets, [Secret::new("secret")]);
    }

    #[test]
    fn only_the_operators_own_services_get_a_proof_and_each_its_own() {
        let targets = targets();
        let wanted = |recipient| targets.target(recipient, None, Timestamp::EPOCH).unwrap().own_service;
        assert_eq!(wanted(Recipient::Tenant(tenant(2))), Some(Wanted::WALLET_EVENTS));
        assert_eq!(wanted(Recipient::PointOfSaleService), Some(Wanted::POS_EVENTS));

        let own = WebhookEndpoint {
            id: WebhookEndpointId::from_uuid(tenant(2).as_uuid()),
            tenant_id: tenant(2),
            address: EndpointAddress::Own(Url::parse("https://tenant.example/hooks").unwrap()),
            event_types: vec![],
            secrets: payments_model::webhook_endpoint::EndpointSecrets::default(),
            sending: Sending::Running,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        };
        let target = targets.tenant(tenant(2), Some(&own), |_| None, Timestamp::EPOCH);
        assert_eq!(
            (target.chosen_by_tenant, target.own_service),
            (true, None),
            "a stranger's server could use it here"
        );
    }

    #[test]
    fn a_service_without_url_has_no_target() {
        assert_eq!(target(Recipient::CardService), None);
        assert!(target(Recipient::PointOfSaleService).is_some());
    }
}
