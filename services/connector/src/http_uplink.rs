//! ILP over HTTP towards peers (RFC 35): one POST per packet, its reply in the answer.
//! When a packet is sent again is decided in `forward`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bounded::Bounded;
use bytes::Bytes;
use clock::Clock;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use outbound_http::{Outbound, OutboundError, PartyTls, Request, Response};
use payments_model::peer_tls::PeerTls;
use payments_model::{PeerId, TenantId};
use sealed_text::{OpenError, Place, Sealer};

use crate::accounts::{PeerAccount, PeerRecord};
use crate::outcome::Transmission;
use crate::ports::{PeerAnswer, Uplink, UplinkError};

/// Header of a sender that repeats packets, or of a receiver that recognises repeated packets.
pub const REPEATABLE: HeaderName = HeaderName::from_static("ilp-repeatable");

/// Header of a request whose packet may have been sent before.
pub const REPEATED: HeaderName = HeaderName::from_static("ilp-repeated");

const YES: HeaderValue = HeaderValue::from_static("1");

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The largest reply that is read. A STREAM reply needs half of it.
const REPLY_LIMIT: usize = 64 * 1024;

/// Posts packets to peers' endpoints over pooled connections.
#[derive(Clone, Debug)]
pub struct HttpUplink {
    client: Outbound,
    operator: TenantId,
    /// Opens the private keys.
    sealer: Sealer,
    clock: Arc<dyn Clock>,
    /// Clients for peers with certificates of their own.
    secured: Arc<Mutex<Bounded<PeerId, Secured>>>,
}

/// A client, and the certificates that it uses; or why they cannot be used, so that not every packet tries them.
#[derive(Clone, Debug)]
struct Secured {
    tls: Arc<PeerTls>,
    client: Result<Outbound, String>,
}

/// How many such clients are kept in any case. At most twice as many are kept.
const SECURED: usize = 256;

impl HttpUplink {
    /// Makes an uplink over `client`. Endpoints named by the tenant `operator` are trusted. Those of other tenants, and
    /// those that a peer named itself, pass the address guard. `sealer` opens the private keys used with peers.
    pub fn new(client: Outbound, operator: TenantId, sealer: Sealer, clock: Arc<dyn Clock>) -> Self {
        Self { client, operator, sealer, clock, secured: Arc::new(Mutex::new(Bounded::new(SECURED))) }
    }
}

#[async_trait]
impl Uplink for HttpUplink {
    async fn exchange(
        &self,
        peer: &PeerAccount,
        prepare: Bytes,
        attempt: Transmission,
        at_most: Duration,
    ) -> Result<PeerAnswer, UplinkError> {
        let record = peer.record();
        let mut request = Request::new(Method::POST, record.endpoint.clone())
            .header(CONTENT_TYPE, OCTETS)
            .header(ACCEPT, OCTETS)
            .header(REPEATABLE, YES)
            .body(prepare)
            .deadline(at_most)
            .limit(REPLY_LIMIT);

        if record.tenant == self.operator && record.history.administrator_named_its_endpoint() {
            request = request.configured();
        }

        if attempt == Transmission::Again {
            request = request.header(REPEATED, YES);
        }

        let answer = self.present_tokens(record, request).await?;
        match answer.status {
            status if status.is_success() => {
                Ok(PeerAnswer { octets: answer.body, repeatable: answer.headers.contains_key(REPEATABLE) })
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Err(UplinkError::Busy),
            // Only a node that recognises repetitions sends this header, so the answer is not a proxy's.
            StatusCode::GATEWAY_TIMEOUT if answer.headers.contains_key(REPEATABLE) => Err(UplinkError::Undecided),
            // A proxy answers so, too, if its server ended while it had the packet.
            status if status.is_server_error() => Err(UplinkError::Broken(format!("status {status}"))),
            status => Err(UplinkError::Refused(format!("status {status}"))),
        }
    }
}

impl HttpUplink {
    /// The client that uses these certificates. It is made again when they change.
    fn client_with(&self, peer: PeerId, tls: &Arc<PeerTls>) -> Result<Outbound, UplinkError> {
        let secured = || self.secured.lock().unwrap_or_else(PoisonError::into_inner);
        let known = secured().get(&peer).filter(|known| known.tls == *tls);
        let client = if let Some(known) = known {
            known.client
        } else {
            // It is made without the lock, so that packets to other peers do not wait.
            let client = self.secured_client(peer, tls);
            secured().put(peer, Secured { tls: tls.clone(), client: client.clone() });
            client
        };
        client.map_err(|why| {
            UplinkError::Unreachable(format!("the certificates set for this peer cannot be used: {why}"))
        })
    }

    fn secured_client(&self, peer: PeerId, tls: &PeerTls) -> Result<Outbound, String> {
        let open = |sealed: &str| self.sealer.open(sealed, Place::PrivateKey(peer.as_uuid()));
        let identity = tls.identity.as_ref().map(|own| Ok((&*own.certificate, open(&own.sealed_key)?)));
        let identity = identity.transpose().map_err(|error: OpenError| error.to_string())?;
        let party = PartyTls {
            identity: identity.as_ref().map(|(certificate, key)| (*certificate, key.as_str())),
            authorities: tls.authorities.as_deref(),
        };
        let tls = party.read().map_err(|error| error.to_string())?;
        self.client.with_tls(&tls).map_err(|error| error.to_string())
    }

    /// Sends `request` with the token of the peering. If the peer does not know the token, it has not read the packet.
    /// Then the request is sent again with the former tokens: after a new peering, one side learns of the new token a
    /// moment before the other.
    async fn present_tokens(&self, record: &PeerRecord, request: Request) -> Result<Response, UplinkError> {
        let secured;
        let client = match &record.tls {
            None => &self.client,
            Some(tls) => {
                secured = self.client_with(record.id, tls)?;
                &secured
            }
        };
        let send = |request: Request, token: &str| client.send(request.authorization(&format!("Bearer {token}")));
        if record.history.former_outgoing.is_empty() {
            return send(request, &record.outgoing_token).await.map_err(failure);
        }
        let mut answer = send(request.clone(), &record.outgoing_token).await.map_err(failure)?;
        for former in &record.history.former_outgoing {
            if answer.status != StatusCode::UNAUTHORIZED {
                break;
            }
            if let Some(token) = former.usable(self.clock.now()) {
                answer = send(request.clone(), token).await.map_err(failure)?;
            }
        }
        Ok(answer)
    }
}

fn failure(error: OutboundError) -> UplinkError {
    match error {
        OutboundError::Timeout { .. } => UplinkError::TimedOut,
        OutboundError::Connect { .. } | OutboundError::Url { .. } | OutboundError::AddressRefused { .. } => {
            UplinkError::Unreachable(error.to_string())
        }
        other => UplinkError::Broken(other.to_string()),
    }
}
