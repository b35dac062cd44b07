//! Callers that hold and post, one pair after the other, and their waiting times.
//! The engines and the table of results are in `main`.

use std::sync::Arc;
use std::time::Duration;

use clock::{Entropy, Stopwatch, SystemEntropy};
use ledger::{
    AccountFlags, AccountId, CreateTransferResult, Ledger, LedgerUnavailable, NewAccount, NewTransfer, TransferId,
};

/// Number of accounts of a wide load.
const WIDE: u64 = 10_000;
/// Transfers per submission while the history is made.
const FILL: u64 = 4_000;

/// The number of accounts that the load uses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spread {
    /// Two accounts.
    Hot,
    /// Ten thousand accounts.
    Wide,
}

/// The result of a measurement.
pub(crate) struct Figures {
    pub(crate) pairs: f64,
    pub(crate) per_second: f64,
    /// Milliseconds for hold and post.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// A ledger with the accounts of the load.
pub(crate) struct Load {
    ledger: Arc<dyn Ledger>,
    made: u64,
}

impl Spread {
    pub(crate) fn accounts(self) -> u64 {
        match self {
            Self::Hot => 2,
            Self::Wide => WIDE,
        }
    }

    /// Two different accounts.
    fn pair(self, random: u64) -> [AccountId; 2] {
        let count = self.accounts();
        let debit = random % count;
        let credit = (debit + 1 + (random >> 32) % (count - 1)) % count;
        [debit, credit].map(|number| AccountId::from_u128(u128::from(number) + 1))
    }
}

fn random() -> u64 {
    let mut octets = [0; 8];
    SystemEntropy.fill(&mut octets);
    u64::from_le_bytes(octets)
}

fn id() -> TransferId {
    TransferId::from(SystemEntropy.uuid())
}

impl Load {
    pub(crate) async fn new(ledger: Arc<dyn Ledger>) -> Result<Self, LedgerUnavailable> {
        let accounts = (1..=WIDE).map(|number| NewAccount {
            id: AccountId::from_u128(number.into()),
            ledger: 1,
            code: 1,
            flags: AccountFlags::default(),
            user_data_128: 0,
            user_data_64: 0,
            user_data_32: 0,
        });
        ledger.create_accounts(accounts.collect()).await?;
        Ok(Self { ledger, made: 0 })
    }

    /// Makes transfers until the ledger holds `history` of them, including those of earlier measurements.
    pub(crate) async fn fill(&mut self, history: u64) -> Result<(), LedgerUnavailable> {
        while self.made < history {
            let holds: Vec<_> = (0..FILL / 2)
                .map(|_| {
                    let [debit, credit] = Spread::Wide.pair(random());
                    NewTransfer::single(id(), debit, credit, 1, 1, 1).into_pending(3600)
                })
                .collect();
            let posts = holds.iter().map(|hold| NewTransfer::post(id(), hold.id)).collect();
            self.ledger.submit(holds).await?;
            self.ledger.submit(posts).await?;
            self.made += FILL;
        }
        Ok(())
    }

    /// `callers` hold and post for `seconds`.
    pub(crate) async fn run(
        &mut self,
        spread: Spread,
        callers: usize,
        seconds: u64,
    ) -> Result<Figures, Box<dyn std::error::Error>> {
        let (watch, limit) = (Stopwatch::start(), Duration::from_secs(seconds));
        let tasks: Vec<_> =
            (0..callers).map(|_| tokio::spawn(caller(Arc::clone(&self.ledger), spread, watch, limit))).collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await??);
        }
        let elapsed = watch.elapsed();
        self.made += 2 * waits.len() as u64;
        Ok(figures(waits, elapsed))
    }
}

async fn caller(
    ledger: Arc<dyn Ledger>,
    spread: Spread,
    watch: Stopwatch,
    limit: Duration,
) -> Result<Vec<Duration>, LedgerUnavailable> {
    let mut waits = Vec::new();
    while watch.elapsed() < limit {
        let [debit, credit] = spread.pair(random());
        let started = watch.elapsed();
        let hold = NewTransfer::single(id(), debit, credit, 1, 1, 1).into_pending(60);
        let held = ledger.submit(vec![hold]).await?;
        let posted = ledger.submit(vec![NewTransfer::post(id(), hold.id)]).await?;
        assert_eq!([held[0], posted[0]], [CreateTransferResult::Created; 2]);
        waits.push(watch.elapsed().saturating_sub(started));
    }
    Ok(waits)
}

/// The figures for these waits over this time.
#[expect(clippy::cast_precision_loss, reason = "a report, not money")]
pub(crate) fn figures(mut waits: Vec<Duration>, elapsed: Duration) -> Figures {
    waits.sort_unstable();
    let at = |percent: usize| {
        let wait = waits.get((waits.len() * percent / 100).min(waits.len().saturating_sub(1)));
        wait.copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    let pairs = waits.len() as f64;
    Figures { pairs, per_second: pairs / elapsed.as_secs_f64(), p50: at(50), p99: at(99) }
}
