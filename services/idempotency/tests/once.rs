//! Keys and signed requests, with one process and with two on one database.
//! The APIs that use them have their own tests.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use admin_signature::{Audience, addressed, canonical, sign};
use clock::{Clock, ManualClock};
use database::sea_orm::{ConnectionTrait, Statement};
use database::{Database, Migrations, Step, Write};
use idempotency::{
    Api, Asked, ClaimTime, Keys, KeysSettings, NotAccepted, Once, OnceError, Patience, ResultNote, SignedRequests,
};
use serde_json::{Value, json};
use shared_cache::{DatabaseCache, DatabaseLimits, InProcessCache, InProcessLimits, MIGRATIONS, SharedCache};
use testkit::{TestDatabase, manual_clock};
use uuid::Uuid;

const DAY: Duration = Duration::from_hours(24);
const TENANT: Uuid = Uuid::from_u128(7);

fn keys(cache: SharedCache, seed: u64) -> Keys {
    Keys::new(cache, testkit::entropy(seed), KeysSettings { kept: DAY, lease: Duration::from_secs(2) })
}

fn in_process(clock: &Arc<ManualClock>) -> SharedCache {
    SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()))
}

fn asked<'a>(owner: &'a [&'a str], key: &'a str, content: &'a [&'a [u8]]) -> Asked<'a> {
    Asked { api: Api::Admin, owner, key, content }
}

async fn ask(keys: &Keys, asked: Asked<'_>, made: u32) -> Result<Once<u32, u32>, OnceError<&'static str>> {
    keys.once(asked, Patience::None, async { Ok(made) }, |made| *made).await
}

/// Two processes on the database. Each has its own pool and cache.
async fn two_processes(database: &TestDatabase, clock: &Arc<ManualClock>) -> [SharedCache; 2] {
    database.migrate(&MIGRATIONS).await.unwrap();
    let cache =
        |database| SharedCache::Database(DatabaseCache::new(database, clock.clone(), DatabaseLimits::default()));
    [cache((**database).clone()), cache(database.connect_again().await)]
}

#[tokio::test]
async fn a_key_acts_once_and_is_refused_for_other_content_and_unknown_to_other_owners() {
    let clock = manual_clock();
    let keys = keys(in_process(&clock), 1);
    let (mine, pay, pay_more): (_, &[&[u8]], &[&[u8]]) = (&["t", "c"], &[b"pay 1"], &[b"pay 2"]);
    assert_eq!(ask(&keys, asked(mine, "k", pay), 1).await.unwrap(), Once::Now(1));
    assert_eq!(ask(&keys, asked(mine, "k", pay), 2).await.unwrap(), Once::Before(1));
    assert!(matches!(ask(&keys, asked(mine, "k", pay_more), 3).await, Err(OnceError::OtherContent)));
    for others in [&["t", "d"] as &[&str], &["s", "c"], &["tc"], &["t", "c", ""]] {
        assert_eq!(ask(&keys, asked(others, "k", pay), 4).await.unwrap(), Once::Now(4), "{others:?}");
    }
    let elsewhere = Asked { api: Api::OpenPayments, ..asked(mine, "k", pay) };
    assert_eq!(ask(&keys, elsewhere, 5).await.unwrap(), Once::Now(5));
    clock.advance(DAY);
    assert_eq!(ask(&keys, asked(mine, "k", pay_more), 6).await.unwrap(), Once::Now(6));
}

#[tokio::test]
async fn a_request_that_failed_may_come_again_with_other_content() {
    let keys = keys(in_process(&manual_clock()), 1);
    let failed = keys.once(asked(&["t"], "k", &[b"a"]), Patience::None, async { Err::<u32, _>("no") }, |made| *made);
    assert!(matches!(failed.await, Err(OnceError::Action("no"))));
    assert_eq!(ask(&keys, asked(&["t"], "k", &[b"b"]), 2).await.unwrap(), Once::Now(2));
}

#[tokio::test]
async fn a_repetition_is_refused_while_the_first_request_runs_or_waits_for_its_result() {
    let keys = keys(in_process(&manual_clock()), 1);
    let (finish, may_finish) = tokio::sync::oneshot::channel::<()>();
    let first = {
        let keys = keys.clone();
        tokio::spawn(async move {
            let act = async { may_finish.await.map(|()| 1).map_err(|_| "dropped") };
            keys.once(asked(&["t"], "k", &[b"a"]), Patience::None, act, |made| *made).await
        })
    };
    loop {
        // The second request starts only after the first has its claim. Otherwise it would be the first.
        let told =
            keys.once(asked(&["t"], "k", &[b"a"]), Patience::None, async { Err::<u32, _>("first") }, |made| *made);
        match told.await {
            Err(OnceError::UnderWay) => break,
            Err(OnceError::Action("first")) => tokio::task::yield_now().await,
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(ask(&keys, asked(&["t"], "k", &[b"b"]), 2).await, Err(OnceError::UnderWay)));
    let patient = {
        let keys = keys.clone();
        tokio::spawn(async move {
            let patience = Patience::UpTo(Duration::from_mins(1));
            keys.once(asked(&["t"], "k", &[b"a"]), patience, async { Err::<u32, _>("acted twice") }, |made| *made).await
        })
    };
    finish.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), Once::Now(1));
    assert_eq!(patient.await.unwrap().unwrap(), Once::Before(1));
}

