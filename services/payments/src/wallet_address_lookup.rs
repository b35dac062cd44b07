//! Finds a wallet address by its URL, and waits a moment for one that does not exist yet.
//!
//! Any client may ask for any URL. So the events about unknown URLs are limited in rate: in all, and for each source. A
//! source that asks for very many URLs cannot use up the rate of the others.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Entropy, Timestamp};
use directory::Directory;
use payments_model::tenant::SettingKey;
use payments_model::wallet_address::{AdditionalProperty, WalletAddress, WalletAddressKey};
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{TenantId, WalletAddressId, WebhookEventId};
use payments_store::Store;
use serde_json::json;
use shared_cache::SharedCache;
use web_url::WalletAddressUrl;
use webhooks::{Audience, Webhooks};

use crate::unavailable::Unavailable;

/// For this time no second event is made for the same unknown URL.
const SAME_URL_PAUSE: Duration = Duration::from_secs(10);

/// The shortest pause between two queries for the same address.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(10);

/// How many events about unknown URLs an instance makes in a second.
const EVENTS_PER_SECOND: i64 = 20;

/// How many of them one source may cause in a period: so few that only many sources together can use up all.
const EVENTS_PER_SOURCE: i64 = 10;
const SOURCE_STRETCH: Duration = Duration::from_secs(10);

/// The sender of a request for a wallet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A client with a signed request, by its identity.
    Client(&'a str),
    /// Any client, by its IP address.
    Address(IpAddr),
    /// The address is unknown. All such clients are one source.
    Unknown,
}

