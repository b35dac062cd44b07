//! Packets that were seen before. The ledger's record of them comes before every limit and every route.
//!
//! A repetition gets the same answer as the first packet. It is never refused while the first may have been paid,
//! because the sender takes a Reject as proof that nothing was paid.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ilp_packet::PrepareBuf;
use ledger::AccountId;

use crate::accounts::{PeerAccount, Source};
use crate::arrived::Arrived;
use crate::balance::{Hold, TransferSide};
use crate::directory::Directory;
use crate::forward::{Decision, QUESTION_TIMEOUT};
use crate::outcome::{Stop, Transmission};
use crate::peer_state::Repeats;
use crate::pipeline::Pipeline;
use crate::recorded::{Recorded, Standing};
use crate::refusal::Refusal;
use crate::{destination, expiry};

impl Pipeline {
    /// Answers a packet that the ledger knows.
    pub(crate) async fn repeat(
        &self,
        directory: &Directory,
        source: &Source,
        arrived: Arrived,
        packet: &mut PrepareBuf,
        recorded: Recorded,
    ) -> Result<Bytes, Stop> {
        match recorded.standing() {
            Standing::Credited => self.credited_before(directory, source, packet, &recorded).await,
            Standing::Held | Standing::Posted | Standing::Lapsed => {
                self.held_before(directory, source, arrived, packet, recorded).await
            }
            Standing::GivenBack => Err(Refusal::internal().into()),
        }
    }

    async fn credited_before(
        &self,
        directory: &Directory,
        source: &Source,
        packet: &mut PrepareBuf,
        recorded: &Recorded,
    ) -> Result<Bytes, Stop> {
        let tenant = directory.tenant(source.tenant()).ok_or(Stop::Unresolved)?;
        let found = destination::local(&*self.local_accounts, tenant, packet.destination()).await;
        let Some(receiver) = found.map_err(|_| Stop::Unresolved)? else {
            tracing::error!("the account that a packet credited does not exist now");
            return Err(Stop::Paid);
        };
        // The amount as it was converted then, although the rate may have changed.
        let amount = u64::try_from(recorded.given_to(receiver.account.id.into())).unwrap_or(0);
        if amount == 0 {
            tracing::error!("the ledger credited a packet to an account that the packet does not name");
            return Err(Stop::Paid);
        }
        packet.set_amount(amount);
        self.local_delivery.deliver_again(packet, &receiver).await
    }

    async fn held_before(
        &self,
        directory: &Directory,
        source: &Source,
        arrived: Arrived,
        packet: &mut PrepareBuf,
        recorded: Recorded,
    ) -> Result<Bytes, Stop> {
        let standing = recorded.standing();
        let posted = standing == Standing::Posted;

        let Some((peer, amount)) = next_peer(directory, &recorded) else {
            // The peer is unknown here, so it cannot be asked. Another process may already know it.
            return self.stop_waiting(source, recorded, self.config.orphaned_hold).await;
        };

        let forwarder = self.forwarder();
        forwarder.find_out(&peer, QUESTION_TIMEOUT).await;
        match peer.state.repeats() {
            Repeats::Never => return self.settle_unasked(source, &peer, arrived, recorded).await,
            // The peer may have said so to an earlier process, and only be unreachable now.
            Repeats::Unknown => return self.stop_waiting(source, recorded, self.config.unanswered_hold).await,
            Repeats::Always => {}
        }

        // Too late to be sent again, but the outcome is still unknown. A later attempt with a new expiry finds out.
        let expires_at = expiry::outgoing(arrived.expires_at, self.clock.now(), &self.config);
        packet.set_expires_at(expires_at.map_err(|_| Stop::Unresolved)?);
        packet.set_amount(amount);

        let hold = match standing {
            Standing::Lapsed => self.hold_again(source, arrived, packet, &peer, recorded.generation + 1).await?,
            _ => Hold::recorded(recorded.clone()),
        };

        match forwarder.forward(&peer, packet, Transmission::Again).await {
            Ok(Decision::Rejected(_)) | Err(Stop::Refused(_)) if posted => {
                tracing::error!(peer.id = %peer.id(), "ALERT a peer refuses a packet that it fulfilled before");
                Err(Stop::Paid)
            }
            Err(Stop::Unresolved) => self.stop_waiting(source, recorded, self.config.unanswered_hold).await,
            decision => self.settle(source, &peer, &hold, decision, arrived.expires_at).await,
        }
    }

