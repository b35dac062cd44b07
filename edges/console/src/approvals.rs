//! Changes that wait for a second person, and what one person has moved alone, in a file that all processes of the console
//! on one machine share.
//!
//! Each change is encrypted, because its input may contain tokens. The file is replaced as a whole under a lock, so a
//! process that is killed leaves the old file or the new one. Which changes wait is decided in `four_eyes`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clock::Timestamp;
use page_kit::Seal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::four_eyes::{FourEyes, Stakes};
use crate::session::Person;
use crate::view::Money;

const PURPOSE: &str = "approval";
const MOVED: &str = "moved alone";
/// The most changes of a tenant that wait at the same time.
const WAITING_MAX: usize = 200;
/// A change that is over is shown for this time. The audit log keeps it.
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);

/// A change that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The idempotency key of the form.
    pub(crate) id: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) by: Person,
    pub(crate) at: Timestamp,
    /// It is given up at this time.
    pub(crate) until: Timestamp,
    /// The field of the mutation.
    pub(crate) action: String,
    /// The address of the form.
    pub(crate) place: String,
    /// The input, as it is sent.
    pub(crate) input: Value,
    pub(crate) before: Value,
    /// The decimal places of its amounts. A request of an older version has none.
    #[serde(default)]
    pub(crate) scale: Option<u8>,
    /// The reason that the person who asked gave.
    #[serde(default)]
    pub(crate) why: Option<String>,
    pub(crate) stakes: Stakes,
    pub(crate) state: State,
}

/// The state of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Waiting,
    /// It was approved. It is sent, or will be.
    Approved {
        by: Person,
        at: Timestamp,
        outcome: Outcome,
    },
    /// It is not sent.
    Refused {
        by: Person,
        at: Timestamp,
    },
}

/// What came of an approved change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// It is not known whether it took effect. It may be sent again, with the same key.
    Open,
    Done,
    /// The instance refused it.
    Refused(String),
}

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Refuse,
}

/// Why a decision is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDecided {
    #[error("There is no such request.")]
    NotFound,
    #[error("You asked for this change, so another person has to approve it.")]
    SamePerson,
    #[error("Nobody approved this change in time. It was not sent.")]
    Expired,
    #[error("This was decided already.")]
    Decided,
    #[error(transparent)]
    File(#[from] ApprovalsError),
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the file {path} of changes that wait for approval: {reason}")]
pub struct ApprovalsError {
    path: String,
    reason: String,
}

/// How long after the decision a change may be sent again. The Admin API knows the key of a change for 24 hours by
/// default, from the first time that it was sent.
const REPEATABLE: Duration = Duration::from_hours(23);

impl Request {
    /// Whether it still waits at this time.
    pub(crate) fn waits(&self, now: Timestamp) -> bool {
        self.state == State::Waiting && now < self.until
    }

    /// Whether it was approved, and nobody knows whether it took effect.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        matches!(&self.state, State::Approved { at, outcome: Outcome::Open, .. } if now < *at + REPEATABLE)
    }

    /// The request after a decision.
    fn decided(self, by: &Person, decision: Decision, now: Timestamp) -> Result<Self, NotDecided> {
        if self.state != State::Waiting {
            return Err(NotDecided::Decided);
        }
        if now >= self.until {
            return Err(NotDecided::Expired);
        }
        let state = match decision {
            Decision::Approve if !by.is_other_than(&self.by) => return Err(NotDecided::SamePerson),
            Decision::Approve => State::Approved { by: by.clone(), at: now, outcome: Outcome::Open },
            Decision::Refuse => State::Refused { by: by.clone(), at: now },
        };
        Ok(Self { state, ..self })
    }
}

/// Whether a request is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Waits,
    /// The same form was sent before with other values, and those wait.
    OtherValues,
    /// Too many changes of the tenant wait already.
    TooMany,
}

fn added(requests: &mut Vec<Request>, new: Request, now: Timestamp) -> Asked {
    if let Some(known) = requests.iter().find(|known| known.id == new.id) {
        let same = known.action == new.action && known.input == new.input;
        return if same { Asked::Waits } else { Asked::OtherValues };
    }
    let waiting = requests.iter().filter(|known| known.tenant == new.tenant && known.waits(now));
    if waiting.count() >= WAITING_MAX {
        return Asked::TooMany;
    }
    requests.push(new);
    Asked::Waits
}

/// What one person has moved alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    /// The idempotency key of the form.
    pub(crate) id: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) by: Person,
    pub(crate) amount: Money,
    pub(crate) at: Timestamp,
}

