//! What the worker of a queue knows without asking the database: which jobs run, when the next is due, and which lanes
//! have due jobs that wait for a place.
//!
//! A new job of this process gets a place at once, if there is room. Its row is written with a lease, and the worker
//! starts it after the commit. If the process ends before that, the lease runs out like any other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use clock::{Clock, Entropy, OnJump, Timestamp};
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

use crate::capacity::Capacity;
use crate::claim::Claimed;
use crate::job::{DueJobListener, Job, Leave};

/// How long another transaction usually keeps a job locked.
const OTHERS_AT_WORK: Duration = Duration::from_millis(10);

/// The local queues of one open database, by name. A name may have several: some tests run two workers, as in two
/// processes.
#[derive(Debug, Default)]
pub(crate) struct LocalQueues(Mutex<HashMap<String, Vec<Weak<LocalQueue>>>>);

impl LocalQueues {
    pub(crate) fn of(&self, queue: &str) -> Vec<Arc<LocalQueue>> {
        lock(&self.0).get(queue).map(|queues| queues.iter().filter_map(Weak::upgrade).collect()).unwrap_or_default()
    }

    pub(crate) fn open(&self, local_queue: &Arc<LocalQueue>) {
        let mut queues = lock(&self.0);
        let of_queue = queues.entry(local_queue.queue.clone()).or_default();
        of_queue.retain(|local_queue| local_queue.strong_count() > 0);
        of_queue.push(Arc::downgrade(local_queue));
    }
}

/// Hands jobs of one queue to a worker.
#[derive(Debug)]
pub(crate) struct LocalQueue {
    queue: String,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    lease: Duration,
    known: Mutex<QueueView>,
    changed: Notify,
    born: mpsc::UnboundedSender<(Job, Slot)>,
}

#[derive(Debug)]
struct QueueView {
    room: Capacity,
    is_open: bool,
    /// Whether the database was never asked. Until then jobs of earlier processes are unknown, and no new job goes
    /// first.
    is_first_look: bool,
    /// When the database has to be asked next; `None` if no job is known to wait.
    look_at: Option<Timestamp>,
    /// Lanes with due jobs that found no place, each with the number of the last such job.
    behind: HashMap<String, u64>,
    /// How many jobs have found no place so far.
    refused: u64,
}

/// The place of a running job. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Slot {
    local_queue: Arc<LocalQueue>,
    lane: String,
}

/// A place that a job and its worker share. The first of them to leave gives it back.
#[derive(Debug)]
pub(crate) struct SharedSlot(Mutex<Option<Slot>>);

impl SharedSlot {
    pub(crate) fn new(slot: Slot) -> Self {
        Self(Mutex::new(Some(slot)))
    }
}

impl Leave for SharedSlot {
    fn leave(&self) {
        let slot = lock(&self.0).take();
        drop(slot);
    }
}

/// A place and a lease for a new job.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) lease: Uuid,
    pub(crate) until: Timestamp,
    pub(crate) place: Slot,
}

/// What the worker does after the database has answered.
#[derive(Debug, Default)]
pub(crate) struct Started {
    pub(crate) jobs: Vec<(Job, Slot)>,
    pub(crate) surplus: Vec<Job>,
}

/// What is known before the database is asked.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) room: Capacity,
    refused: u64,
}

impl LocalQueue {
    pub(crate) fn new(
        queue: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        lease: Duration,
        room: Capacity,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<(Job, Slot)>) {
        let (born, inbox) = mpsc::unbounded_channel();
        let look_at = Some(clock.now());
        let known =
            QueueView { room, is_open: false, is_first_look: true, look_at, behind: HashMap::new(), refused: 0 };
        let local_queue = Self {
            queue: queue.to_owned(),
            clock,
            entropy,
            lease,
            known: Mutex::new(known),
            changed: Notify::new(),
            born,
        };
        (Arc::new(local_queue), inbox)
    }

    /// A place and a lease for a new job that is due; `None` if its lane is full, or other jobs of the lane wait
    /// already.
    pub(crate) fn reserve(self: &Arc<Self>, lane: &str, run_at: Timestamp) -> Option<Reserved> {
        let now = self.clock.now();
        let mut known = self.known();
        if run_at > now || !known.is_open || known.behind.contains_key(lane) || !known.room.has_place(lane) {
            return None;
        }
        known.room.take(lane);
        drop(known);
        let place = Slot { local_queue: Arc::clone(self), lane: lane.to_owned() };
        Some(Reserved { lease: self.entropy.uuid(), until: now + self.lease, place })
    }

    /// Whether a job that is due at `at` could run now.
    pub(crate) fn is_due(&self, at: Timestamp) -> bool {
        at <= self.clock.now()
    }

    /// Hands over a job whose transaction is committed.
    pub(crate) fn hand_over(&self, job: Job, place: Slot) {
        // If the worker has ended, the place is dropped and the lease runs out.
        let _ = self.born.send((job, place));
    }

