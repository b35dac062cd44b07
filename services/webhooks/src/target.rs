//! The URL of a recipient, its time-out, and its number of attempts.
//!
//! A tenant's own settings take precedence over the instance's.

use std::time::Duration;

use directory::Directory;
use payments_model::TenantId;
use payments_model::tenant::SettingKey;
use payments_model::webhook_event::Recipient;
use payments_store::Error;
use url::Url;

/// The instance's own settings.
#[derive(Clone, Debug)]
pub struct Targets {
    /// The URL for events of tenants without a URL of their own.
    pub default_url: Url,
    /// How long a recipient may take to answer.
    pub timeout: Duration,
    /// The number of attempts in all.
    pub attempts_max: u32,
    /// The operator. Its settings limit the attempts for the two services.
    pub operator: TenantId,
    /// The URL of the card service.
    pub card_service: Option<Url>,
    /// The URL of the point-of-sale service.
    pub point_of_sale: Option<Url>,
}

/// A recipient's present URL and limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: Url,
    /// Whether a tenant chose the URL. The address guard then applies.
    pub(crate) chosen_by_tenant: bool,
    pub(crate) timeout: Duration,
    pub(crate) attempts_max: u32,
}

impl Targets {
    /// The recipient's present target; `None` for a service without a URL.
    pub(crate) async fn find(&self, directory: &Directory, recipient: Recipient) -> Result<Option<Target>, Error> {
        let own = match recipient {
            Recipient::Tenant(tenant) => tenant,
            Recipient::CardService | Recipient::PointOfSaleService => self.operator,
        };
        let facts = directory.facts().await?;
        let known = facts.tenant(own);
        Ok(self.target(recipient, |key| known?.setting(key)))
    }

    fn target<'s>(&self, recipient: Recipient, setting: impl Fn(SettingKey) -> Option<&'s str>) -> Option<Target> {
        let number = |key| setting(key)?.parse::<u32>().ok();
        let attempts_max = number(SettingKey::WebhookMaxRetry).unwrap_or(self.attempts_max);
        let service = |url: &Option<Url>| {
            let url = url.clone()?;
            Some(Target { url, chosen_by_tenant: false, timeout: self.timeout, attempts_max })
        };
        match recipient {
            Recipient::CardService => service(&self.card_service),
            Recipient::PointOfSaleService => service(&self.point_of_sale),
            Recipient::Tenant(tenant) => {
                let own_url = setting(SettingKey::WebhookUrl).and_then(|url| Url::parse(url).ok());
                let timeout = number(SettingKey::WebhookTimeout)
                    .map_or(self.timeout, |millis| Duration::from_millis(u64::from(millis)));
                Some(Target {
                    chosen_by_tenant: own_url.is_some() && tenant != self.operator,
                    url: own_url.unwrap_or_else(|| self.default_url.clone()),
                    timeout,
                    attempts_max,
                })
            }
        }
    }
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
            attempts_max: 10,
            operator: tenant(1),
            card_service: None,
            point_of_sale: Some(Url::parse("http://pos.internal/webhook").unwrap()),
        }
    }

    #[test]
    fn a_tenant_without_settings_is_reached_where_the_instance_says() {
        let target = targets().target(Recipient::Tenant(tenant(2)), |_| None).unwrap();
        assert_eq!(target.url.as_str(), "https://operator.example/webhooks");
        assert!(!target.chosen_by_tenant);
        assert_eq!((target.timeout, target.attempts_max), (Duration::from_secs(2), 10));
    }

    #[test]
    fn a_tenant_s_own_settings_come_first_and_its_url_is_a_stranger_s() {
        let setting = |key| match key {
            SettingKey::WebhookUrl => Some("https://tenant.example/hooks"),
            SettingKey::WebhookTimeout => Some("500"),
            SettingKey::WebhookMaxRetry => Some("3"),
            _ => None,
        };
        let target = targets().target(Recipient::Tenant(tenant(2)), setting).unwrap();
        assert_eq!(target.url.as_str(), "https://tenant.example/hooks");
        assert!(target.chosen_by_tenant);
        assert_eq!((target.timeout, target.attempts_max), (Duration::from_millis(500), 3));
    }

    #[test]
    fn a_service_without_url_has_no_target() {
        assert_eq!(targets().target(Recipient::CardService, |_| None), None);
        assert!(targets().target(Recipient::PointOfSaleService, |_| None).is_some());
    }
}