#[tokio::test]
async fn the_claim_of_a_process_that_died_runs_out() {
    let clock = manual_clock();
    let keys = keys(in_process(&clock), 1);
    {
        let act = std::future::pending::<Result<u32, &str>>();
        let dies = keys.once(asked(&["t"], "k", &[b"a"]), Patience::None, act, |made| *made);
        assert!(tokio::time::timeout(Duration::from_millis(1), dies).await.is_err());
    }
    assert!(matches!(ask(&keys, asked(&["t"], "k", &[b"a"]), 2).await, Err(OnceError::UnderWay)));
    clock.advance(Duration::from_secs(2));
    assert_eq!(ask(&keys, asked(&["t"], "k", &[b"a"]), 3).await.unwrap(), Once::Now(3));
}

/// What the actions of these tests make.
const MADE: Migrations = Migrations {
    store: "made",
    steps: &[Step { name: "0001_made", sql: "CREATE TABLE made (thing bigint PRIMARY KEY);" }],
};

/// A process whose keys are in the database of its actions.
struct Process {
    database: Database,
    keys: Keys,
}

impl Process {
    fn on(database: Database, clock: &Arc<ManualClock>, seed: u64) -> Self {
        let cache = DatabaseCache::new(database.clone(), clock.clone(), DatabaseLimits::default());
        Self { keys: keys(SharedCache::Database(cache.written_within(database.clone())), seed), database }
    }

    async fn make(&self, thing: u32, note: &ResultNote) -> Result<u32, database::Error> {
        let unit = self.database.begin().await?;
        let values = [i64::from(thing).into()];
        let insert =
            Statement::from_sql_and_values(unit.get_database_backend(), "INSERT INTO made VALUES ($1)", values);
        unit.write(Write::new("made", thing, insert));
        note.write_within(&unit, &thing);
        unit.commit().await?;
        Ok(thing)
    }

    /// Makes a thing, once for the key "k" and this content.
    async fn once(
        &self,
        claim: ClaimTime,
        content: &[&[u8]],
        thing: u32,
    ) -> Result<Once<u32, u32>, OnceError<database::Error>> {
        let act = |note: ResultNote| async move { self.make(thing, &note).await };
        let patience = Patience::UpTo(Duration::from_mins(1));
        self.keys.once_noted(asked(&["t"], "k", content), patience, claim, act, |made| *made).await
    }

    async fn made(&self) -> Vec<i64> {
        let rows = self.database.query("SELECT thing FROM made ORDER BY thing", []).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }
}

