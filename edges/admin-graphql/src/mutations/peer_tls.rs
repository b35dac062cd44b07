//! The certificates used with peers.
//! How they are checked and stored is in `payments`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use payments::administration::{NewPeerIdentity, NewPeerTls};
use payments_model::Secret;
use serde::Serialize;

use super::peers::peer_id;
use crate::api::Call;
use crate::errors::{Code, Refusal};
use crate::idempotency::Once;
use crate::texts::{Name, Prose};
use crate::types::peer::PeerNode;

/// Certificates or a key in PEM.
type Pem = Prose<16_384>;

#[derive(InputObject, Serialize)]
pub(crate) struct SetPeerTlsInput {
    peer_id: ID,
    certificate: Option<Pem>,
    private_key: Option<Pem>,
    authorities: Option<Pem>,
    keep_certificate: Option<bool>,
    idempotency_key: Option<Name>,
}

#[derive(SimpleObject)]
pub(crate) struct SetPeerTlsMutationResponse {
    peer: Option<PeerNode>,
}

#[derive(Default)]
pub(crate) struct PeerTlsMutation;

#[Object]
impl PeerTlsMutation {
    /// Replaces the certificates that are used with a peer.
    async fn set_peer_tls(&self, context: &Context<'_>, input: SetPeerTlsInput) -> Result<SetPeerTlsMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let peer = peer_id(&input.peer_id)?;
            Ok(call.administration().set_peer_tls(call.caller, peer, input.read()?).await?)
        };
        let key = input.idempotency_key.as_deref();
        let peer = match call.once("setPeerTls", key, &input, act, |peer| peer.id).await? {
            Once::Now(peer) => Some(peer),
            Once::Before(id) => call.reach().peer(id).await.map_err(Refusal::from)?,
        };
        Ok(SetPeerTlsMutationResponse { peer: peer.map(PeerNode) })
    }
}

impl SetPeerTlsInput {
    fn read(&self) -> Result<Option<NewPeerTls>, Refusal> {
        let kept = self.keep_certificate == Some(true);
        let identity = match (self.certificate.clone(), self.private_key.clone()) {
            (None, None) if kept => NewPeerIdentity::Kept,
            (None, None) => NewPeerIdentity::Nothing,
            (Some(_), _) | (_, Some(_)) if kept => {
                let told = "keepCertificate keeps the present certificate; leave it out, or certificate and privateKey";
                return Err(Refusal::new(told, Code::BadUserInput));
            }
            (Some(certificate), Some(key)) => NewPeerIdentity::Shown(certificate.into_string(), Secret::new(key)),
            _ => return Err(Refusal::new("give certificate and privateKey together, or neither", Code::BadUserInput)),
        };
        let authorities = self.authorities.clone().map(Prose::into_string);
        let nothing = matches!(identity, NewPeerIdentity::Nothing) && authorities.is_none();
        Ok((!nothing).then_some(NewPeerTls { identity, authorities }))
    }
}
