//! Sends requests over two connection pools: one for the operator's URLs, one behind the address guard.
//!
//! It does not retry. There are two pools, because a connection to a private host that was opened for the operator must
//! not be used for a stranger's URL.

use std::collections::HashSet;
use std::error::Error as _;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::{Bytes, BytesMut};
use clock::{Clock, Entropy, SystemEntropy};
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, LOCATION};
use url::{Host, Url};

use crate::address::is_public;
use crate::config::{OutboundConfig, Scheme, Strangers};
use crate::error::{BuildError, OutboundError};
use crate::party_tls::UsableTls;
use crate::request::{BeyondLimit, Destination, Request, Response};
use crate::resolver::{NoPublicAddress, PublicOnly};

/// The client. Cheap to clone; all clones share the connections.
#[derive(Clone, Debug)]
pub struct Outbound {
    connections: Connections,
    guard: Guard,
    config: Arc<OutboundConfig>,
    clock: Arc<dyn Clock>,
}

/// The connections, by whose certificates they use.
#[derive(Clone, Debug)]
enum Connections {
    OfTheMachine(Pools),
    /// They are replaced when the party's certificates are.
    OfTheParty(Arc<RwLock<Pools>>),
}

/// The connections to the operator's URLs, and those behind the guard.
#[derive(Clone, Debug)]
struct Pools {
    configured: reqwest::Client,
    guarded: reqwest::Client,
}

impl Connections {
    fn pool(&self, destination: Destination) -> reqwest::Client {
        match self {
            Self::OfTheMachine(pools) => pools.of(destination),
            Self::OfTheParty(pools) => pools.read().unwrap_or_else(PoisonError::into_inner).of(destination),
        }
    }
}

impl Pools {
    fn of(&self, destination: Destination) -> reqwest::Client {
        match destination {
            Destination::Configured => self.configured.clone(),
            Destination::Stranger => self.guarded.clone(),
        }
    }
}

#[derive(Clone, Debug)]
enum Guard {
    Off,
    On { except_hosts: Arc<HashSet<String>> },
}

impl Outbound {
    /// Makes a client with these settings; `clock` gives the time of signatures.
    pub fn new(config: OutboundConfig, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        // Fails only if a provider is installed already, and then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = match &config.strangers {
            Strangers::AnyAddress => Guard::Off,
            Strangers::PublicAddresses { except_hosts } => {
                let except_hosts = except_hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
                Guard::On { except_hosts: Arc::new(except_hosts) }
            }
        };
        let connections = Connections::OfTheMachine(pools(&config, &guard, |builder| builder)?);
        Ok(Self { connections, guard, config: Arc::new(config), clock })
    }

    /// The same client for calls to one party, with these certificates and connections of its own. It calls `https`
    /// URLs only, in development too.
    pub fn with_tls(&self, tls: &UsableTls) -> Result<Self, BuildError> {
        let config = OutboundConfig { scheme: Scheme::AsWritten, ..(*self.config).clone() };
        let pools = pools(&config, &self.guard, |builder| tls.applied(builder))?;
        let connections = Connections::OfTheParty(Arc::new(RwLock::new(pools)));
        Ok(Self { connections, config: Arc::new(config), ..self.clone() })
    }

    /// From now on this client and all of its clones use the connections of `other`. For new certificates of the same
    /// party: both clients are from [`Outbound::with_tls`], and otherwise nothing changes. Requests under way end as they
    /// began.
    pub fn take_connections_of(&self, other: &Self) {
        if let (Connections::OfTheParty(own), Connections::OfTheParty(other)) = (&self.connections, &other.connections)
        {
            let others = other.read().unwrap_or_else(PoisonError::into_inner).clone();
            *own.write().unwrap_or_else(PoisonError::into_inner) = others;
        }
    }

    /// Makes the call and reads the whole answer.
    pub async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        let deadline = request.deadline;
        let host = host_of(&request.url);
        match tokio::time::timeout(deadline, self.follow(request)).await {
            Ok(result) => result,
            Err(_) => Err(OutboundError::Timeout { host, deadline }),
        }
    }

    /// Whether calls to `url` are encrypted: in development `https` URLs are called over plain `http`.
    pub fn uses_tls(&self, url: &Url) -> bool {
        self.wire_url(url.clone()).scheme() == "https"
    }

    /// The URL that is called for `url`: in development `http` replaces `https`.
    pub(crate) fn wire_url(&self, mut url: Url) -> Url {
        if self.config.scheme == Scheme::PlainForDevelopment && url.scheme() == "https" {
            // Both schemes are special, so the change is always possible.
            let _ = url.set_scheme("http");
        }
        url
    }

    async fn follow(&self, mut request: Request) -> Result<Response, OutboundError> {
        let mut redirects = request.redirects;
        let replayable =
            request.method == Method::GET && request.signer.is_none() && !request.headers.contains_key(AUTHORIZATION);
        loop {
            let url = request.url.clone();
            let again = (replayable && redirects > 0).then(|| request.clone());
            let response = self.once(request).await?;
            let location = response.headers.get(LOCATION).and_then(|location| url.join(location.to_str().ok()?).ok());
            match (again, location) {
                (Some(again), Some(location)) if response.status.is_redirection() => {
                    redirects -= 1;
                    request = Request { url: location, ..again };
                }
                _ => return Ok(response),
            }
        }
    }

    async fn once(&self, mut request: Request) -> Result<Response, OutboundError> {
        let host = host_of(&request.url);
        self.check_url(&request)?;
        let mut url = self.wire_url(request.url);
        url.set_fragment(None);

        if let Some(signer) = &request.signer {
            // Without a nonce, two equal requests within a second would have equal signatures, and their receiver could
            // take the second for a replay.
            let nonce = SystemEntropy.uuid().simple().to_string();
            let (method, now) = (request.method.as_str(), self.clock.wall());
            signer.sign_once(method, url.as_str(), &mut request.headers, &request.body, now, &nonce)?;
        }

        let client = self.connections.pool(request.destination);
        // The client writes these headers itself. A second copy would be sent too.
        request.headers.remove(HOST);
        request.headers.remove(CONTENT_LENGTH);
        if let Some(host) = request.host {
            request.headers.insert(HOST, host);
        }

        let mut call = client.request(request.method, url).headers(request.headers);
        if !request.body.is_empty() {
            call = call.body(request.body);
        }

        let mut response = call.send().await.map_err(|error| failure(&host, &error))?;
        let body = match request.beyond_limit {
            BeyondLimit::Refuse => read(&mut response, request.limit, &host).await?,
            BeyondLimit::Leave => read_beginning(&mut response, request.limit).await,
        };
        let status = response.status();
        Ok(Response { status, headers: std::mem::take(response.headers_mut()), body })
    }

    fn check_url(&self, request: &Request) -> Result<(), OutboundError> {
        let url = &request.url;
        let refused = |reason| OutboundError::Url { url: without_query(url), reason };

        if !matches!(url.scheme(), "https" | "http") {
            return Err(refused("use https or http"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("remove the user name and password from the URL"));
        }
        if matches!(self.connections, Connections::OfTheParty(_)) && url.scheme() != "https" {
            return Err(refused("it must be https, because certificates are set for this party"));
        }

        let Guard::On { except_hosts } = &self.guard else { return Ok(()) };
        let host = host_of(url);
        if request.destination == Destination::Configured || except_hosts.contains(&host) {
            return Ok(());
        }
        if self.config.scheme == Scheme::AsWritten && url.scheme() != "https" {
            return Err(refused("it must be https"));
        }

        // A host that is an IP address never reaches the resolver, so it is checked here.
        let public = match url.host() {
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };

        if public { Ok(()) } else { Err(OutboundError::AddressRefused { host }) }
    }
}

