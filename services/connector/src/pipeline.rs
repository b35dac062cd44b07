//! The way of a packet: its layers, and why each stands where it does.
//!
//! Whatever can refuse without an effect comes before whatever has one. The order of refusals a sender can see is
//! the reference's (ilp section 6.2) except where a comment says why not.

use bytes::Bytes;
use clock::Timestamp;
use ilp_packet::{ErrorCode, PrepareBuf};

use crate::accounts::{PeerAccount, Source};
use crate::balance::End;
use crate::connector::Inner;
use crate::destination::Destination;
use crate::forward::Decision;
use crate::refusal::Refusal;
use crate::{conversion, destination, expiry, forward, limits, local_delivery, peer_protocol};

/// What a packet came with, before it was rewritten for the next account.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    amount: u64,
    expires_at: Timestamp,
}

impl Inner {
    /// Takes `packet` from `source` through all layers to its reply.
    pub(crate) async fn run(&self, source: &Source, mut packet: PrepareBuf) -> Result<Bytes, Refusal> {
        // First, because it protects every layer below from a peer that sends too much.
        let _under_way = limits::admit(source, &self.config, self.clock.now())?;

        // Before any account is looked for: `peer.` is talk between neighbours and must never be routed.
        let own_address = self.config.operator_address.as_ref();
        if let Some(answer) = peer_protocol::answer(source, &packet, own_address, self.clock.now()) {
            return answer;
        }

        let directory = self.directory.load_full();
        let tenant = directory.tenant(source.tenant()).ok_or_else(Refusal::unknown_destination)?;
        let destination = destination::find(&*self.local_accounts, tenant, source, &packet).await?;

        // In the source's units, so before the conversion.
        limits::check_amount(source, packet.amount())?;

        // Local receivers and peers alike see the amount in their own asset, so the conversion stands above both.
        let arrived = Arrived { amount: packet.amount(), expires_at: packet.expires_at() };
        let (from, to) = (source.asset(), destination.asset());
        let amount = conversion::convert(&self.rates, tenant.rates_url(), from, to, arrived.amount).await?;
        if amount == 0 && arrived.amount != 0 && source.account().is_some() {
            let message = "the amount is worth nothing at the next account.";
            return Err(Refusal::new(ErrorCode::R01InsufficientSourceAmount, message));
        }
        packet.set_amount(amount);

        match destination {
            Destination::Local(receiver) => {
                local_delivery::deliver(self, source, arrived.amount, &packet, &receiver).await
            }
            Destination::Peer(peer) => self.to_peer(source, arrived, packet, &peer).await,
        }
    }

    /// Holds the money, forwards the packet, and settles the hold by what the peer decides.
    async fn to_peer(
        &self,
        source: &Source,
        arrived: Arrived,
        mut packet: PrepareBuf,
        peer: &PeerAccount,
    ) -> Result<Bytes, Refusal> {
        // The reference looks at the expiry after holding the money; refusing first leaves nothing to undo.
        let now = self.clock.now();
        packet.set_expires_at(expiry::outgoing(arrived.expires_at, now, &self.config)?);

        // Packets without money and probes of own quotes hold nothing.
        let money = source.account().filter(|_| arrived.amount != 0);
        let hold = match money {
            None => None,
            Some(account) => {
                let from = End { account, asset: source.asset(), amount: arrived.amount };
                let to = End { account: peer.id().into(), asset: peer.asset(), amount: packet.amount() };
                // Longer than the packet can be under way, so that a Fulfill always finds its hold.
                let life =
                    packet.expires_at().saturating_since(now) + self.config.late_reply_grace + self.config.hold_margin;
                Some(self.balance.hold(source, from, to, life).await?)
            }
        };
        let unpaid_amount = if hold.is_none() { packet.amount() } else { 0 };

        // Below the hold: only what is held is forwarded, and any way out of here settles it.
        let grace = self.config.late_reply_grace;
        let decision = forward::forward(&*self.uplink, peer, packet, self.clock.now(), grace).await;
        match (decision, hold) {
            (Ok(Decision::Fulfilled(reply)), Some(hold)) => {
                self.balance.post(&hold, arrived.expires_at).await.map_err(|error| {
                    // The peer is owed money that nobody here paid: somebody has to look at it.
                    tracing::error!(%error, peer.id = %peer.id(), "ALERT fulfilled packet not posted; fulfillment withheld");
                    Refusal::internal()
                })?;
                self.liquidity.moved(source, peer.asset());
                Ok(reply)
            }
            (Ok(Decision::Fulfilled(_)), None) if unpaid_amount != 0 => {
                tracing::error!(peer.id = %peer.id(), "ALERT a quote's packet was fulfilled; fulfillment withheld");
                Err(Refusal::internal())
            }
            (Ok(Decision::Fulfilled(reply) | Decision::Rejected(reply)), None) => Ok(reply),
            (Ok(Decision::Rejected(reply)), Some(hold)) => {
                self.balance.void(hold).await;
                Ok(reply)
            }
            (Err(refusal), hold) => {
                if let Some(hold) = hold {
                    self.balance.void(hold).await;
                }
                Err(refusal)
            }
        }
    }
}
