//! A pass that is killed and repeated has the same result as one that was never killed.
//! Changes between complete passes are in `later_passes`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use clock::SeededEntropy;
use moving::{History, Since, carry_over, examine};
use rafiki_fixture::{Institution, run};
use testkit::{Dialect, block_on};

use crate::places::{OldPlaces, OurPlaces, assert_same, contents, pass, silent};

/// A future that is dropped after it was polled this often.
struct Mortal<F> {
    future: Pin<Box<F>>,
    polls: u64,
}

impl<F: Future> Future for Mortal<F> {
    /// `None` if it was killed.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.future.as_mut().poll(context).map(Some)
    }
}

/// One pass that is killed after this many polls. Returns how many it took, if it ended by itself.
async fn mortal_pass(old: &OldPlaces, ours: &OurPlaces, polls: u64) -> Option<u64> {
    let mut installation = old.open(History::Totals).await;
    let plan = examine(&mut installation, &Since::default(), &silent).await.unwrap();
    let target = ours.target().await;
    let future = Box::pin(carry_over(&mut installation, &plan, &target, &silent));
    let mut mortal = Mortal { future, polls };
    let ended = (&mut mortal).await;
    let taken = polls - mortal.polls;
    ended.map(|result| {
        assert!(result.unwrap().comparison.is_equal());
        taken
    })
}

/// What an old installation does between two passes.
const LIFE_GOES_ON: &str = r#"
UPDATE "outgoingPayments" SET state = 'FAILED', error = 'IdleTimeout', "updatedAt" = now() WHERE state = 'SENDING'
    AND "stateAttempts" > 0;
UPDATE "ledgerTransfers" SET state = 'POSTED', "updatedAt" = now() WHERE amount = 6061 AND state = 'PENDING';
UPDATE webhooks SET "processAt" = NULL, "statusCode" = 200, attempts = attempts + 1, "updatedAt" = now()
    WHERE "processAt" IS NOT NULL;
"#;

async fn killed_passes_have_the_same_result_as_one(dialect: Dialect, kills: u64, seed: u64) {
    println!("seed {seed}");
    let Some(old) = OldPlaces::of(Institution::CloudNine).await else { return };
    let Some(ours) = OurPlaces::of(dialect).await else { return };
    let Some(measured) = OurPlaces::of(dialect).await else { return };
    let whole = mortal_pass(&old, &measured, u64::MAX).await.unwrap();
    let entropy = SeededEntropy::new(seed);
    let entropy: &dyn clock::Entropy = &entropy;
    let mut killed = 0;
    for half in [0, 1] {
        if half == 1 {
            run(&old.backend, LIFE_GOES_ON).await;
        }
        while killed < kills / 2 * (half + 1) {
            let polls = u64::from_be_bytes(entropy.bytes::<8>()) % whole;
            if mortal_pass(&old, &ours, polls).await.is_none() {
                killed += 1;
            }
        }
        assert!(mortal_pass(&old, &ours, u64::MAX).await.is_some());
    }
    // The other target is never killed, and is filled from the final state only.
    let Some(calm) = OurPlaces::of(dialect).await else { return };
    pass(&old, &calm, History::Totals).await.unwrap();
    assert_same(&contents(&ours).await, &contents(&calm).await);
    assert!(ledger_verify::verify(&ours.ledger_url()).await.unwrap().sound);
}

#[test]
fn fifty_killed_passes_into_sqlite_have_the_same_result_as_one() {
    block_on(killed_passes_have_the_same_result_as_one(Dialect::Sqlite, 50, 1));
}

#[test]
fn fifty_killed_passes_into_postgres_have_the_same_result_as_one() {
    block_on(killed_passes_have_the_same_result_as_one(Dialect::Postgres, 50, 2));
}