fn pools(
    config: &OutboundConfig,
    guard: &Guard,
    with: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<Pools, BuildError> {
    let configured = build(config, &with)?;
    let guarded = match guard {
        Guard::Off => configured.clone(),
        Guard::On { except_hosts } => {
            let resolver = Arc::new(PublicOnly { except_hosts: except_hosts.clone() });
            build(config, |builder| with(builder).dns_resolver(resolver.clone()))?
        }
    };
    Ok(Pools { configured, guarded })
}

fn build(
    config: &OutboundConfig,
    with: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, BuildError> {
    let builder = || {
        with(reqwest::Client::builder())
            .user_agent(&config.user_agent)
            .connect_timeout(config.connect_timeout)
            .pool_idle_timeout(config.pool_idle_timeout)
            .pool_max_idle_per_host(config.pool_max_idle_per_host)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
    };
    builder().build().or_else(|error| {
        // A machine without certificate authorities can still use http. It gets an error when it tries https.
        tracing::warn!(%error, "no certificate authorities found; https calls will fail");
        Ok(builder().tls_certs_only([]).build()?)
    })
}

async fn read(response: &mut reqwest::Response, limit: usize, host: &str) -> Result<Bytes, OutboundError> {
    let too_large = || OutboundError::TooLarge { host: host.to_owned(), limit };
    let limit_u64 = u64::try_from(limit).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|length| length > limit_u64) {
        return Err(too_large());
    }
    let next = async |response: &mut reqwest::Response| response.chunk().await.map_err(|error| failure(host, &error));
    // Most answers arrive in one piece, which is then returned without copying.
    let Some(first) = next(response).await? else { return Ok(Bytes::new()) };
    if first.len() > limit {
        return Err(too_large());
    }
    let Some(second) = next(response).await? else { return Ok(first) };
    let mut whole = BytesMut::from(first.as_ref());
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if whole.len() + bytes.len() > limit {
            return Err(too_large());
        }
        whole.extend_from_slice(&bytes);
        piece = next(response).await?;
    }
    Ok(whole.freeze())
}

/// The first bytes of the answer. If the connection breaks, it is the part that arrived: the status was received
/// before.
async fn read_beginning(response: &mut reqwest::Response, limit: usize) -> Bytes {
    let mut beginning = BytesMut::new();
    while beginning.len() < limit {
        match response.chunk().await {
            Ok(Some(bytes)) => beginning.extend_from_slice(&bytes[..bytes.len().min(limit - beginning.len())]),
            Ok(None) | Err(_) => break,
        }
    }
    beginning.freeze()
}

fn failure(host: &str, error: &reqwest::Error) -> OutboundError {
    let host = host.to_owned();
    let mut reason = error.source();
    let mut innermost = String::new();
    while let Some(cause) = reason {
        if cause.downcast_ref::<NoPublicAddress>().is_some() {
            return OutboundError::AddressRefused { host };
        }
        innermost = cause.to_string();
        reason = cause.source();
    }
    if error.is_connect() {
        OutboundError::Connect { host, reason: innermost }
    } else {
        OutboundError::Broken { host, reason: innermost }
    }
}

/// The host for the guard and for messages, without the brackets of IPv6 addresses.
fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned()
}

fn without_query(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}