impl Moved {
    /// Whether both count together: the same people may have moved the same asset. Whoever has no name may be anybody else
    /// without one.
    fn counts_with(&self, other: &Self) -> bool {
        self.tenant == other.tenant && !self.by.is_other_than(&other.by) && self.amount.code == other.amount.code
    }
}

/// Whether a person may move an amount alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alone {
    /// It is counted from now on.
    Allowed,
    /// With what the person moved before it is above the limit. It is not counted.
    TogetherAbove,
}

/// A request, or what was moved, as it is stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// After this time it may be dropped, also by a process that cannot read it.
    drop_after: Timestamp,
    sealed: String,
}

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct Approvals {
    path: Arc<PathBuf>,
    seal: Seal,
}

impl Approvals {
    /// Opens the file; one that does not exist has no requests.
    pub(crate) fn open(path: &Path, seal: Seal) -> Result<Self, ApprovalsError> {
        let approvals = Self { path: Arc::new(path.to_owned()), seal };
        std::fs::create_dir_all(approvals.folder()).map_err(|error| approvals.failed(&error))?;
        let _lock = approvals.lock()?;
        approvals.read()?;
        Ok(approvals)
    }

    /// Stores a request. One that is already there stays as it is: its form was sent twice.
    pub(crate) async fn ask(&self, request: Request, now: Timestamp) -> Result<Asked, ApprovalsError> {
        self.under_lock(now, move |requests| added(requests, request, now)).await
    }

    /// The requests of a tenant, the newest first.
    pub(crate) async fn of(&self, tenant: Uuid) -> Result<Vec<Request>, ApprovalsError> {
        let approvals = self.clone();
        let mut requests = self
            .blocking(move || {
                let _lock = approvals.lock()?;
                Ok(approvals.opened(&approvals.read()?).collect::<Vec<_>>())
            })
            .await?;
        requests.retain(|request| request.tenant == tenant);
        requests.sort_by_key(|request| std::cmp::Reverse(request.at));
        Ok(requests)
    }

    /// Takes a decision. Of several at the same time, the first counts. The decision is on the disk when this returns.
    pub(crate) async fn decide(
        &self,
        (tenant, id): (Uuid, Uuid),
        by: Person,
        decision: Decision,
        now: Timestamp,
    ) -> Result<Request, NotDecided> {
        self.under_lock(now, move |requests| {
            let found = requests.iter_mut().find(|request| request.id == id && request.tenant == tenant);
            let request = found.ok_or(NotDecided::NotFound)?;
            *request = request.clone().decided(&by, decision, now)?;
            Ok(request.clone())
        })
        .await?
    }

    /// Notes what came of an approved request.
    pub(crate) async fn end(&self, id: Uuid, came: Outcome, now: Timestamp) -> Result<(), ApprovalsError> {
        self.under_lock(now, move |requests| {
            let found = requests.iter_mut().find(|request| request.id == id);
            // Another process may know the outcome already. What is known stays.
            if let Some(State::Approved { outcome: outcome @ Outcome::Open, .. }) = found.map(|found| &mut found.state)
            {
                *outcome = came;
            }
        })
        .await
    }

    /// Counts what a person moves alone, if it is within the limit together with what the person moved before. The decision
    /// and the count are one step, whatever other processes of this machine do.
    pub(crate) async fn move_alone(&self, new: Moved, rule: FourEyes, now: Timestamp) -> Result<Alone, ApprovalsError> {
        let approvals = self.clone();
        self.blocking(move || {
            let _lock = approvals.lock()?;
            let mut kept: Vec<Kept> = approvals.read()?.into_iter().filter(|kept| now < kept.drop_after).collect();
            let known: Vec<Moved> = kept.iter().filter_map(|kept| approvals.open_moved(kept)).collect();
            if let Some(earlier) = known.iter().find(|moved| moved.id == new.id) {
                // The form is sent again. With another amount it is another change, which was not counted.
                let same = earlier.amount == new.amount && earlier.tenant == new.tenant;
                return Ok(if same { Alone::Allowed } else { Alone::TogetherAbove });
            }
            let before = known.iter().filter(|moved| new.counts_with(moved)).map(|moved| &moved.amount);
            if rule.is_above(before.chain([&new.amount])) {
                return Ok(Alone::TogetherAbove);
            }
            kept.push(approvals.sealed_moved(&new, now + rule.window));
            approvals.write(&kept)?;
            Ok(Alone::Allowed)
        })
        .await
    }

