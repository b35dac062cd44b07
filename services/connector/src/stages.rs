//! Which stages the path of a packet has: those that can be left out, and stages of a program's own.
//!
//! What has to come first, and why, is in `pipeline`; so the other stages and their order are fixed. Without an own stage
//! a packet allocates nothing for them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clock::Timestamp;
use ilp_packet::{AddressRef, ErrorCode};
use payments_model::PeerId;
use telemetry::PACKETS;
use tracing::{Instrument, trace_span};

use crate::accounts::{LocalAccountId, Source};
use crate::arrived::Arrived;
use crate::refusal::Refusal;

/// A stage that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionalStage {
    /// Answers packets that ask for the asker's own address (RFC 31). Without it they are refused with F02.
    Ildcp,
    /// Refuses what is above the packet rate of a peer.
    PacketRate,
    /// Refuses what is above the throughputs of a peer.
    Throughput,
    /// Refuses packets to a peer that has not answered several times in a row.
    Breaker,
}

/// A stage of a program's own, between the agreement and the conversion: it is known where the packet goes, and nothing is
/// held.
#[async_trait]
pub trait OwnStage: Send + Sync {
    /// Its name in traces.
    fn name(&self) -> &'static str;

    /// Lets a packet go on, or refuses it.
    ///
    /// It is asked about every packet that gets so far, also about those of quotes, which move no money. If a peer cannot
    /// take the packet, it is asked again about the next one. A repetition of a packet that was held or paid is not asked
    /// about. The packet waits for it, so it returns before the packet expires.
    async fn pass(&self, packet: &Passing<'_>) -> Result<(), StageRefusal>;
}

/// A packet at an own stage.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    /// Who sends it.
    pub source: &'a Source,
    /// Its destination.
    pub destination: AddressRef<'a>,
    /// Its amount, in the source's asset.
    pub amount: u64,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Where it goes.
    pub next: NextAccount,
}

/// The next account of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAccount {
    /// A local receiver.
    Local(LocalAccountId),
    /// A peer.
    Peer(PeerId),
}

/// Why an own stage refuses a packet. The sender gets both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageRefusal {
    /// The code.
    pub code: ErrorCode,
    /// The message.
    pub message: String,
}

/// The stages of one connector: all optional ones and none of one's own, unless it is said.
#[derive(Clone, Default)]
pub struct Stages {
    left_out: u8,
    own: Vec<Arc<dyn OwnStage>>,
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own: Vec<&str> = self.own.iter().map(|stage| stage.name()).collect();
        f.debug_struct("Stages").field("left_out", &self.left_out).field("own", &own).finish()
    }
}

impl Stages {
    /// The same without this stage.
    pub fn without(mut self, stage: OptionalStage) -> Self {
        self.left_out |= bit(stage);
        self
    }

    /// The same with one more own stage, which comes after the own stages before.
    pub fn with(mut self, stage: Arc<dyn OwnStage>) -> Self {
        self.own.push(stage);
        self
    }

    pub(crate) fn has(&self, stage: OptionalStage) -> bool {
        self.left_out & bit(stage) == 0
    }

    /// Asks the own stages, in their order, until one refuses.
    pub(crate) async fn pass(
        &self,
        source: &Source,
        arrived: Arrived,
        destination: AddressRef<'_>,
        next: NextAccount,
    ) -> Result<(), Refusal> {
        for stage in &self.own {
            let Arrived { amount, expires_at, .. } = arrived;
            let packet = Passing { source, destination, amount, expires_at, next };
            let span = trace_span!(target: PACKETS, "ilp.own", stage = stage.name());
            let passed = stage.pass(&packet).instrument(span).await;
            passed.map_err(|refusal| Refusal::new(refusal.code, refusal.message))?;
        }
        Ok(())
    }
}

fn bit(stage: OptionalStage) -> u8 {
    match stage {
        OptionalStage::Ildcp => 1,
        OptionalStage::PacketRate => 2,
        OptionalStage::Throughput => 4,
        OptionalStage::Breaker => 8,
    }
}
