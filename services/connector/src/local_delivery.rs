//! Packets that end here: the STREAM receiver decides, and the money is credited before the Fulfill leaves
//! (ilp sections 7.8 and 7.10).

use std::time::Duration;

use bytes::Bytes;
use ilp_packet::PrepareBuf;
use stream::{ConnectionId, Decision};

use crate::accounts::Source;
use crate::balance::End;
use crate::connector::Inner;
use crate::destination::LocalReceiver;
use crate::ports::Credit;
use crate::refusal::Refusal;

/// How long a connection's running total is kept after its last packet.
const RUNNING_TOTAL_LIFE: Duration = Duration::from_mins(10);

/// Delivers `packet`, its amount already converted from `source_amount`, to `receiver`.
pub(crate) async fn deliver(
    connector: &Inner,
    source: &Source,
    source_amount: u64,
    packet: &PrepareBuf,
    receiver: &LocalReceiver,
) -> Result<Bytes, Refusal> {
    let LocalReceiver { account, connection } = receiver;
    let entropy = &*connector.balance.entropy;
    let money = match connection.evaluate(&packet.as_prepare(), connector.clock.now(), entropy) {
        Decision::Reply(reply) => return Ok(reply.into()),
        Decision::Money(money) => money,
    };
    let Some(source_account) = source.account() else {
        tracing::error!("a quote sent a packet that could be fulfilled; declined");
        return Ok(money.decline_temporarily().into());
    };
    let room = match account.room.as_deref().map(|room| room.take(money.amount())) {
        // Others' money is on its way to complete the account; if it fails, the sender's next attempt finds room.
        Some(None) => return Ok(money.decline_temporarily().into()),
        Some(taken) => taken,
        None => None,
    };
    let from = End { account: source_account, asset: source.asset(), amount: source_amount };
    let to = End { account: account.id.into(), asset: &account.asset, amount: money.amount() };
    // One transfer at once: between hold and post nothing would happen that could still refuse.
    connector.balance.credit(source, from, to, packet.expires_at()).await?;
    if let Some(taken) = room {
        taken.keep();
    }
    let credit = Credit { tenant: account.tenant, account: account.id, amount: money.amount() };
    connector.local_accounts.credited(credit).await;
    connector.liquidity.moved(source, &account.asset);
    // Counted after the credit, so that a failed packet has nothing to take back.
    let total = match connection.details().receipts {
        Some(_) => running_total(connector, packet, money.amount()).await,
        None => None,
    };
    Ok(money.accept(total).into())
}

/// What the connection has received with this packet; without an answer the packet has no receipt.
async fn running_total(connector: &Inner, packet: &PrepareBuf, amount: u64) -> Option<u64> {
    let key = format!("stream_received:{}", ConnectionId::of(packet.destination()));
    let counted = match i64::try_from(amount) {
        Ok(amount) => connector.cache.add(&key, amount, RUNNING_TOTAL_LIFE).await,
        Err(_) => Err(shared_cache::CacheError::NotCountable { key }),
    };
    match counted {
        Ok(total) => u64::try_from(total).ok(),
        Err(error) => {
            tracing::warn!(%error, "packet accepted without receipt");
            None
        }
    }
}
