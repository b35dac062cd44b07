//! Peers.
//! Changing them is in `mutations`.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use clock::Timestamp;
use outbound_http::CertificateFacts;
use payments_model::Peer;
use payments_model::peer_health::PeerHealth;
use payments_model::peer_terms::Throughput;
use payments_model::peer_tls::PeerTls;
use payments_model::peer_token::{IncomingToken, TokenDigest};

use crate::api::Call;
use crate::errors::{Code, Refusal, nullable};
use crate::scalars::UInt64;
use crate::types::asset::AssetNode;
use crate::types::page::connection;
use crate::types::tenant::{TenantNode, owner};

#[derive(Clone)]
pub(crate) struct PeerNode(pub(crate) Peer);

impl From<Peer> for PeerNode {
    fn from(peer: Peer) -> Self {
        Self(peer)
    }
}

impl PeerNode {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

connection!(PeersConnection as "PeersConnection", PeerEdge as "PeerEdge", PeerNode of Peer);

#[derive(SimpleObject)]
pub(crate) struct Http {
    outgoing: HttpOutgoing,
}

#[derive(SimpleObject)]
pub(crate) struct HttpOutgoing {
    auth_token: String,
    endpoint: String,
}

#[derive(SimpleObject)]
#[graphql(name = "PeerToken")]
pub(crate) struct PeerTokenNode {
    id: ID,
    expires_at: Option<String>,
}

impl PeerTokenNode {
    fn new(digest: TokenDigest, expires_at: Option<Timestamp>) -> Self {
        Self { id: digest.short().into(), expires_at: expires_at.map(|at| at.to_string()) }
    }
}

#[derive(SimpleObject)]
#[graphql(name = "PeerTls")]
pub(crate) struct PeerTlsNode {
    certificate: Option<String>,
    subject: Option<String>,
    expires_at: Option<String>,
    authorities: Option<String>,
}

/// What the client certificate says about itself.
fn certificate_facts(tls: &PeerTls) -> Option<CertificateFacts> {
    tls.identity.as_ref().and_then(|own| CertificateFacts::of_pem(&own.certificate))
}

impl From<PeerTls> for PeerTlsNode {
    fn from(tls: PeerTls) -> Self {
        let facts = certificate_facts(&tls);
        Self {
            certificate: tls.identity.map(|own| own.certificate),
            expires_at: facts.as_ref().map(|facts| facts.expires_at.to_string()),
            subject: facts.map(|facts| facts.subject),
            authorities: tls.authorities,
        }
    }
}

#[derive(SimpleObject)]
pub(crate) struct PeerThroughput {
    amount: UInt64,
    seconds: u32,
}

impl From<Throughput> for PeerThroughput {
    fn from(Throughput { amount, seconds }: Throughput) -> Self {
        Self { amount: UInt64(amount), seconds }
    }
}

#[derive(Clone, Copy, Enum, PartialEq, Eq)]
#[graphql(name = "PeerState", remote = "payments_model::peer_health::PeerState")]
pub(crate) enum PeerStateName {
    Up,
    Down,
}

#[derive(SimpleObject)]
#[graphql(name = "PeerHealth")]
pub(crate) struct PeerHealthNode {
    state: PeerStateName,
    since: String,
    last_success_at: Option<String>,
    last_error_at: Option<String>,
    last_error: Option<String>,
    interruptions: UInt64,
    certificate_expires_at: Option<String>,
}

impl PeerHealthNode {
    fn new(health: PeerHealth, certificate: Option<&CertificateFacts>) -> Self {
        let PeerHealth { state, since, last_success, last_error, interruptions } = health;
        Self {
            state: state.into(),
            since: since.to_string(),
            last_success_at: last_success.map(|at| at.to_string()),
            last_error_at: last_error.as_ref().map(|error| error.at.to_string()),
            last_error: last_error.map(|error| error.reason),
            interruptions: UInt64(interruptions),
            certificate_expires_at: certificate.map(|facts| facts.expires_at.to_string()),
        }
    }
}

#[Object(name = "Peer")]
impl PeerNode {
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    async fn max_packet_amount(&self) -> Option<UInt64> {
        self.0.max_packet_amount.map(UInt64)
    }

