//! The layers that a packet passes, and why they have this order.
//!
//! Checks without effects come before everything that has an effect. The order of refusals that a sender can see is the
//! reference's, except where a comment says why not. The rate limit comes before this pipeline.

use std::sync::Arc;

use bytes::Bytes;
use clock::{Clock, Timestamp};
use ilp_packet::{ErrorCode, PrepareBuf};
use payments_model::accounting::TransferError;
use rates::Rates;
use telemetry::{PACKETS, PacketTimer, Probes, Stage};
use tokio::sync::Notify;
use tracing::{Instrument, Span, field, trace_span};

use crate::accounts::{AccountAsset, PeerAccount, Source};
use crate::arrived::Arrived;
use crate::balance::{Balance, BalanceError, Hold, HoldTimeout, TransferSide};
use crate::config::ConnectorConfig;
use crate::destination::Destination;
use crate::directory::{Directory, Tenant};
use crate::forward::{Decision, Forwarder, no_reply, unreachable_peer};
use crate::liquidity::LiquidityWatch;
use crate::local_delivery::LocalDelivery;
use crate::outcome::{Stop, Transmission};
use crate::ports::{LocalAccounts, Uplink};
use crate::refusal::Refusal;
use crate::routing::Way;
use crate::stages::{NextAccount, OptionalStage};
use crate::{conversion, destination, expiry, limits, peer_protocol};

/// The maximum number of peers that are passed over for one packet.
const OTHERS_MAX: usize = 3;

/// The dependencies of the layers.
pub(crate) struct Pipeline {
    pub(crate) config: ConnectorConfig,
    pub(crate) balance: Arc<Balance>,
    pub(crate) liquidity: Arc<LiquidityWatch>,
    pub(crate) local_accounts: Arc<dyn LocalAccounts>,
    pub(crate) local_delivery: LocalDelivery,
    pub(crate) uplink: Arc<dyn Uplink>,
    pub(crate) rates: Rates,
    pub(crate) clock: Arc<dyn Clock>,
    /// See [`Forwarder::changes`].
    pub(crate) changes: Notify,
    /// Takes the times of stages, if collectors get them.
    pub(crate) probes: Probes,
}

/// The word for a destination in traces, and the reference's word for what such a packet is.
fn kind(source: &Source, destination: Destination) -> (&'static str, &'static str) {
    match (source, destination) {
        (Source::Payment(_), Destination::Peer) => ("peer", "outgoing_payment"),
        (Source::Peer(_), Destination::Local) => ("local", "incoming_payment"),
        (Source::Peer(_), Destination::Peer) => ("peer", "routing"),
        (_, Destination::Local) => ("local", "unknown"),
        (Source::Quote(_), Destination::Peer) => ("peer", "unknown"),
    }
}

/// Notes where the packet goes, which ends the span `agreement`. The limit of its amount is in the source's asset, so it comes before the conversion.
fn agreed(
    source: &Source,
    arrived: Arrived,
    destination: Destination,
    timer: &mut PacketTimer,
    agreement: Option<Span>,
) -> Result<(), Refusal> {
    limits::check_amount(source, arrived.amount)?;
    let (word, operation) = kind(source, destination);
    if let Some(agreement) = agreement {
        agreement.record("destination", word);
    }
    timer.is(operation);
    Ok(())
}

/// Why no peer got the packet: the `first` peer's reason if one was passed over, and otherwise `last`.
///
/// Another process may have the first copy of a peer's packet, so the reason is no refusal of that copy. An own payment
/// is sent by one process at a time, and its hold has the packet's id. So nothing was sent, and the payment may count
/// the packet as refused. Otherwise the payment would wait for ever for a peer that does not answer.
fn not_sent(source: &Source, first: Option<Refusal>, last: Refusal) -> Stop {
    match (first, source) {
        (Some(first), Source::Peer(_)) => Stop::Limited(first),
        (Some(first), Source::Payment(_) | Source::Quote(_)) => Stop::Refused(first),
        (None, _) => Stop::Refused(last),
    }
}

