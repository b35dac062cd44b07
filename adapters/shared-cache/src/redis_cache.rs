//! The cache on a Redis server, version 7 or later.
//!
//! It uses one multiplexed connection that reconnects by itself. Every command has a time limit, so a lost server
//! causes an error and no packet hangs.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Client, ClientTlsConfig, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, Script, TlsCertificates, Value,
};
use url::Url;

use crate::CacheError;
use crate::wakers::Wakers;

/// The channel that announces published keys. The values stay under their keys.
const ANNOUNCEMENTS: &str = "rafiki:published";

/// Releases a lock only if it still belongs to the owner: another owner may have taken it after it expired.
const REMOVE_IF: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], KEYS[1])
return 1";

/// Replaces a value only if it is the expected one.
const REPLACE_IF: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
redis.call('PUBLISH', ARGV[2], KEYS[1])
return 1";

/// The address of the server, and its time limits.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// `redis://`, `rediss://` or `redis+unix://` address.
    pub url: Url,
    /// Certificates, if the machine's are not used. The server's certificate is always verified.
    pub tls: Option<RedisTls>,
    /// The limit for connecting and for each command.
    pub time_limit: Duration,
}

/// Certificates in PEM.
#[derive(Clone)]
pub struct RedisTls {
    /// The authority that signed the server's certificate; the machine's authorities if `None`.
    pub authority: Option<Vec<u8>>,
    /// Our own certificate and its key, if the server asks for them.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for RedisTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTls").finish_non_exhaustive()
    }
}

/// Values that every process with the same server sees. Clones share one connection.
#[derive(Clone)]
pub struct RedisCache {
    connection: ConnectionManager,
    wakers: Wakers,
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").finish_non_exhaustive()
    }
}

impl RedisCache {
    /// Connects and starts listening for announcements.
    pub async fn connect(settings: RedisSettings) -> Result<Self, CacheError> {
        let wakers = Wakers::default();
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(settings.time_limit))
            .set_response_timeout(Some(settings.time_limit))
            .set_number_of_retries(2)
            .set_max_delay(settings.time_limit)
            .set_automatic_resubscription()
            .set_push_sender(listener(wakers.clone()));
        let client = client(settings)?;
        let mut connection = ConnectionManager::new_with_config(client, config).await?;
        connection.subscribe(ANNOUNCEMENTS).await?;
        Ok(Self { connection, wakers })
    }

    pub(crate) fn wakers(&self) -> &Wakers {
        &self.wakers
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        let found: Option<Vec<u8>> = redis::cmd("GET").arg(key).query_async(&mut self.connection()).await?;
        Ok(found.map(Bytes::from))
    }

    pub(crate) async fn set(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(value.as_ref()).arg("PX").arg(millis(life));
        Ok(set.query_async(&mut self.connection()).await?)
    }

    pub(crate) async fn set_if_absent(&self, key: &str, value: Bytes, life: Duration) -> Result<bool, CacheError> {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(value.as_ref()).arg("NX").arg("PX").arg(millis(life));
        let answer: Option<String> = set.query_async(&mut self.connection()).await?;
        Ok(answer.is_some())
    }

    pub(crate) async fn remove_if(&self, key: &str, value: &[u8]) -> Result<bool, CacheError> {
        let script = Script::new(REMOVE_IF);
        let mut remove = script.key(key);
        remove.arg(value).arg(ANNOUNCEMENTS);
        let removed: i64 = remove.invoke_async(&mut self.connection()).await?;
        Ok(removed == 1)
    }

    pub(crate) async fn replace_if(
        &self,
        key: &str,
        expected: &[u8],
        value: Bytes,
        life: Duration,
    ) -> Result<bool, CacheError> {
        let script = Script::new(REPLACE_IF);
        let mut replace = script.key(key);
        replace.arg(expected).arg(ANNOUNCEMENTS).arg(value.as_ref()).arg(millis(life));
        let replaced: i64 = replace.invoke_async(&mut self.connection()).await?;
        Ok(replaced == 1)
    }

    pub(crate) async fn add(&self, key: &str, delta: i64, life: Duration) -> Result<i64, CacheError> {
        let mut add = redis::pipe();
        add.atomic().cmd("INCRBY").arg(key).arg(delta).cmd("PEXPIRE").arg(key).arg(millis(life)).ignore();
        match add.query_async::<(i64,)>(&mut self.connection()).await {
            Ok((total,)) => Ok(total),
            // The server refused, and the connection is fine: the value is not an integer or would overflow.
            Err(error) if error.code().is_some() && !error.is_io_error() => {
                tracing::debug!(key, %error, "counter refused");
                Err(CacheError::NotCountable { key: key.to_owned() })
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn publish(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        let mut publish = redis::pipe();
        publish.atomic().cmd("SET").arg(key).arg(value.as_ref()).arg("PX").arg(millis(life)).ignore();
        publish.cmd("PUBLISH").arg(ANNOUNCEMENTS).arg(key).ignore();
        Ok(publish.query_async(&mut self.connection()).await?)
    }

    fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }
}

fn client(mut settings: RedisSettings) -> Result<Client, CacheError> {
    // As in the reference, configured certificates mean that TLS is wanted.
    if settings.tls.is_some() && settings.url.scheme() == "redis" {
        settings.url = settings.url.as_str().replacen("redis", "rediss", 1).parse()?;
    }
    // The Redis client takes the process's provider. The first caller sets it; it is the same everywhere.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let info = settings.url.as_str().into_connection_info()?;
    // Announcements arrive on the same connection, which takes the third version of the protocol.
    let protocol = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let info = info.set_redis_settings(protocol);
    Ok(match settings.tls {
        None => Client::open(info)?,
        Some(tls) => Client::build_with_tls(
            info,
            TlsCertificates {
                client_tls: tls.client.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
                root_cert: tls.authority,
            },
        )?,
    })
}

/// Wakes the waiters of an announced key.
fn listener(wakers: Wakers) -> impl Fn(PushInfo) -> Result<(), std::convert::Infallible> + Send + Sync + 'static {
    move |push| {
        if push.kind == PushKind::Message
            && let Some(Value::BulkString(key)) = push.data.get(1)
            && let Ok(key) = std::str::from_utf8(key)
        {
            wakers.wake(key);
        }
        Ok(())
    }
}

/// Redis refuses a life of zero.
fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 52)
}

impl From<url::ParseError> for CacheError {
    fn from(error: url::ParseError) -> Self {
        Self::Unavailable { reason: error.to_string() }
    }
}

impl From<redis::RedisError> for CacheError {
    fn from(error: redis::RedisError) -> Self {
        Self::Unavailable { reason: error.to_string() }
    }
}
