//! Packets that end here. The STREAM receiver decides, and the money is credited before the Fulfill is sent.
//!
//! The ledger decides how much an account still takes, in the chain that credits it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Entropy};
use ilp_packet::PrepareBuf;
use ledger::TransferId;
use payments_model::expectation::Arrival;
use shared_cache::SharedCache;
use stream::{ConnectionId, Decision, Money, ReceiveLimit, STREAM_ID};
use telemetry::{PACKETS, Probes, Stage};
use tracing::{Instrument, trace_span};

use crate::accounts::{Bound, LocalAccount, Source};
use crate::arrived::Arrived;
use crate::balance::{Balance, BalanceError, Taking, TransferSide};
use crate::destination::LocalReceiver;
use crate::liquidity::LiquidityWatch;
use crate::outcome::{Stop, Transmission};
use crate::ports::{Credit, LocalAccounts, SenderData, Verdict};
use crate::refusal::Refusal;

/// How long the total of a connection is kept after its last packet.
const RUNNING_TOTAL_KEPT: Duration = Duration::from_mins(10);
/// The amount that a repetition adds to the total, because the first packet added its amount.
const COUNTED_BEFORE: u64 = 0;

/// Why an account was not credited.
enum NotCredited {
    /// The expectation has `left`, and the packet brings more.
    TooMuch { left: u64 },
    /// Another reason.
    Stopped(Stop),
}

/// The dependencies of a delivery.
pub(crate) struct LocalDelivery {
    pub(crate) balance: Arc<Balance>,
    pub(crate) liquidity: Arc<LiquidityWatch>,
    pub(crate) local_accounts: Arc<dyn LocalAccounts>,
    pub(crate) cache: SharedCache,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Takes the time of the receiver's decision, if collectors get it.
    pub(crate) probes: Probes,
}

impl LocalDelivery {
    /// Delivers `packet` to `receiver`. Its amount is already converted.
    pub(crate) async fn deliver(
        &self,
        source: &Source,
        arrived: Arrived,
        packet: &PrepareBuf,
        attempt: Transmission,
        receiver: &LocalReceiver,
    ) -> Result<Bytes, Stop> {
        let LocalReceiver { account, connection } = receiver;

        let deciding = self.probes.stage(Stage::UnderHold);
        let decision = connection.evaluate(&packet.as_prepare(), self.clock.now(), &*self.entropy);
        drop(deciding);
        let money = match decision {
            Decision::Reply(reply) => return Ok(reply.into()),
            Decision::Money(money) => money,
        };

        let Some(identity) = arrived.identity else {
            tracing::error!("a quote's packet could have been fulfilled; it was declined");
            return Ok(money.decline_temporarily().into());
        };
        match self.judge(packet, account, &money).await {
            Verdict::Take => {}
            // The first copy may still wait in another process and be accepted there, so the outcome stays open. The
            // repetition moved nothing here, and `Stop::Unresolved` would count its amount.
            Verdict::Later if attempt == Transmission::Again => return Err(Stop::Limited(Refusal::internal())),
            Verdict::Later => return Ok(money.decline_temporarily().into()),
            Verdict::Decline { reason } => return Ok(money.decline_finally(reason.as_bytes()).into()),
        }

        let from = TransferSide { account: identity.source(), asset: source.asset(), amount: arrived.amount };
        let credited = self.credit(identity.first_transfer_id(), from, packet, receiver, &money);
        match credited.instrument(trace_span!(target: PACKETS, "ilp.account", entry = "credited")).await {
            Ok(()) => {}
            Err(NotCredited::Stopped(stop)) => return Err(stop),
            Err(NotCredited::TooMuch { left }) => return self.decline(arrived, receiver, money, left).await,
        }

        self.liquidity.moved(source, &account.asset);
        let report = async {
            let received = self.report_credit(packet, receiver, money.amount()).await;
            // Counted after the credit, so a failed packet needs no correction.
            (received, self.running_total(packet, receiver, money.amount()).await)
        };
        let (received, total) = report.instrument(trace_span!(target: PACKETS, "ilp.misc", step = "receive")).await;

        Ok(announcing(money, account.bound, received).accept(total).into())
    }

    /// Lets the receiver decide about money that carries data.
    async fn judge(&self, packet: &PrepareBuf, account: &LocalAccount, money: &Money) -> Verdict {
        let Some(data) = data_from_sender(money) else { return Verdict::Take };
        let (connection, until) = (ConnectionId::of(packet.destination()), packet.expires_at());
        let offer = SenderData { tenant: account.tenant, account: account.id, connection, data, until };
        let verdict = self.local_accounts.judge(offer).await;
        // The previous node does not pay for a packet that expired while it waited.
        if verdict == Verdict::Take && until <= self.clock.now() { Verdict::Later } else { verdict }
    }

