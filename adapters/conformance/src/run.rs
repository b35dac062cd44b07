//! Runs the cases one after the other against a server. What an answer tells is known to the cases after it.
//!
//! One run makes an incoming payment and a few grants at the server, and revokes the grants. It pays a hundred
//! smallest units if it has the token of a peer, and nothing otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Entropy};
use http::{HeaderMap, HeaderValue, Method};
use http_signatures::Signer;
use outbound_http::{Outbound, Request, Response, Scheme};
use serde_json::Value;
use stream::SharedSecret;
use url::Url;

use crate::case::{Area, Case, CasesError, Need, cases};
use crate::expectation::{Answer, differences};
use crate::packets::{Destination, Made};
use crate::report::{Outcome, Report, Verdict};
use crate::sending::Ready;

const PATIENCE: Duration = Duration::from_secs(15);
/// How much of an answer is shown.
const SHOWN: usize = 300;
const ANSWER_MAX: usize = 1024 * 1024;

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

/// Everything that a run needs.
#[derive(Clone, Debug)]
pub struct Kit {
    /// The wallet address at the target that is looked at and paid.
    pub target: Url,
    /// The client.
    pub client: Option<Client>,
    /// The access of a peer.
    pub peer: Option<PeerAccess>,
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
    /// Runs every case.
    pub async fn run(&self) -> Result<Report, CasesError> {
        let mut run = Run { kit: self, known: self.known() };
        let mut report = Report::default();
        for case in cases()? {
            let verdict = run.case(&case).await;
            // Cases of other areas are run, because later ones use their answers, but not shown.
            if self.areas.is_empty() || self.areas.contains(&case.area) {
                report.outcomes.push(Outcome { case, verdict });
            }
        }
        Ok(report)
    }

    fn known(&self) -> BTreeMap<String, String> {
        let target = self.target.as_str().trim_end_matches('/').to_owned();
        let mut known = BTreeMap::from([
            ("nobody".to_owned(), format!("{target}-conformance-{}", self.entropy.uuid().simple())),
            ("target".to_owned(), target),
            ("unknown_id".to_owned(), self.entropy.uuid().to_string()),
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
    fn wire(&self, mut url: Url) -> Url {
        if self.scheme == Scheme::PlainForDevelopment && url.scheme() == "https" {
            // Both schemes are special, so the change is always possible.
            let _ = url.set_scheme("http");
        }
        url
    }

    async fn send(&self, ready: &Ready) -> Result<Response, String> {
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

/// A run, with what it knows so far.
struct Run<'a> {
    kit: &'a Kit,
    known: BTreeMap<String, String>,
}

impl Run<'_> {
    async fn case(&mut self, case: &Case) -> Verdict {
        let (ready, made) = match self.prepare(case) {
            Ok(prepared) => prepared,
            Err(reason) => return Verdict::Skipped(reason),
        };
        let response = match self.kit.send(&ready).await {
            Ok(response) => response,
            Err(reason) => return Verdict::Unanswered(reason),
        };

        let answer = Answer { status: response.status, headers: &response.headers, body: &response.body };
        let mut found =
            differences(&case.expect, &answer, |text| self.filled(text).unwrap_or_else(|_| text.to_owned()));
        if let (Some(wanted), Some(made)) = (&case.expect.packet, &made) {
            found.extend(wanted.difference(&response.body, made));
        }
        if !found.is_empty() {
            let text: String = String::from_utf8_lossy(&response.body).chars().take(SHOWN).collect();
            let answer = format!("{} {}", response.status.as_u16(), text.replace(char::is_control, " "));
            return Verdict::Differs { differences: found, reproducer: ready.reproducer(), answer };
        }
        self.keep(case, &response.body);
        Verdict::Passed
    }

    /// The request of a case, and its packet; or why the case cannot be run.
    fn prepare(&self, case: &Case) -> Result<(Ready, Option<Made>), String> {
        let kit = self.kit;
        let client = match (case.needs, &kit.client, &kit.peer) {
            (Some(Need::Client), None, _) => return Err("it needs a client with a key".to_owned()),
            (Some(Need::Peer), _, None) => return Err("it needs the connector and the token of a peer".to_owned()),
            (_, client, _) => client.as_ref(),
        };
        let send = &case.send;
        let url = self.filled(&send.url)?;
        let url = Url::parse(&url).map_err(|error| format!("{url}: {error}"))?;
        let body = match &send.body {
            Some(Value::String(text)) => Bytes::from(self.filled(text)?),
            Some(value) => Bytes::from(self.filled(&value.to_string())?),
            None => Bytes::new(),
        };

        let mut ready = Ready { method: send.method.clone(), url: kit.wire(url), headers: HeaderMap::new(), body };
        for (name, value) in &send.headers {
            ready.header(name, &self.filled(value)?);
        }
        if let Some(token) = &send.token {
            ready.header("authorization", &self.filled(token)?);
        }
        let made = match send.packet {
            Some(packet) => {
                let to = if packet.needs_destination() { Some(self.destination()?) } else { None };
                let made = packet.make(to.as_ref(), kit.clock.wall(), &*kit.entropy);
                Some(made.ok_or("the packet cannot be made")?)
            }
            None => None,
        };
        if let Some(made) = &made {
            ready.body = Bytes::from(made.octets.clone());
        }
        if let Some(client) = client {
            ready.sign(send.sign, &client.signer, kit.clock.wall(), &*kit.entropy);
        }
        Ok((ready, made))
    }

    fn destination(&self) -> Result<Destination, String> {
        let address = self.filled("{ilp_address}")?.parse().map_err(|_| "the ILP address is none".to_owned())?;
        let secret = SharedSecret::from_base64(&self.filled("{shared_secret}")?);
        Ok(Destination { address, secret: secret.map_err(|_| "the shared secret is none".to_owned())? })
    }

    /// `text` with its names replaced. JSON has braces of its own, so only known forms of names count.
    fn filled(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            let name = rest[1..].split('}').next().unwrap_or_default();
            let is_name = rest[1..].contains('}')
                && !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            if is_name {
                let value = self
                    .known
                    .get(name)
                    .ok_or_else(|| format!("{name} is not known, because an earlier case failed"))?;
                filled.push_str(value);
                rest = &rest[name.len() + 2..];
            } else {
                filled.push('{');
                rest = &rest[1..];
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn keep(&mut self, case: &Case, body: &[u8]) {
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return };
        for (name, pointer) in &case.keep {
            if let Some(value) = body.pointer(pointer) {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self.known.insert(name.clone(), text);
            }
        }
    }
}