    /// A change moved nothing, because it was refused.
    pub(crate) async fn forget_moved(&self, id: Uuid, now: Timestamp) -> Result<(), ApprovalsError> {
        let approvals = self.clone();
        self.blocking(move || {
            let _lock = approvals.lock()?;
            let kept = approvals.read()?;
            let is_of_it = |kept: &Kept| approvals.open_moved(kept).is_some_and(|moved| moved.id == id);
            if !kept.iter().any(is_of_it) {
                return Ok(());
            }
            let left = kept.into_iter().filter(|kept| now < kept.drop_after && !is_of_it(kept));
            approvals.write(&left.collect::<Vec<_>>())
        })
        .await
    }

    /// Changes the requests while no other process does.
    async fn under_lock<T: Send + 'static>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut Vec<Request>) -> T + Send + 'static,
    ) -> Result<T, ApprovalsError> {
        let approvals = self.clone();
        self.blocking(move || {
            let _lock = approvals.lock()?;
            let kept: Vec<Kept> = approvals.read()?.into_iter().filter(|kept| now < kept.drop_after).collect();
            let mut requests: Vec<Request> = approvals.opened(&kept).collect();
            let before = requests.clone();

            let answer = change(&mut requests);
            if requests != before {
                let unreadable = kept.into_iter().filter(|kept| approvals.open_one(kept).is_none());
                let sealed = requests.iter().map(|request| approvals.sealed(request));
                approvals.write(&unreadable.chain(sealed).collect::<Vec<_>>())?;
            }
            Ok(answer)
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApprovalsError> + Send + 'static,
    ) -> Result<T, ApprovalsError> {
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(self.failed(&error)))
    }

    fn opened<'a>(&'a self, kept: &'a [Kept]) -> impl Iterator<Item = Request> + 'a {
        kept.iter().filter_map(|kept| self.open_one(kept))
    }

    /// The request; `None` if it was made with another secret, or was changed.
    fn open_one(&self, kept: &Kept) -> Option<Request> {
        serde_json::from_str(&self.seal.open(PURPOSE, &kept.sealed)?).ok()
    }

    /// What somebody has moved; `None` if it is something else, or was made with another secret.
    fn open_moved(&self, kept: &Kept) -> Option<Moved> {
        serde_json::from_str(&self.seal.open(MOVED, &kept.sealed)?).ok()
    }

    fn sealed_moved(&self, moved: &Moved, drop_after: Timestamp) -> Kept {
        let text = serde_json::to_string(moved).unwrap_or_default();
        Kept { drop_after, sealed: self.seal.seal(MOVED, &text) }
    }

    fn sealed(&self, request: &Request) -> Kept {
        let text = serde_json::to_string(request).unwrap_or_default();
        Kept { drop_after: request.until + KEPT_FOR, sealed: self.seal.seal(PURPOSE, &text) }
    }

    /// Waits for the lock. It ends with the file that is returned.
    fn lock(&self) -> Result<File, ApprovalsError> {
        let lock = private(OpenOptions::new().write(true).create(true), &self.beside("lock"));
        let lock = lock.map_err(|error| self.failed(&error))?;
        lock.lock().map_err(|error| self.failed(&error))?;
        Ok(lock)
    }

    fn read(&self) -> Result<Vec<Kept>, ApprovalsError> {
        match std::fs::read(&*self.path) {
            Ok(octets) => serde_json::from_slice(&octets).map_err(|error| self.failed(&error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn write(&self, kept: &[Kept]) -> Result<(), ApprovalsError> {
        let failed = |error: std::io::Error| self.failed(&error);
        let text = serde_json::to_vec(kept).map_err(|error| self.failed(&error))?;
        let new = self.beside("new");
        let mut file = private(OpenOptions::new().write(true).create(true).truncate(true), &new).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&new, &*self.path).map_err(failed)?;
        File::open(self.folder()).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(end);
        self.path.with_file_name(name)
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> ApprovalsError {
        ApprovalsError { path: self.path.display().to_string(), reason: error.to_string() }
    }
}

fn private(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use clock::SeededEntropy;
    use serde_json::json;

    use super::*;

    const TENANT: Uuid = Uuid::from_u128(1);
    const KEY: Uuid = Uuid::from_u128(7);

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * 3_600_000)
    }

    fn person(name: &str) -> Person {
        Person::Known { id: format!("https://sign-in.example {name}"), name: name.to_owned() }
    }

    fn request() -> Request {
        Request {
            id: KEY,
            tenant: TENANT,
            by: person("Ann"),
            at: at(0),
            until: at(24),
            action: "deletePeer".to_owned(),
            place: "/peers/x/delete".to_owned(),
            input: json!({"id": "x", "authToken": "a token"}),
            before: Value::Null,
            scale: None,
            why: None,
            stakes: Stakes::Final,
            state: State::Waiting,
        }
    }

    fn rule() -> FourEyes {
        let limit = |code: &str, digits| crate::four_eyes::Limit { asset_code: code.to_owned(), digits, places: 0 };
        let (day, limits) = (Duration::from_hours(24), vec![limit("USD", 1000), limit("EUR", 1000)]);
        FourEyes { limits, lifetime: day, window: day }
    }

    fn moved(key: u128, by: Person, value: u64, code: &str, scale: u8) -> Moved {
        Moved { id: Uuid::from_u128(key), tenant: TENANT, by, amount: Money::new(value, code, scale), at: at(0) }
    }

    #[tokio::test]
    async fn several_small_changes_of_one_person_are_above_the_limit_together() {
        let folder = tempfile::tempdir().unwrap();
        // Two processes of the console, which share the file.
        let (one, two) = (opened(&folder, "s"), opened(&folder, "s"));
        let alone = async |console: &Approvals, new, hours| console.move_alone(new, rule(), at(hours)).await.unwrap();
        let ann = || person("Ann");
        assert_eq!(alone(&one, moved(1, ann(), 60_000, "USD", 2), 0).await, Alone::Allowed);
        assert_eq!(alone(&two, moved(1, ann(), 60_000, "USD", 2), 0).await, Alone::Allowed, "the form was sent again");
        assert_eq!(alone(&two, moved(1, ann(), 99_000, "USD", 2), 0).await, Alone::TogetherAbove, "another amount");
        assert_eq!(alone(&two, moved(2, ann(), 41, "USD", 0), 1).await, Alone::Allowed, "in another scale");
        assert_eq!(alone(&two, moved(3, ann(), 40_000, "USD", 2), 1).await, Alone::TogetherAbove);
        assert_eq!(alone(&one, moved(4, ann(), 35_900, "USD", 2), 1).await, Alone::Allowed, "exactly the limit");
        assert_eq!(alone(&one, moved(5, ann(), 1, "USD", 9), 1).await, Alone::TogetherAbove);

        assert_eq!(alone(&one, moved(6, ann(), 1000, "EUR", 0), 1).await, Alone::Allowed, "another asset");
        assert_eq!(alone(&one, moved(7, person("Bob"), 1000, "USD", 0), 1).await, Alone::Allowed, "another person");
        assert_eq!(alone(&one, moved(8, Person::Secret, 1, "USD", 0), 1).await, Alone::TogetherAbove, "perhaps Bob");
        let elsewhere = Moved { tenant: Uuid::from_u128(2), ..moved(9, ann(), 1000, "USD", 0) };
        assert_eq!(alone(&one, elsewhere, 1).await, Alone::Allowed, "another tenant");

        // What was refused does not count, and neither does what was moved a day before.
        two.forget_moved(Uuid::from_u128(2), at(2)).await.unwrap();
        assert_eq!(alone(&one, moved(10, ann(), 41, "USD", 0), 2).await, Alone::Allowed);
        assert_eq!(alone(&one, moved(11, ann(), 600, "USD", 0), 24).await, Alone::Allowed);
        assert_eq!(alone(&one, moved(12, ann(), 1, "USD", 0), 24).await, Alone::TogetherAbove);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn changes_at_the_same_moment_are_counted_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (opened(&folder, "s"), opened(&folder, "s"));
        let calls = (0..20_u128).map(|key| {
            let console = if key % 2 == 0 { one.clone() } else { two.clone() };
            tokio::spawn(
                async move { console.move_alone(moved(key, person("Ann"), 200, "USD", 0), rule(), at(0)).await },
            )
        });
        let mut allowed = 0;
        for call in calls.collect::<Vec<_>>() {
            allowed += usize::from(call.await.unwrap().unwrap() == Alone::Allowed);
        }
        assert_eq!(allowed, 5, "five times 200 are the limit of 1000");
    }

    fn opened(folder: &tempfile::TempDir, secret: &str) -> Approvals {
        let seal = Seal::new(secret, Arc::new(SeededEntropy::new(1)));
        Approvals::open(&folder.path().join("deep/approvals.json"), seal).unwrap()
    }

    #[tokio::test]
    async fn a_request_outlives_the_process_and_no_token_is_readable() {
        let folder = tempfile::tempdir().unwrap();
        opened(&folder, "s").ask(request(), at(0)).await.unwrap();
        opened(&folder, "s").ask(Request { place: "/other".to_owned(), ..request() }, at(0)).await.unwrap();
        assert_eq!(opened(&folder, "s").of(TENANT).await.unwrap(), [request()], "a form that is sent twice asks once");
        assert!(opened(&folder, "s").of(Uuid::from_u128(2)).await.unwrap().is_empty());

        let file = std::fs::read_to_string(folder.path().join("deep/approvals.json")).unwrap();
        assert!(!file.contains("a token") && !file.contains("deletePeer"));
    }

    #[tokio::test]
    async fn only_another_person_approves_and_only_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let approvals = opened(&folder, "s");
        approvals.ask(request(), at(0)).await.unwrap();
        let approve = |id, by, now| approvals.decide((TENANT, id), by, Decision::Approve, now);
        assert!(matches!(approve(KEY, person("Ann"), at(1)).await, Err(NotDecided::SamePerson)));
        assert!(matches!(approve(KEY, Person::Secret, at(1)).await, Err(NotDecided::SamePerson)));
        assert!(matches!(approve(KEY, person("Bob"), at(24)).await, Err(NotDecided::Expired)));
        assert!(matches!(approve(Uuid::nil(), person("Bob"), at(1)).await, Err(NotDecided::NotFound)));
        let other = approvals.decide((Uuid::nil(), KEY), person("Bob"), Decision::Approve, at(1)).await;
        assert!(matches!(other, Err(NotDecided::NotFound)), "another tenant");
        assert!(approve(KEY, person("Bob"), at(23)).await.unwrap().is_open(at(23)));
        assert!(matches!(approve(KEY, person("Cat"), at(23)).await, Err(NotDecided::Decided)));
    }

    #[tokio::test]
    async fn of_many_processes_that_decide_at_once_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let processes = [opened(&folder, "s"), opened(&folder, "s")];
        processes[0].ask(request(), at(0)).await.unwrap();
        let decide = |n: usize| {
            let decision = if n.is_multiple_of(3) { Decision::Refuse } else { Decision::Approve };
            processes[n % 2].decide((TENANT, KEY), person(&n.to_string()), decision, at(1))
        };
        let decided = futures::future::join_all((0..20).map(decide)).await;
        assert_eq!(decided.iter().filter(|decided| decided.is_ok()).count(), 1);
    }

    #[tokio::test]
    async fn a_known_outcome_stays_and_old_requests_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let approvals = opened(&folder, "s");
        approvals.ask(request(), at(0)).await.unwrap();
        approvals.decide((TENANT, KEY), person("Bob"), Decision::Approve, at(1)).await.unwrap();
        approvals.end(KEY, Outcome::Done, at(1)).await.unwrap();
        approvals.end(KEY, Outcome::Open, at(2)).await.unwrap();
        let known = approvals.of(TENANT).await.unwrap();
        let expected = State::Approved { by: person("Bob"), at: at(1), outcome: Outcome::Done };
        assert_eq!(known[0].state, expected);

        let much_later = at(24 + 31 * 24);
        let new = Request { id: Uuid::from_u128(8), at: much_later, until: much_later, ..request() };
        approvals.ask(new.clone(), much_later).await.unwrap();
        assert_eq!(approvals.of(TENANT).await.unwrap(), [new]);
    }

    #[tokio::test]
    async fn what_was_made_with_another_secret_is_kept_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        opened(&folder, "old").ask(request(), at(0)).await.unwrap();
        let new = opened(&folder, "new");
        assert!(new.of(TENANT).await.unwrap().is_empty());
        new.ask(Request { id: Uuid::from_u128(8), ..request() }, at(0)).await.unwrap();
        assert_eq!(opened(&folder, "old").of(TENANT).await.unwrap(), [request()]);
    }

    #[test]
    fn a_tenant_cannot_fill_the_file() {
        let waiting = |n: usize| Request { id: Uuid::from_u128(100 + n as u128), ..request() };
        let mut requests: Vec<Request> = (0..WAITING_MAX).map(waiting).collect();
        assert_eq!(added(&mut requests, request(), at(0)), Asked::TooMany);
        assert_eq!(added(&mut requests, waiting(0), at(0)), Asked::Waits, "it is there already");
        let changed = Request { input: Value::Bool(true), ..waiting(0) };
        assert_eq!(added(&mut requests, changed, at(0)), Asked::OtherValues);
        let of_another = Request { tenant: Uuid::from_u128(2), ..request() };
        assert_eq!(added(&mut requests, of_another, at(0)), Asked::Waits);
        assert_eq!(added(&mut requests, waiting(900), at(24)), Asked::Waits, "the others were given up");
        assert_eq!(requests.len(), WAITING_MAX + 2);
    }
}