    /// Settles a packet held for a peer that does not recognise repetitions. It may have been paid, and sending it
    /// again could pay it twice. The missing reply counts as a refusal.
    async fn settle_unasked(
        &self,
        source: &Source,
        peer: &PeerAccount,
        arrived: Arrived,
        recorded: Recorded,
    ) -> Result<Bytes, Stop> {
        match recorded.standing() {
            Standing::Posted => Err(Stop::Paid),
            Standing::Lapsed => Err(Refusal::expired().into()),
            _ => {
                let silence = Err(Refusal::expired().into());
                self.settle(source, peer, &Hold::recorded(recorded), silence, arrived.expires_at).await
            }
        }
    }

    /// Stops waiting for a peer's answer about a packet of an own payment after `patience`.
    ///
    /// A payment must end even if a peer never answers again. The packet has expired by then, so the peer has no claim
    /// to the held money: a peer that sends its Fulfill too late bears the loss. Holds of peers' packets time out by
    /// themselves.
    async fn stop_waiting(&self, source: &Source, recorded: Recorded, patience: Duration) -> Result<Bytes, Stop> {
        let now = self.clock.now();
        let waited = recorded.since().map_or(Duration::ZERO, |since| now.saturating_since(since));
        if !matches!(source, Source::Payment(_)) || waited < patience {
            return Err(Stop::Unresolved);
        }
        match recorded.standing() {
            Standing::Held => {
                tracing::error!(?waited, "ALERT a peer never answered a packet of a payment; its money is released");
                self.give_back(source, &Hold::recorded(recorded)).await?;
                Err(Refusal::expired().into())
            }
            Standing::Posted => Err(Stop::Paid),
            Standing::Credited | Standing::GivenBack | Standing::Lapsed => Err(Stop::Unresolved),
        }
    }

    /// Holds the money of a packet again after its hold timed out. If there is not enough money, the outcome stays
    /// unknown.
    async fn hold_again(
        &self,
        source: &Source,
        arrived: Arrived,
        packet: &PrepareBuf,
        peer: &PeerAccount,
        generation: u64,
    ) -> Result<Hold, Stop> {
        let identity = arrived.identity.ok_or(Stop::Unresolved)?;
        let id = identity.transfer_id(generation);
        let from = TransferSide { account: identity.source(), asset: source.asset(), amount: arrived.amount };
        let to = TransferSide { account: peer.id().into(), asset: peer.asset(), amount: packet.amount() };
        let timeout = self.hold_timeout(source, packet, self.clock.now());
        self.balance.hold(id, from, to, timeout).await.map_err(|error| {
            tracing::warn!(%error, peer.id = %peer.id(), "the money of a repeated packet was not held again");
            Stop::Unresolved
        })
    }
}

/// The peer for which a recorded packet was held, and the peer's amount.
fn next_peer(directory: &Directory, recorded: &Recorded) -> Option<(Arc<PeerAccount>, u64)> {
    let account = recorded.receivers().find(|account| peer_of(directory, *account).is_some())?;
    let amount = u64::try_from(recorded.given_to(account)).ok()?;
    Some((peer_of(directory, account)?.clone(), amount))
}

/// An account id as the peer it may belong to.
fn peer_of(directory: &Directory, account: AccountId) -> Option<&Arc<PeerAccount>> {
    directory.peer(account.as_uuid().into())
}