    /// A new job of `lane` was written that waits until `at`, or for a place.
    pub(crate) fn waits(&self, lane: &str, at: Timestamp) {
        let mut known = self.known();
        if at <= self.clock.now() {
            known.refused += 1;
            let refused = known.refused;
            known.behind.insert(lane.to_owned(), refused);
            if !known.room.has_place(lane) {
                // The database is asked when a place is given back.
                return;
            }
        }
        drop(known);
        self.look_for(at);
    }

    /// Waits until the database has to be asked earlier than planned.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What to ask the database now. If it need not be asked yet, the time to wait.
    pub(crate) fn look(&self) -> Result<Look, Option<Duration>> {
        let mut known = self.known();
        let now = self.clock.now();
        match known.look_at {
            _ if !known.room.has_any() => Err(None),
            None => Err(None),
            Some(at) if at > now => Err(Some(at.saturating_since(now))),
            Some(_) => {
                // Anything that becomes known from now on is added to the answer.
                known.look_at = None;
                Ok(Look { room: known.room.clone(), refused: known.refused })
            }
        }
    }

    /// Takes places for the jobs that were leased after `look`, and notes what the database has answered. Jobs whose
    /// place was taken by a new job meanwhile must be given back to the database.
    pub(crate) fn claimed(self: &Arc<Self>, look: &Look, claimed: Claimed) -> Started {
        let mut known = self.known();
        let mut taken: HashMap<String, usize> = HashMap::new();
        let (mut in_lanes, mut started) = (0, Started::default());
        for job in claimed.jobs {
            *taken.entry(job.lane.clone()).or_default() += 1;
            in_lanes += usize::from(!job.lane.is_empty());
            if known.room.has_place(&job.lane) {
                known.room.take(&job.lane);
                let place = Slot { local_queue: Arc::clone(self), lane: job.lane.clone() };
                started.jobs.push((Job { worker: Some(Arc::clone(self) as Arc<dyn DueJobListener>), ..job }, place));
            } else {
                known.refused += 1;
                let refused = known.refused;
                known.behind.insert(job.lane.clone(), refused);
                started.surplus.push(job);
            }
        }

        let room = &look.room;
        let might_be_more = in_lanes > 0 && in_lanes >= room.in_new_lanes_at_once();
        let took_all = |lane: &str| taken.get(lane).copied().unwrap_or_default() >= room.places(lane);

        // If a lane used fewer places than it had, it has no more due jobs, unless one was written meanwhile.
        known
            .behind
            .retain(|lane, refused| *refused > look.refused || took_all(lane) || (might_be_more && !lane.is_empty()));

        let full = taken.keys().chain(room.running.keys()).map(String::as_str).chain([Capacity::ANY_LANE]);
        for lane in full.filter(|lane| took_all(lane)) {
            known.behind.entry(lane.to_owned()).or_insert(0);
        }

        let look_again = might_be_more || taken.keys().any(|lane| took_all(lane)) || known.refused > look.refused;
        known.look_at = if look_again {
            Some(self.clock.now())
        } else {
            let others_done = claimed.others_at_work.then(|| self.clock.now() + OTHERS_AT_WORK);
            [known.look_at, claimed.next_due, others_done].into_iter().flatten().min()
        };

        known.is_open |= known.is_first_look;
        known.is_first_look = false;
        started
    }

    /// Stops reserving places.
    pub(crate) fn close(&self) {
        let mut known = self.known();
        known.is_open = false;
        known.is_first_look = false;
    }

    /// Whether no place is taken.
    pub(crate) fn is_idle(&self) -> bool {
        self.known().room.running.is_empty()
    }

    fn known(&self) -> MutexGuard<'_, QueueView> {
        lock(&self.known)
    }
}

impl DueJobListener for LocalQueue {
    fn look_for(&self, at: Timestamp) {
        let mut known = self.known();
        if known.look_at.is_none_or(|look_at| at < look_at) {
            known.look_at = Some(at);
            drop(known);
            self.changed.notify_one();
        }
    }

    fn look_now(&self) {
        self.look_for(self.clock.now());
    }
}

impl OnJump for LocalQueue {
    fn jumped(&self) {
        let mut known = self.known();
        let now = self.clock.now();
        known.look_at = Some(known.look_at.map_or(now, |at| at.min(now)));
        drop(known);
        self.changed.notify_one();
    }
}

impl Slot {
    pub(crate) fn local_queue(&self) -> &Arc<LocalQueue> {
        &self.local_queue
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let now = self.local_queue.clock.now();
        let mut known = self.local_queue.known();
        known.room.give_back(&self.lane);
        let room = &known.room;
        if known.behind.keys().any(|lane| room.has_place(lane)) {
            known.look_at = Some(now);
        }
        let worth_a_look = known.look_at.is_some_and(|at| at <= now) || !known.is_open;
        drop(known);
        if worth_a_look {
            self.local_queue.changed.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