async fn two_with_keys_in_their_database(database: &TestDatabase, clock: &Arc<ManualClock>) -> [Process; 2] {
    database.migrate(&MIGRATIONS).await.unwrap();
    database.migrate(&MADE).await.unwrap();
    [Process::on((**database).clone(), clock, 1), Process::on(database.connect_again().await, clock, 2)]
}

fn api(audience: Audience, cache: SharedCache, clock: &Arc<ManualClock>) -> SignedRequests {
    SignedRequests { audience, version: 1, lifetime: Duration::from_secs(30), cache, clock: clock.clone() }
}

fn whoami() -> Value {
    json!({"query": "{ whoami { id } }"})
}

#[tokio::test]
async fn a_request_that_names_its_api_is_refused_by_another_with_the_same_secret() {
    let clock = manual_clock();
    let cache = in_process(&clock);
    let [backend, auth] = [Audience::Backend, Audience::Auth].map(|one| api(one, cache.clone(), &clock));
    for audience in [json!("auth"), json!(["backend"]), json!(7), Value::Null] {
        let mut body = whoami();
        body["extensions"] = json!({"audience": audience});
        let header = sign("s", 1, clock.now(), &canonical(&body));
        let refused = backend.accept(&header, TENANT, ["s"], &body).await;
        assert!(matches!(refused, Err(NotAccepted::OtherAudience)), "{audience}");
    }
    let body = addressed(whoami(), Audience::Auth, "1");
    let header = sign("s", 1, clock.now(), &canonical(&body));
    auth.accept(&header, TENANT, ["s"], &body).await.unwrap();
    assert!(matches!(auth.accept(&header, TENANT, ["s"], &body).await, Err(NotAccepted::Used)));
}

#[tokio::test]
async fn a_request_of_an_old_client_names_no_api_and_is_accepted_once_for_each_tenant() {
    let clock = manual_clock();
    let backend = api(Audience::Backend, in_process(&clock), &clock);
    let header = sign("s", 1, clock.now(), &canonical(&whoami()));
    backend.accept(&header, TENANT, ["s"], &whoami()).await.unwrap();
    assert!(matches!(backend.accept(&header, TENANT, ["s"], &whoami()).await, Err(NotAccepted::Used)));
    backend.accept(&header, Uuid::from_u128(8), ["s"], &whoami()).await.unwrap();
    clock.advance(Duration::from_secs(31));
    assert!(matches!(backend.accept(&header, TENANT, ["s"], &whoami()).await, Err(NotAccepted::Signature(_))));
}