impl Source<'_> {
    /// The name under which the source is counted. An IPv6 client has a whole /64 network (RFC 6177), so the network
    /// counts.
    fn name(self) -> String {
        match self {
            Self::Client(identity) => format!("client:{identity}"),
            Self::Address(IpAddr::V4(address)) => format!("ip:{address}"),
            Self::Address(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(address) => format!("ip:{address}"),
                None => format!("ip:{:x}", address.to_bits() >> 64),
            },
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

/// Finds wallet addresses. Clones share one service.
#[derive(Clone, Debug)]
pub struct WalletAddressLookup {
    /// The backend database, for events.
    pub store: Store,
    /// The wallet addresses.
    pub directory: Directory,
    /// Delivery of the events about unknown addresses.
    pub webhooks: Webhooks,
    /// Counts requests.
    pub cache: SharedCache,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids.
    pub entropy: Arc<dyn Entropy>,
    /// The tenant that gets the events.
    pub operator_tenant: TenantId,
    /// `WALLET_ADDRESS_LOOKUP_TIMEOUT_MS`: how long to wait for an unknown address.
    pub patience: Duration,
    /// `WALLET_ADDRESS_POLLING_FREQUENCY_MS`: how often to query again, in case a wake-up was lost.
    pub look_again: Duration,
}

impl WalletAddressLookup {
    /// The wallet address with this URL; `None` if its tenant was deleted.
    pub async fn find(&self, url: &WalletAddressUrl) -> Result<Option<WalletAddress>, Unavailable> {
        let known = self.directory.wallet_address_by_url(url).await?;
        Ok(known.map(|known| WalletAddress::clone(&known)))
    }

    /// The wallet address with this URL. If it is unknown, an event with the spelling `as_written` asks the
    /// account-servicing entity to create it, and this call waits for it a moment.
    pub async fn find_or_wait(
        &self,
        url: &WalletAddressUrl,
        as_written: &str,
        source: Source<'_>,
    ) -> Result<Option<WalletAddress>, Unavailable> {
        // Listening starts before the query, so an address created in between is not missed.
        let mut created = self.store.new_wallet_addresses();
        if let Some(address) = self.find(url).await? {
            return Ok(Some(address));
        }
        let patience = self.send_event(url, as_written, source).await?;
        let wait = async {
            loop {
                // The query is repeated after the timer too: a wake-up of another process may be lost, and other
                // programs send none.
                let _ = tokio::time::timeout(self.look_again.max(LOOK_AGAIN_MIN), created.notified()).await;
                if let Some(address) = self.find(url).await? {
                    return Ok(address);
                }
            }
        };
        tokio::time::timeout(patience, wait).await.map_or(Ok(None), |found| found.map(Some))
    }

    /// The properties of a wallet address that the public may see.
    pub async fn public_properties(&self, address: &WalletAddress) -> Result<Vec<AdditionalProperty>, Unavailable> {
        match self.directory.wallet_address(address.tenant_id, address.id).await? {
            Some(known) => Ok(known.public_properties().await?.to_vec()),
            None => Ok(Vec::new()),
        }
    }

    /// The keys of a wallet address that may be used.
    pub async fn keys(&self, address: &WalletAddress) -> Result<Vec<WalletAddressKey>, Unavailable> {
        match self.directory.wallet_address(address.tenant_id, address.id).await? {
            Some(known) => Ok(known.keys().await?.to_vec()),
            None => Ok(Vec::new()),
        }
    }

    /// The wallet address that owns a resource of `tenant`.
    pub async fn of_resource(
        &self,
        tenant: TenantId,
        id: WalletAddressId,
    ) -> Result<Option<WalletAddress>, Unavailable> {
        let known = self.directory.wallet_address(tenant, id).await?;
        Ok(known.map(|known| WalletAddress::clone(&known)))
    }

    /// Checks that database and cache answer.
    pub async fn ping(&self) -> Result<(), Unavailable> {
        self.store.tenant(self.operator_tenant).find_tenant(self.operator_tenant).await?;
        Ok(self.cache.get("health").await.map(drop)?)
    }

    /// Whether one more event may be made because of `source`, within its own limit and the limit of all.
    async fn may_send_event(&self, source: Source<'_>, now: Timestamp) -> Result<bool, Unavailable> {
        let stretch = now.as_secs() / SOURCE_STRETCH.as_secs().cast_signed();
        let own = format!("wallet_address_not_found_source:{}:{stretch}", source.name());
        if self.cache.add(&own, 1, SOURCE_STRETCH * 2).await? > EVENTS_PER_SOURCE {
            tracing::debug!(?source, "one source requests too many unknown wallet addresses; some are not reported");
            return Ok(false);
        }
        let second = format!("wallet_address_not_found_events:{}", now.as_secs());
        let all = self.cache.add(&second, 1, Duration::from_secs(2)).await?;
        if all > EVENTS_PER_SECOND {
            tracing::warn!("too many requests for unknown wallet addresses; some are not reported");
        }
        Ok(all <= EVENTS_PER_SECOND)
    }

    /// Sends the event about an unknown address to the tenants that could create it, unless it was sent a moment ago.
    /// Returns how long the caller should wait now.
    async fn send_event(
        &self,
        url: &WalletAddressUrl,
        as_written: &str,
        source: Source<'_>,
    ) -> Result<Duration, Unavailable> {
        let now = self.clock.now();

        let sent = format!("wallet_address_not_found:{url}");
        if !self.cache.set_if_absent(&sent, now.as_millis().to_string().into(), SAME_URL_PAUSE).await? {
            let since = self.cache.get(&sent).await?.and_then(|at| std::str::from_utf8(&at).ok()?.parse().ok());
            let elapsed = since.map_or(self.patience, |at| now.saturating_since(Timestamp::from_millis(at)));
            return Ok(self.patience.saturating_sub(elapsed));
        }

        if !self.may_send_event(source, now).await? {
            return Ok(Duration::ZERO);
        }

        let facts = self.directory.facts().await?;
        let bases: Vec<_> = facts
            .every_tenant()
            .filter_map(|known| Some((known.tenant.id, known.setting(SettingKey::WalletAddressUrl)?.to_owned())))
            .collect();
        let owners = owners_of(url, &bases);
        let recipients = if owners.is_empty() { vec![self.operator_tenant] } else { owners };

        let event = WebhookEvent {
            id: WebhookEventId::random(&*self.entropy),
            event_type: EventType::WalletAddressNotFound,
            tenant_id: self.operator_tenant,
            data: json!({"walletAddressUrl": as_written}),
            subject: Subject::Nothing,
            withdrawal: None,
            created_at: now,
        };

        let unit = self.store.begin().await?;
        self.webhooks.record(&unit, &event, &Audience::tenants(recipients)).await?;
        unit.commit().await?;
        Ok(self.patience)
    }
}

/// The tenants with the longest base that `url` lies below. Whole path segments are compared.
fn owners_of(url: &WalletAddressUrl, bases: &[(TenantId, String)]) -> Vec<TenantId> {
    let length = |base: &str| {
        let base: WalletAddressUrl = base.parse().ok()?;
        url.below(&base).map(|_| base.as_str().len())
    };
    let below: Vec<_> = bases.iter().filter_map(|(tenant, base)| Some((length(base)?, *tenant))).collect();
    let longest = below.iter().map(|(length, _)| *length).max();
    below.into_iter().filter(|(length, _)| Some(*length) == longest).map(|(_, tenant)| tenant).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn those_with_the_longest_base_of_whole_segments_own_a_url() {
        let tenant = |n| TenantId::from_uuid(Uuid::from_u128(n));
        let bases = [
            (tenant(1), "https://a.example/".to_owned()),
            (tenant(2), "https://a.example/T1".to_owned()),
            (tenant(3), "https://b.example/t1/".to_owned()),
            (tenant(4), "https://b.example/t1".to_owned()),
        ];
        let owners = |url: &str| owners_of(&url.parse().unwrap(), &bases);
        assert_eq!(owners("https://a.example/t1/alice"), [tenant(2)]);
        assert_eq!(owners("https://A.example:443/T1/alice"), [tenant(2)]);
        assert_eq!(owners("https://a.example/t10/alice"), [tenant(1)]);
        assert_eq!(owners("https://b.example/t1"), [tenant(3), tenant(4)]);
        assert_eq!(owners("https://a.example.evil/t1"), []);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_source() {
        let name = |address: &str| Source::Address(address.parse().unwrap()).name();
        assert_eq!(name("2001:db8:1:2::3"), name("2001:db8:1:2:ffff::4"));
        assert_ne!(name("2001:db8:1:2::3"), name("2001:db8:1:3::3"));
        assert_eq!(name("::ffff:192.0.2.1"), name("192.0.2.1"));
    }
}
