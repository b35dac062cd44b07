//! Packets that end here: the STREAM receiver decides, and the money is credited before the Fulfill leaves.

use std::time::Duration;

use bytes::Bytes;
use clock::Entropy;
use ilp_packet::PrepareBuf;
use stream::{ConnectionId, Decision};

use crate::accounts::Source;
use crate::balance::End;
use crate::connector::Inner;
use crate::destination::LocalReceiver;
use crate::outcome::Stop;
use crate::pipeline::Arrived;
use crate::ports::Credit;

/// How long a connection's running total is kept after its last packet.
const RUNNING_TOTAL_LIFE: Duration = Duration::from_mins(10);

/// Delivers `packet`, its amount already converted from what `arrived`, to `receiver`.
pub(crate) async fn deliver(
    connector: &Inner,
    source: &Source,
    arrived: Arrived,
    packet: &PrepareBuf,
    receiver: &LocalReceiver,
) -> Result<Bytes, Stop> {
    let LocalReceiver { account, connection } = receiver;
    let money = match connection.evaluate(&packet.as_prepare(), connector.clock.now(), entropy(connector)) {
        Decision::Reply(reply) => return Ok(reply.into()),
        Decision::Money(money) => money,
    };
    let Some(identity) = arrived.identity else {
        tracing::error!("a quote sent a packet that could be fulfilled; declined");
        return Ok(money.decline_temporarily().into());
    };
    let room = match account.room.as_deref().map(|room| room.take(money.amount())) {
        Some(None) => {
            // Perhaps it is this very packet that took the room, and only its reply was lost.
            let known = connector.recorded(arrived).await?;
            return if known.is_some() { Err(Stop::Repeated) } else { Ok(money.decline_temporarily().into()) };
        }
        Some(taken) => taken,
        None => None,
    };
    let from = End { account: identity.source(), asset: source.asset(), amount: arrived.amount };
    let to = End { account: account.id.into(), asset: &account.asset, amount: money.amount() };
    // One transfer at once: between hold and post nothing would happen that could still refuse.
    connector.balance.credit(identity.transfer_id(0), from, to, packet.expires_at()).await?;
    if let Some(taken) = room {
        taken.keep();
    }
    connector.liquidity.moved(source, &account.asset);
    tell(connector, receiver, money.amount()).await;
    // Counted after the credit, so that a failed packet has nothing to take back.
    let total = running_total(connector, packet, receiver, money.amount()).await;
    Ok(money.accept(total).into())
}

/// Answers a packet whose money, `packet`'s amount, was credited before. Expiry and state matter no more.
pub(crate) async fn deliver_again(
    connector: &Inner,
    packet: &PrepareBuf,
    receiver: &LocalReceiver,
) -> Result<Bytes, Stop> {
    let prepare = packet.as_prepare();
    match receiver.connection.evaluate(&prepare, prepare.expires_at, entropy(connector)) {
        Decision::Reply(reply) => Ok(reply.into()),
        Decision::Money(money) => {
            // The process may have died before telling the first time.
            tell(connector, receiver, money.amount()).await;
            let total = running_total(connector, packet, receiver, 0).await;
            Ok(money.accept(total).into())
        }
    }
}

fn entropy(connector: &Inner) -> &dyn Entropy {
    &*connector.entropy
}

async fn tell(connector: &Inner, receiver: &LocalReceiver, amount: u64) {
    let account = &receiver.account;
    let credit = Credit { tenant: account.tenant, account: account.id, amount };
    connector.local_accounts.credited(credit).await;
}

/// What the connection has received with `amount` more, if its sender wants receipts.
///
/// Without an answer of the cache the packet has no receipt.
async fn running_total(connector: &Inner, packet: &PrepareBuf, receiver: &LocalReceiver, amount: u64) -> Option<u64> {
    receiver.connection.details().receipts.as_ref()?;
    let key = format!("stream_received:{}", ConnectionId::of(packet.destination()));
    let amount = i64::try_from(amount).ok()?;
    match connector.cache.add(&key, amount, RUNNING_TOTAL_LIFE).await {
        Ok(total) => u64::try_from(total).ok(),
        Err(error) => {
            tracing::warn!(%error, "packet accepted without receipt");
            None
        }
    }
}
