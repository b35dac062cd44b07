//! Everything that a run needs, and how its requests are sent.
//! What is sent is in `cases.json`; the cases are run in `run`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Entropy};
use http::{HeaderMap, HeaderValue, Method};
use http_signatures::Signer;
use outbound_http::{Outbound, Request, Response, Scheme};
use url::Url;

use crate::case::Area;
use crate::sending::Ready;

const PATIENCE: Duration = Duration::from_secs(15);
const ANSWER_MAX: usize = 1024 * 1024;
/// Where browsers are sent back to. Nobody has to be there.
const FINISH: &str = "https://app.example/done";

/// A client whose key the target can find.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its wallet address, which publishes its key.
    pub identity: String,
    /// Signs with that key.
    pub signer: Arc<Signer>,
}

/// How to send packets to the target.
#[derive(Clone, Debug)]
pub struct PeerAccess {
    /// Its connector.
    pub connector: Url,
    /// A token that it accepts.
    pub token: String,
}

/// How to consent for the owner of the target.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Where the identity provider answers interactions.
    pub interactions: Url,
    /// Its secret.
    pub secret: String,
}

/// Everything that a run needs.
#[derive(Clone, Debug)]
pub struct Kit {
    /// The wallet address at the target that is looked at and paid.
    pub target: Url,
    /// The client.
    pub client: Option<Client>,
    /// The access of a peer.
    pub peer: Option<PeerAccess>,
    /// The consent of the owner.
    pub owner: Option<Owner>,
    /// How `https` URLs are called.
    pub scheme: Scheme,
    /// Origins that are reached at another place: the origin, and the place.
    pub reached_at: Vec<(Url, Url)>,
    /// The areas to look at; all if there are none.
    pub areas: Vec<Area>,
    /// Sends the requests.
    pub http: Outbound,
    /// Tells the time for signatures and packets.
    pub clock: Arc<dyn Clock>,
    /// Makes nonces and conditions.
    pub entropy: Arc<dyn Entropy>,
}

impl Kit {
    /// What the cases know at the beginning.
    pub(crate) fn known(&self) -> BTreeMap<String, String> {
        let target = self.target.as_str().trim_end_matches('/').to_owned();
        let mut known = BTreeMap::from([
            ("nobody".to_owned(), format!("{target}-conformance-{}", self.entropy.uuid().simple())),
            ("target".to_owned(), target),
            ("unknown_id".to_owned(), self.entropy.uuid().to_string()),
            ("finish_uri".to_owned(), FINISH.to_owned()),
            ("finish_nonce".to_owned(), self.entropy.uuid().simple().to_string()),
        ]);
        if let Some(client) = &self.client {
            known.insert("client".to_owned(), client.identity.clone());
        }
        if let Some(peer) = &self.peer {
            known.insert("connector".to_owned(), peer.connector.to_string());
            known.insert("peer_token".to_owned(), peer.token.clone());
        }
        known
    }

    /// The URL that is called for `url`.
    pub(crate) fn wire(&self, mut url: Url) -> Url {
        if self.scheme == Scheme::PlainForDevelopment && url.scheme() == "https" {
            // Both schemes are special, so the change is always possible.
            let _ = url.set_scheme("http");
        }
        url
    }

    /// Calls a URL with these headers and without a body.
    pub(crate) async fn call(&self, method: Method, url: &Url, headers: HeaderMap) -> Result<Response, String> {
        let (method, url) = (method.to_string(), self.wire(url.clone()));
        self.send(&Ready { method, url, headers, body: Bytes::new() }).await
    }

    /// Sends a request of a case.
    pub(crate) async fn send(&self, ready: &Ready) -> Result<Response, String> {
        let method = Method::from_bytes(ready.method.as_bytes()).map_err(|error| error.to_string())?;
        let mut url = ready.url.clone();
        let mut host = None;
        for (origin, place) in &self.reached_at {
            if self.wire(origin.clone()).origin() == url.origin() {
                host = HeaderValue::from_str(&authority(&url)).ok();
                let path = url[url::Position::BeforePath..].to_owned();
                url = place.join(&path).map_err(|error| error.to_string())?;
            }
        }
        let mut request =
            Request::new(method, url).configured().body(ready.body.clone()).deadline(PATIENCE).limit(ANSWER_MAX);
        request.headers = ready.headers.clone();
        request.host = host;
        self.http.send(request).await.map_err(|error| error.to_string())
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
