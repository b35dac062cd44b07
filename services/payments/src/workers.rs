//! The workers of payments: one per queue. Each is a loop that the caller runs as long as it lives.
//! The jobs themselves are in the files of their subject.

use std::time::Duration;

use jobs::{Worker, WorkerSettings};

use crate::queues::{EXPIRY_QUEUE, FUNDING_QUEUE, SENDING_QUEUE, WEB_MONETIZATION_QUEUE};
use crate::service::Payments;

/// After a crash another process takes over a payment after this time.
const LEASE: Duration = Duration::from_secs(5);

/// This many institutions can delay all payments to them before payments to others get fewer places.
const LANES_AT_FULL_WIDTH: usize = 8;

impl Payments {
    /// The workers of outgoing payments, of unfunded payments, of expiring incoming payments, and of money paid
    /// straight to wallet addresses.
    ///
    /// Each runs until shutdown, in as many processes as there are. There is no worker for what the settings leave to
    /// other processes.
    pub fn workers(&self) -> Vec<Worker> {
        let at_once = self.settings().at_once;
        let work = [
            (SENDING_QUEUE, self.sending_handler(), at_once.outgoing_payments),
            (FUNDING_QUEUE, self.unfunded_handler(), at_once.outgoing_payments.min(4)),
            (EXPIRY_QUEUE, self.expiry_handler(), at_once.incoming_payments),
            (WEB_MONETIZATION_QUEUE, self.web_monetization_handler(), at_once.wallet_addresses),
        ];
        let here = work.into_iter().filter(|(_, _, at_once)| *at_once > 0);
        here.map(|(queue, handler, at_once)| self.worker(queue, handler, at_once)).collect()
    }

    /// A worker of one queue.
    pub(crate) fn worker(&self, queue: &str, handler: std::sync::Arc<dyn jobs::Handler>, at_once: usize) -> Worker {
        let parts = &self.0.parts;
        let settings = WorkerSettings {
            concurrency: at_once,
            lane_concurrency: at_once,
            places_in_lanes: at_once * LANES_AT_FULL_WIDTH,
            lease: LEASE,
            ..WorkerSettings::default()
        };
        let database = self.store().database().clone();
        Worker::new(database, parts.clock.clone(), parts.entropy.clone(), queue, handler, settings)
    }
}
