//! Peers.
//! Changing them is in `mutations`.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use payments_model::Peer;

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

    async fn tenant(&self, context: &Context<'_>) -> Option<Result<TenantNode>> {
        nullable(async { owner(context, self.0.tenant_id).await }).await
    }
}