impl Pipeline {
    /// Handles a packet from `source` that the ledger does not know.
    pub(crate) async fn run(
        &self,
        directory: &Directory,
        source: &Source,
        arrived: Arrived,
        packet: &mut PrepareBuf,
        attempt: Transmission,
        timer: &mut PacketTimer,
    ) -> Result<Bytes, Stop> {
        // Before the lookup of accounts: `peer.` addresses must never be routed.
        let own_address = self.config.operator_address.as_ref();
        if let Some(answer) = peer_protocol::answer(&self.config.stages, source, packet, own_address, self.clock.now())
        {
            return Ok(answer?);
        }

        let tenant = directory.tenant(source.tenant()).ok_or_else(Refusal::unknown_destination)?;
        let agreement = trace_span!(target: PACKETS, "ilp.agreement", destination = field::Empty);
        let found = destination::at_home(&*self.local_accounts, tenant, packet, &self.probes);
        let Some(receiver) = found.instrument(agreement.clone()).await? else {
            return self.to_one_of_the_peers(tenant, source, arrived, packet, timer, agreement).await;
        };

        agreed(source, arrived, Destination::Local, timer, Some(agreement))?;
        let next = NextAccount::Local(receiver.account.id);
        self.config.stages.pass(source, arrived, packet.destination(), next).await?;
        // The previous node does not pay for it any more, so the receiver is not asked.
        if arrived.expires_at < self.clock.now() {
            return Err(Refusal::expired().into());
        }
        packet.set_amount(self.converted(tenant, source, arrived, &receiver.account.asset).await?);
        self.local_delivery.deliver(source, arrived, packet, attempt, &receiver).await
    }

    /// Sends the packet to the next peer. If that one cannot take it now, and nothing was sent, another peer of the same
    /// prefix gets it.
    async fn to_one_of_the_peers(
        &self,
        tenant: &Tenant,
        source: &Source,
        arrived: Arrived,
        packet: &mut PrepareBuf,
        timer: &mut PacketTimer,
        agreement: Span,
    ) -> Result<Bytes, Stop> {
        let mut agreement = Some(agreement);
        let mut passed_over = Vec::new();
        // If every peer is passed over, the reason of the first one counts.
        let mut first = None;

        loop {
            let from = source.peer().map(|peer| peer.id());
            let way = Way { from, ledger: source.asset().ledger.ledger, passed_over: &passed_over };
            let peer = tenant.next_hop(packet.destination(), way, |peer| self.can_take(peer));
            let Some(peer) = peer.filter(|_| passed_over.len() <= OTHERS_MAX) else {
                return Err(not_sent(source, first, Refusal::unknown_destination()));
            };
            agreed(source, arrived, Destination::Peer, timer, agreement.take())?;

            let next = NextAccount::Peer(peer.id());
            if let Err(refusal) = self.config.stages.pass(source, arrived, packet.destination(), next).await {
                return Err(not_sent(source, first, refusal));
            }
            match self.converted(tenant, source, arrived, peer.asset()).await {
                Ok(amount) => packet.set_amount(amount),
                Err(refusal) => return Err(not_sent(source, first, refusal)),
            }
            match self.to_peer(source, arrived, packet, peer).await {
                Err(Stop::PassedOver(peer, refusal)) => {
                    passed_over.push(peer);
                    first.get_or_insert(refusal);
                }
                answered => return answered,
            }
        }
    }

    /// The packet's amount in the asset of the next account. Local receivers and peers both need it.
    async fn converted(
        &self,
        tenant: &Tenant,
        source: &Source,
        arrived: Arrived,
        to: &AccountAsset,
    ) -> Result<u64, Refusal> {
        let fx = trace_span!(target: PACKETS, "ilp.fx", amount = field::Empty);
        let converted = conversion::convert(&self.rates, tenant.rates_url(), source.asset(), to, arrived.amount);
        let amount = converted.instrument(fx.clone()).await?;
        fx.record("amount", amount);
        if amount == 0 && arrived.amount != 0 && source.account().is_some() {
            let message = "the amount is worth nothing at the next account.";
            return Err(Refusal::new(ErrorCode::R01InsufficientSourceAmount, message));
        }
        Ok(amount)
    }

    /// Whether a peer seems able to take a packet now. This only decides between several peers.
    pub(crate) fn can_take(&self, peer: &PeerAccount) -> bool {
        peer.state.can_take(self.clock.now(), self.config.packets_waiting)
    }