    /// The tokens the peer presents to us are never shown.
    async fn http(&self) -> Http {
        let (auth_token, endpoint) = match &self.0.outgoing {
            Some(http) => (http.token.expose().to_owned(), http.endpoint.clone()),
            None => (String::new(), String::new()),
        };
        Http { outgoing: HttpOutgoing { auth_token, endpoint } }
    }

    async fn asset(&self) -> AssetNode {
        AssetNode(self.0.asset.clone())
    }

    async fn static_ilp_address(&self) -> &str {
        &self.0.static_ilp_address
    }

    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    async fn liquidity_threshold(&self) -> Option<UInt64> {
        self.0.liquidity_threshold.map(UInt64)
    }

    async fn liquidity(&self, context: &Context<'_>) -> Option<Result<UInt64>> {
        nullable(async {
            let balance = Call::of(context)?.balance(self.0.id).await?;
            let balance = balance.ok_or_else(|| Refusal::new("No liquidity account found", Code::Internal))?;
            Ok(Some(UInt64(balance)))
        })
        .await
    }

    pub(crate) async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }

    async fn routes(&self) -> &[String] {
        &self.0.routes
    }

    async fn incoming_tokens(&self, context: &Context<'_>) -> Result<Vec<PeerTokenNode>> {
        let call = Call::of(context)?;
        let tokens = call.administration().incoming_tokens(call.caller, self.0.id).await.map_err(Refusal::from)?;
        let shown = |token: &IncomingToken| PeerTokenNode::new(token.digest, token.expires_at);
        Ok(tokens.iter().map(shown).collect())
    }

    async fn outgoing_tokens(&self, context: &Context<'_>) -> Result<Vec<PeerTokenNode>> {
        let now = Call::of(context)?.parts.clock.now();
        let present = self.0.outgoing.iter().map(|http| (TokenDigest::of(http.token.expose()), None));
        let former = self.0.history.former_outgoing.iter().filter(|token| token.usable(now).is_some());
        let former = former.map(|token| (token.digest(), Some(token.expires_at())));
        Ok(present.chain(former).map(|(digest, end)| PeerTokenNode::new(digest, end)).collect())
    }

    async fn tls(&self, context: &Context<'_>) -> Option<Result<PeerTlsNode>> {
        nullable(async {
            let found = Call::of(context)?.reach().peer_tls(self.0.id).await.map_err(Refusal::from)?;
            Ok(found.map(PeerTlsNode::from))
        })
        .await
    }

    async fn packets_per_second(&self) -> Option<u32> {
        self.0.terms.packets_per_second
    }

    async fn packet_burst(&self) -> Option<u32> {
        self.0.terms.packet_burst
    }

    async fn incoming_throughput(&self) -> Option<PeerThroughput> {
        self.0.terms.incoming.map(PeerThroughput::from)
    }

    async fn outgoing_throughput(&self) -> Option<PeerThroughput> {
        self.0.terms.outgoing.map(PeerThroughput::from)
    }

    async fn weight(&self) -> u32 {
        self.0.terms.weight()
    }

    async fn health(&self, context: &Context<'_>) -> Option<Result<PeerHealthNode>> {
        nullable(async {
            let call = Call::of(context)?;
            let store = call.administration().store();
            let Some(health) = store.health_of(&self.0).await.map_err(Refusal::from)? else { return Ok(None) };
            // The directory has it in memory, so a list of peers makes no query more.
            let facts = call.parts.directory.facts().await.map_err(Refusal::from)?;
            let known = facts.tenant(self.0.tenant_id).and_then(|tenant| tenant.peer(self.0.id));
            let certificate = known.and_then(|known| known.tls.as_deref()).and_then(certificate_facts);
            Ok(Some(PeerHealthNode::new(health, certificate.as_ref())))
        })
        .await
    }

    async fn tenant(&self, context: &Context<'_>) -> Option<Result<TenantNode>> {
        nullable(async { owner(context, self.0.tenant_id).await }).await
    }
}