testkit::on_each_database! {
    async fn two_processes_on_one_database_act_once_for_one_key(database) {
        let clock = manual_clock();
        let caches = two_processes(&database, &clock).await;
        let acted = Arc::new(AtomicU32::new(0));
        let asking = (0..8_usize).map(|number| {
            let (keys, acted) = (keys(caches[number % 2].clone(), number as u64), acted.clone());
            tokio::spawn(async move {
                let act = async {
                    tokio::task::yield_now().await;
                    Ok::<_, &str>(acted.fetch_add(1, Ordering::SeqCst))
                };
                let patience = Patience::UpTo(Duration::from_mins(1));
                match keys.once(asked(&["t"], "k", &[b"a"]), patience, act, |made| *made).await.unwrap() {
                    Once::Now(made) | Once::Before(made) => made,
                }
            })
        });
        for one in asking.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), 0);
        }
        assert_eq!(acted.load(Ordering::SeqCst), 1);
    }

    async fn a_result_in_the_transaction_of_its_action_is_there_when_the_process_dies_after_the_commit(database) {
        let [first, other] = two_with_keys_in_their_database(&database, &manual_clock()).await;
        for (claim, content, thing) in [(ClaimTime::Before, b"a", 1), (ClaimTime::WithResult, b"b", 2)] {
            let (made, is_made) = tokio::sync::oneshot::channel();
            let act = |note: ResultNote| {
                let first = &first;
                async move {
                    let _ = made.send(first.make(thing, &note).await);
                    std::future::pending::<Result<u32, database::Error>>().await
                }
            };
            let key = format!("key {thing}");
            let (owner, content): (_, &[&[u8]]) = (["t"], &[content]);
            let asked = asked(&owner, &key, content);
            tokio::select! {
                _ = first.keys.once_noted(asked, Patience::None, claim, act, |made| *made) => panic!("it died before"),
                made = is_made => assert_eq!(made.unwrap().unwrap(), thing),
            }
            let again = |_: ResultNote| async { Err::<u32, _>("acted again") };
            let told = other.keys.once_noted(asked, Patience::None, ClaimTime::Before, again, |made| *made).await;
            assert_eq!(told.unwrap(), Once::Before(thing), "{claim:?}");
        }
    }

    async fn two_processes_that_claim_a_key_with_the_result_make_one_thing(database) {
        let [first, second] = two_with_keys_in_their_database(&database, &manual_clock()).await;
        let asking = (0..8_u32).map(|number| {
            let process = if number % 2 == 0 { &first } else { &second };
            process.once(ClaimTime::WithResult, &[b"a"], number)
        });
        let all = futures::future::join_all(asking).await;
        let told = all.into_iter().map(|once| match once.unwrap() {
            Once::Now(made) | Once::Before(made) => made,
        });
        let told: Vec<u32> = told.collect();
        assert_eq!(first.made().await, [i64::from(told[0])]);
        assert!(told.iter().all(|made| *made == told[0]), "{told:?}");
    }

    async fn a_key_that_was_used_for_other_content_undoes_the_transaction_that_claims_it(database) {
        let clock = manual_clock();
        let [first, second] = two_with_keys_in_their_database(&database, &clock).await;
        for (before, claim) in [(1, ClaimTime::WithResult), (2, ClaimTime::Before)] {
            assert_eq!(first.once(claim, &[b"a"], before).await.unwrap(), Once::Now(before));
            let refused = second.once(ClaimTime::WithResult, &[b"b"], 10).await;
            assert!(matches!(refused, Err(OnceError::OtherContent)), "{refused:?}");
            assert_eq!(second.once(ClaimTime::WithResult, &[b"a"], 10).await.unwrap(), Once::Before(before));
            clock.advance(DAY);
        }
        assert_eq!(first.made().await, [1, 2]);
        assert_eq!(second.once(ClaimTime::WithResult, &[b"b"], 3).await.unwrap(), Once::Now(3), "the key is free again");
    }

    async fn an_action_that_fails_leaves_the_key_free(database) {
        let [first, second] = two_with_keys_in_their_database(&database, &manual_clock()).await;
        let fails = |_: ResultNote| async { Err::<u32, _>("no") };
        let (asked, claim) = (asked(&["t"], "k", &[b"a"]), ClaimTime::WithResult);
        let failed = first.keys.once_noted(asked, Patience::None, claim, fails, |made| *made).await;
        assert!(matches!(failed, Err(OnceError::Action("no"))), "{failed:?}");
        assert_eq!(second.once(ClaimTime::WithResult, &[b"b"], 1).await.unwrap(), Once::Now(1));
        let refused = first.once(ClaimTime::WithResult, &[b"other key"], 1).await;
        assert!(matches!(refused, Err(OnceError::OtherContent)), "{refused:?}");
    }

    async fn two_processes_on_one_database_accept_a_signed_request_once(database) {
        let clock = manual_clock();
        let caches = two_processes(&database, &clock).await;
        let header = sign("s", 1, clock.now(), &canonical(&whoami()));
        let asking = (0..8).map(|number| {
            let (backend, header) = (api(Audience::Backend, caches[number % 2].clone(), &clock), header.clone());
            tokio::spawn(async move { backend.accept(&header, TENANT, ["s"], &whoami()).await })
        });
        let mut accepted = 0;
        for one in asking.collect::<Vec<_>>() {
            match one.await.unwrap() {
                Ok(()) => accepted += 1,
                Err(NotAccepted::Used) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(accepted, 1);
    }
}
