//! Packets that were here before: what the ledger says of them comes before every limit and every route.
//!
//! A repetition is answered as the first was or would have been. It is never refused while the first may have been
//! paid, for whoever repeats takes a Reject as proof that nothing was.

use std::sync::Arc;

use bytes::Bytes;
use ilp_packet::{ErrorCode, PrepareBuf};

use crate::accounts::{PeerAccount, Source};
use crate::balance::{End, Hold};
use crate::connector::Inner;
use crate::directory::Directory;
use crate::forward::Decision;
use crate::outcome::{Attempt, Stop};
use crate::packet_transfer::packet_transfer_id;
use crate::peer_state::Repeats;
use crate::pipeline::{Arrived, peer_of};
use crate::recorded::{Recorded, Standing};
use crate::refusal::Refusal;
use crate::{destination, expiry, local_delivery};

impl Inner {
    /// Answers a packet that the ledger knows.
    pub(crate) async fn repeat(
        &self,
        directory: &Directory,
        source: &Source,
        arrived: Arrived,
        packet: &mut PrepareBuf,
        recorded: Recorded,
    ) -> Result<Bytes, Stop> {
        let taken = source.account().map(|account| recorded.taken_from(account));
        if taken != Some(u128::from(arrived.amount)) {
            return Err(another_packet());
        }
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
        let Ok(Some(receiver)) = found else {
            tracing::error!("the account of a credited packet is not found now");
            return Err(Stop::Unresolved);
        };
        // As it was converted then, whatever the rate is now.
        let amount = u64::try_from(recorded.given_to(receiver.account.id.into())).unwrap_or(0);
        if amount == 0 {
            return Err(another_packet());
        }
        packet.set_amount(amount);
        local_delivery::deliver_again(self, packet, &receiver).await
    }

    async fn held_before(
        &self,
        directory: &Directory,
        source: &Source,
        arrived: Arrived,
        packet: &mut PrepareBuf,
        recorded: Recorded,
    ) -> Result<Bytes, Stop> {
        let Some((peer, amount)) = next_peer(directory, &recorded) else {
            tracing::error!("the peer of a held packet is not in the directory now");
            return Err(Stop::Unresolved);
        };
        let standing = recorded.standing();
        let posted = standing == Standing::Posted;
        let forwarder = self.forwarder();
        if let Err(error) = forwarder.get_to_know(&peer).await {
            tracing::warn!(peer.id = %peer.id(), %error, "peer of a held packet does not answer");
            return Err(Stop::Unresolved);
        }
        let never = peer.state.repeats() == Repeats::Never;
        if posted && never {
            return Err(Stop::Paid);
        }
        // Too late to be sent again, but not proof of anything: a later attempt with a fresh expiry finds out.
        let expires_at = expiry::outgoing(arrived.expires_at, self.clock.now(), &self.config);
        packet.set_expires_at(expires_at.map_err(|_| Stop::Unresolved)?);
        packet.set_amount(amount);

        let hold = match standing {
            Standing::Lapsed if never => return Err(Refusal::expired().into()),
            Standing::Lapsed => self.hold_again(source, arrived, packet, &peer, recorded.generation + 1).await?,
            _ => Hold::recorded(recorded),
        };
        if never {
            // It may have been paid or not; asking again could pay it twice. Its silence counted as a refusal.
            let silence = Err(Refusal::expired().into());
            return self.settle(source, &peer, &hold, silence, arrived.expires_at).await;
        }
        match forwarder.forward(&peer, packet, Attempt::Again).await {
            Ok(Decision::Rejected(_)) | Err(Stop::Refused(_)) if posted => {
                tracing::error!(peer.id = %peer.id(), "ALERT peer refuses a packet it fulfilled before");
                Err(Stop::Paid)
            }
            decision => self.settle(source, &peer, &hold, decision, arrived.expires_at).await,
        }
    }
}

impl Inner {
    /// Holds the money of a packet anew whose hold ran out; short of money, its outcome stays unknown.
    async fn hold_again(
        &self,
        source: &Source,
        arrived: Arrived,
        packet: &PrepareBuf,
        peer: &PeerAccount,
        generation: u64,
    ) -> Result<Hold, Stop> {
        let account = source.account().ok_or(Stop::Unresolved)?;
        let id = packet_transfer_id(account, &packet.execution_condition(), generation);
        let from = End { account, asset: source.asset(), amount: arrived.amount };
        let to = End { account: peer.id().into(), asset: peer.asset(), amount: packet.amount() };
        let life = self.life(source, packet, self.clock.now());
        self.balance.hold(id, from, to, life).await.map_err(|error| {
            tracing::warn!(%error, peer.id = %peer.id(), "money of a repeated packet not held again");
            Stop::Unresolved
        })
    }
}

/// The peer a recorded packet was held for, and the amount it was to get.
fn next_peer(directory: &Directory, recorded: &Recorded) -> Option<(Arc<PeerAccount>, u64)> {
    let account = recorded.receivers().find(|account| peer_of(directory, *account).is_some())?;
    let amount = u64::try_from(recorded.given_to(account)).ok()?;
    Some((peer_of(directory, account)?.clone(), amount))
}

fn another_packet() -> Stop {
    Refusal::new(ErrorCode::F00BadRequest, "another packet with this condition was here before.").into()
}