    /// Forwards the packet while its money is held.
    async fn to_peer(
        &self,
        source: &Source,
        arrived: Arrived,
        packet: &mut PrepareBuf,
        peer: &PeerAccount,
    ) -> Result<Bytes, Stop> {
        // The reference checks the expiry after the hold. Refusing first leaves nothing to undo.
        let now = self.clock.now();
        packet.set_expires_at(expiry::outgoing(arrived.expires_at, now, &self.config)?);

        // The next peer is known here, and nothing is held yet.
        let has_throughput = self.config.stages.has(OptionalStage::Throughput);
        if has_throughput {
            limits::check_amount_to(peer, arrived.amount, packet.amount())?;
        }
        if self.config.stages.has(OptionalStage::Breaker) && !peer.state.breaker.lets_through(now) {
            return Err(Stop::PassedOver(peer.id(), unreachable_peer()));
        }
        let _waiting = limits::wait_for(peer, &self.config)?;

        // Packets without money and probes of own quotes hold nothing, so every result is a reply.
        let Some(identity) = arrived.identity else {
            return self.without_money(peer, packet).await;
        };

        let counted = if has_throughput { limits::send_on(peer, packet.amount(), &*self.clock)? } else { None };

        // Before the hold: if the peer cannot be reached, only a question was lost.
        let forwarder = self.forwarder();
        forwarder.get_to_know(peer).await.map_err(|error| Stop::PassedOver(peer.id(), no_reply(&error)))?;

        let from = TransferSide { account: identity.source(), asset: source.asset(), amount: arrived.amount };
        let to = TransferSide { account: peer.id().into(), asset: peer.asset(), amount: packet.amount() };
        let timeout = self.hold_timeout(source, packet, now);
        let held = self.balance.hold(identity.first_transfer_id(), from, to, timeout);
        let held = held.instrument(trace_span!(target: PACKETS, "ilp.account", entry = "held")).await;
        let hold = held.inspect_err(|error| {
            if matches!(error, BalanceError::Refused(TransferError::InsufficientLiquidity)) {
                peer.state.is_short(now);
            }
        })?;

        // After the hold: only held money is forwarded. Every path from here settles the hold or keeps it.
        let forwarded = async {
            let under_hold = self.probes.stage(Stage::UnderHold);
            let decision = forwarder.forward(peer, packet, Transmission::First).await;
            drop(under_hold);
            self.settle(source, peer, &hold, decision, arrived.expires_at).await
        };
        let answered = forwarded.instrument(trace_span!(target: PACKETS, "ilp.misc", step = "forward")).await;
        limits::count_moved(counted, &answered);
        answered
    }

    async fn without_money(&self, peer: &PeerAccount, packet: &PrepareBuf) -> Result<Bytes, Stop> {
        let forwarder = self.forwarder();
        let forwarded = forwarder.forward_once(peer, packet);
        match forwarded.instrument(trace_span!(target: PACKETS, "ilp.misc", step = "forward")).await? {
            Decision::Fulfilled(_) if packet.amount() != 0 => {
                tracing::error!(peer.id = %peer.id(), "ALERT a quote's packet was fulfilled; fulfillment withheld");
                Err(Refusal::internal().into())
            }
            Decision::Fulfilled(reply) | Decision::Rejected(reply) => Ok(reply),
        }
    }

    /// Settles a hold by the peer's decision, and returns the reply to relay.
    pub(crate) async fn settle(
        &self,
        source: &Source,
        peer: &PeerAccount,
        hold: &Hold,
        decision: Result<Decision, Stop>,
        until: Timestamp,
    ) -> Result<Bytes, Stop> {
        match decision {
            Ok(Decision::Fulfilled(reply)) => {
                if let Err(error) = self.balance.post(hold, until).await {
                    // The peer must be paid, and the sender has not paid for it yet. The fulfillment is kept back until
                    // a repetition posts the hold, or a new hold if this one has timed out.
                    tracing::error!(%error, peer.id = %peer.id(), "ALERT fulfilled packet not posted");
                    return Err(Stop::Unresolved);
                }

                self.liquidity.moved(source, peer.asset());
                Ok(reply)
            }
            Ok(Decision::Rejected(reply)) => self.give_back(source, hold).await.map(|()| reply),
            Err(Stop::Refused(refusal)) => {
                self.give_back(source, hold).await?;
                Err(refusal.into())
            }
            // The outcome is unknown, so the money stays held.
            Err(stop) => Err(stop),
        }
    }

    pub(crate) async fn give_back(&self, source: &Source, hold: &Hold) -> Result<(), Stop> {
        match (self.balance.void(hold).await, source) {
            (Ok(()), _) => Ok(()),
            // The hold of an own payment has no time-out. The payment releases it when it is resumed.
            (Err(error), Source::Payment(_)) => {
                tracing::warn!(%error, "hold not voided yet");
                Err(Stop::Unresolved)
            }
            (Err(error), Source::Peer(_) | Source::Quote(_)) => {
                tracing::warn!(%error, "a hold was not voided; it will time out");
                Ok(())
            }
        }
    }

    /// Longer than the packet can be under way, so that a Fulfill always finds its hold.
    pub(crate) fn hold_timeout(&self, source: &Source, packet: &PrepareBuf, now: Timestamp) -> HoldTimeout {
        match source {
            Source::Payment(_) => HoldTimeout::Never,
            Source::Peer(_) | Source::Quote(_) => {
                let longest = packet.expires_at().saturating_since(now) + self.config.late_reply_grace;
                HoldTimeout::After(longest + self.config.hold_margin)
            }
        }
    }

    pub(crate) fn forwarder(&self) -> Forwarder<'_> {
        Forwarder {
            uplink: &*self.uplink,
            clock: &*self.clock,
            grace: self.config.late_reply_grace,
            changes: &self.changes,
        }
    }
}