    /// Answers a packet whose money, `packet`'s amount, was credited before. Its expiry and the receiver's state are
    /// ignored.
    pub(crate) async fn deliver_again(&self, packet: &PrepareBuf, receiver: &LocalReceiver) -> Result<Bytes, Stop> {
        let prepare = packet.as_prepare();
        match receiver.connection.evaluate(&prepare, prepare.expires_at, &*self.entropy) {
            Decision::Reply(reply) => Ok(reply.into()),
            Decision::Money(money) => {
                // The process may have ended before the first report.
                let received = self.report_credit(packet, receiver, money.amount()).await;
                let total = self.running_total(packet, receiver, COUNTED_BEFORE).await;
                Ok(announcing(money, receiver.account.bound, received).accept(total).into())
            }
        }
    }

    /// Credits the account with one transfer that is final at once. A hold would be useless here, because nothing could
    /// refuse after it.
    ///
    /// The ledger's refusal shows what the expectation has left, so a packet needs no query before.
    async fn credit(
        &self,
        id: TransferId,
        from: TransferSide<'_>,
        packet: &PrepareBuf,
        receiver: &LocalReceiver,
        money: &Money,
    ) -> Result<(), NotCredited> {
        let account = &receiver.account;
        let to = TransferSide { account: account.id.into(), asset: &account.asset, amount: money.amount() };
        let until = packet.expires_at();

        let Some(bound) = account.bound else {
            return Ok(self.balance.credit(id, from, to, None, until).await?);
        };

        let converted = from.asset.asset != to.asset.asset;
        let arrival = Arrival {
            amount: money.amount(),
            minimum: money.minimum(),
            source_unit: if converted { to.amount.div_ceil(from.amount.max(1)) } else { 0 },
        };

        let (mut left, mut attempt) = (bound.left, 0);
        // What is left only decreases, so this loop ends.
        while let Some(amount) = arrival.takes(bound.expected, left) {
            let taking = Taking { expectation: bound.expectation, amount, attempt };
            match self.balance.credit(id, from, to, Some(taking), until).await {
                Err(BalanceError::NotExpected) => left = self.balance.left(bound.expectation).await?,
                credited => return Ok(credited?),
            }
            attempt += 1;
        }

        Err(NotCredited::TooMuch { left })
    }

    /// Answers a packet that brings more than the `left` of its account's expectation. If nothing is left, the Reject
    /// is final. Otherwise it is temporary and states how much is left.
    async fn decline(
        &self,
        arrived: Arrived,
        receiver: &LocalReceiver,
        money: Money,
        left: u64,
    ) -> Result<Bytes, Stop> {
        // This packet may have taken what was left itself, and only its reply was lost.
        if self.balance.recorded(arrived).await?.is_some() {
            return Err(Stop::Repeated);
        }
        if left == 0 {
            return Err(Refusal::takes_no_money().into());
        }
        let bound = receiver.account.bound;
        let received = bound.and_then(|bound| bound.expected).map(|expected| expected.saturating_sub(left));
        Ok(announcing(money, bound, received).decline_temporarily().into())
    }

    /// Reports the credit to the receiver. The result is the amount that the receiver has got in all, if it is known.
    async fn report_credit(&self, packet: &PrepareBuf, receiver: &LocalReceiver, amount: u64) -> Option<u64> {
        let account = &receiver.account;
        let credit = Credit { tenant: account.tenant, account: account.id, amount, until: packet.expires_at() };
        self.local_accounts.credited(credit).await
    }

    /// The total that the connection has received including `amount`, if its sender wants receipts.
    ///
    /// If the cache does not answer, the packet has no receipt.
    async fn running_total(&self, packet: &PrepareBuf, receiver: &LocalReceiver, amount: u64) -> Option<u64> {
        receiver.connection.details().receipts.as_ref()?;
        let key = format!("stream_received:{}", ConnectionId::of(packet.destination()));
        let amount = i64::try_from(amount).ok()?;
        match self.cache.add(&key, amount, RUNNING_TOTAL_KEPT).await {
            Ok(total) => u64::try_from(total).ok(),
            Err(error) => {
                tracing::warn!(%error, "packet accepted without receipt");
                None
            }
        }
    }
}

/// Adds to the reply the most that the account accepts, and what it has received.
fn announcing(money: Money, bound: Option<Bound>, received: Option<u64>) -> Money {
    let expected = bound.and_then(|bound| bound.expected);
    match expected.zip(received) {
        // The last packet may bring a little more.
        Some((expected, total_received)) => {
            money.announcing(ReceiveLimit { maximum: expected.max(total_received), total_received })
        }
        None => money,
    }
}

/// The data of the stream that every payment uses, or else the first data in the packet.
fn data_from_sender(money: &Money) -> Option<&[u8]> {
    let frames = money.stream_data();
    let own = frames.iter().find(|(stream, _)| *stream == STREAM_ID);
    own.or(frames.first()).map(|(_, data)| &**data).filter(|data| !data.is_empty())
}

impl From<BalanceError> for NotCredited {
    fn from(error: BalanceError) -> Self {
        Self::Stopped(error.into())
    }
}

impl From<ledger::LedgerUnavailable> for NotCredited {
    /// This is no Reject, because a repetition of the packet may still fit.
    fn from(error: ledger::LedgerUnavailable) -> Self {
        tracing::warn!(%error, "the rest of an expectation was not read");
        Self::Stopped(Stop::Unresolved)
    }
}
