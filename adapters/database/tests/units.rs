//! How units of work cross to the database, on both dialects.
//! Connections and migrations are in `database`.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::pin::Pin;
use std::task::{Context, Poll};

use database::sea_orm::prelude::{Json, Uuid};
use database::sea_orm::{ConnectionTrait, Statement, Value};
use database::{Database, Error, Migrations, Step, Write, WriteTransaction};
use futures::future::join_all;
use testkit::{TestDatabase, on_each_database};

const NOTES: Migrations = Migrations {
    store: "notes",
    steps: &[Step {
        name: "0001_notes",
        sql: "CREATE TABLE notes (id bigint PRIMARY KEY, note text NOT NULL UNIQUE, of bigint REFERENCES notes (id));",
    }],
};

fn statement<const N: usize>(transaction: &WriteTransaction, sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(transaction.get_database_backend(), sql, values)
}

fn insert_statement(transaction: &WriteTransaction, id: i64, note: &str) -> Statement {
    let sql = "INSERT INTO notes (id, note) VALUES ($1, $2)";
    statement(transaction, sql, [id.into(), note.into()])
}

fn insert(transaction: &WriteTransaction, id: i64, note: &str) -> Write {
    Write::new("notes", id, insert_statement(transaction, id, note))
}

fn rename(transaction: &WriteTransaction, id: i64, note: &str) -> Write {
    let sql = "UPDATE notes SET note = $2 WHERE id = $1";
    Write::new("notes", id, statement(transaction, sql, [id.into(), note.into()]))
}

async fn notes(database: &Database) -> Vec<String> {
    let reader = database.reader();
    let all = Statement::from_string(reader.get_database_backend(), "SELECT note FROM notes ORDER BY id");
    let rows = reader.query_all_raw(all).await.unwrap();
    rows.into_iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// A future that is dropped at one of its waits.
struct GivenUp<F> {
    unit: Pin<Box<F>>,
    waits: u32,
}

impl<F: Future<Output = ()>> Future for GivenUp<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.waits == 0 {
            return Poll::Ready(());
        }
        self.waits -= 1;
        let polled = self.unit.as_mut().poll(context);
        if self.waits == 0 { Poll::Ready(()) } else { polled }
    }
}

async fn begin(database: &TestDatabase) -> WriteTransaction {
    database.migrate(&NOTES).await.unwrap();
    database.begin().await.unwrap()
}

on_each_database! {
    async fn a_unit_that_is_given_up_at_any_moment_leaves_no_connection_inside_of_a_transaction(database) {
        database.migrate(&NOTES).await.unwrap();
        let other = database.connect_again().await;
        for waits in 0..60 {
            let unit = Box::pin(async {
                let transaction = database.begin().await.unwrap();
                transaction.query_all_raw(statement(&transaction, "SELECT note FROM notes", [])).await.unwrap();
                transaction.write(insert(&transaction, -1, "given up"));
                transaction.query_all_raw(statement(&transaction, "SELECT note FROM notes", [])).await.unwrap();
            });
            GivenUp { unit, waits: waits % 12 }.await;
            // Each connection of the pool is used at least once.
            let number = i64::from(waits) * 100;
            let writes = (number..number + 10).map(|id| {
                let values: [Value; 2] = [id.into(), format!("note {id}").into()];
                database.execute("INSERT INTO notes (id, note) VALUES ($1, $2)", values)
            });
            join_all(writes).await.into_iter().for_each(|written| assert_eq!(written.unwrap(), 1));
            let seen = notes(&other).await;
            assert_eq!(seen.len(), (usize::try_from(waits).unwrap() + 1) * 10, "after {waits}");
        }
    }

    async fn what_was_written_is_read_in_the_same_transaction_and_nowhere_else(database) {
        let transaction = begin(&database).await;
        transaction.write(insert(&transaction, 1, "one"));
        let both = ["SELECT note FROM notes", "SELECT count(*) FROM notes"];
        let both = both.map(|sql| statement(&transaction, sql, [])).to_vec();
        let answers = transaction.query_together(both).await.unwrap();
        assert_eq!(answers[0][0].try_get_by_index::<String>(0).unwrap(), "one");
        assert_eq!(answers[1][0].try_get_by_index::<i64>(0).unwrap(), 1);
        assert!(notes(&database).await.is_empty());
        transaction.commit().await.unwrap();
        assert_eq!(notes(&database).await, ["one"]);
    }

    async fn writes_to_one_row_happen_one_after_the_other(database) {
        let transaction = begin(&database).await;
        transaction.write(insert(&transaction, 1, "one"));
        transaction.write(insert(&transaction, 2, "two"));
        transaction.write(rename(&transaction, 1, "uno"));
        transaction.commit().await.unwrap();
        assert_eq!(notes(&database).await, ["uno", "two"]);
    }

    async fn a_write_may_refer_to_a_row_that_is_written_with_it(database) {
        let transaction = begin(&database).await;
        transaction.write(insert(&transaction, 1, "one"));
        let sql = "INSERT INTO notes (id, note, of) VALUES (2, 'of one', 1)";
        transaction.write(Write::new("notes", 2, statement(&transaction, sql, [])));
        transaction.commit().await.unwrap();
        assert_eq!(notes(&database).await, ["one", "of one"]);
    }

    async fn a_write_that_meets_no_row_does_something_else_instead(database) {
        let transaction = begin(&database).await;
        transaction.write(insert(&transaction, 1, "one"));
        let (mut there, mut missing) = (rename(&transaction, 1, "uno"), rename(&transaction, 2, "due"));
        let (found, not_found) = (there.met(), missing.met());
        let sql = "INSERT INTO notes (id, note) VALUES (2, 'two')";
        transaction.write(there);
        transaction.write(missing.otherwise(statement(&transaction, sql, [])));
        transaction.write(insert(&transaction, 3, "three"));
        transaction.commit().await.unwrap();
        assert_eq!(notes(&database).await, ["uno", "two", "three"]);
        assert_eq!((found.get(), not_found.get()), (true, false));
    }

    async fn a_write_that_must_meet_a_row_and_does_not_undoes_everything(database) {
        for read_first in [false, true] {
            let transaction = begin(&database).await;
            if read_first {
                transaction.query_all_raw(statement(&transaction, "SELECT 1", [])).await.unwrap();
            }
            transaction.write(insert(&transaction, 1, "one"));
            transaction.write(rename(&transaction, 2, "due").must("note 2"));
            transaction.write(insert(&transaction, 3, "three"));
            transaction.on_commit(|| panic!("nothing was committed"));
            let refused = transaction.commit().await.unwrap_err();
            assert!(matches!(refused, Error::Overtaken { .. }), "{refused:?}");
            assert!(notes(&database).await.is_empty());
        }
    }

    async fn a_failed_write_is_reported_with_its_cause_and_undoes_everything(database) {
        let transaction = begin(&database).await;
        transaction.write(insert(&transaction, 1, "same"));
        transaction.write(insert(&transaction, 2, "same"));
        transaction.write(insert(&transaction, 3, "three"));
        let refused = transaction.commit().await.unwrap_err();
        assert!(refused.is_unique_violation(), "{refused:?}");
        assert!(notes(&database).await.is_empty());
    }

    async fn a_failed_write_that_a_query_has_sent_is_reported_with_its_cause(database) {
        for overtaken in [false, true] {
            let transaction = begin(&database).await;
            if overtaken {
                transaction.write(rename(&transaction, 1000, "nobody").must("it"));
            } else {
                transaction.write(insert(&transaction, 1, "same"));
                transaction.write(insert(&transaction, 2, "same"));
            }
            let failed = transaction.query_all_raw(statement(&transaction, "SELECT 1", [])).await.unwrap_err();
            let failed = Error::from(failed);
            assert_eq!((failed.is_unique_violation(), failed.is_overtaken()), (!overtaken, overtaken), "{failed:?}");
        }
    }

    async fn after_a_failed_write_nothing_of_the_transaction_can_be_committed(database) {
        let transaction = begin(&database).await;
        transaction.write(insert(&transaction, 1, "same"));
        transaction.write(insert(&transaction, 2, "same"));
        transaction.query_all_raw(statement(&transaction, "SELECT 1", [])).await.unwrap_err();
        transaction.write(insert(&transaction, 3, "three"));
        // Postgres answers the commit of a failed transaction with a rollback.
        let _ = transaction.commit().await;
        assert!(notes(&database).await.is_empty());
    }

    async fn what_follows_a_commit_runs_after_it_and_only_then(database) {
        let transaction = begin(&database).await;
        transaction.on_commit(|| panic!("nothing was committed"));
        drop(transaction);
        let transaction = begin(&database).await;
        let (sender, receiver) = std::sync::mpsc::channel();
        transaction.on_commit(move || sender.send("then").unwrap());
        transaction.write(insert(&transaction, 1, "one"));
        transaction.commit().await.unwrap();
        assert_eq!(receiver.try_recv(), Ok("then"));
    }

    async fn a_unit_that_fails_among_others_takes_none_of_them_with_it(database) {
        database.migrate(&NOTES).await.unwrap();
        let units = (0..40).map(|id| {
            let database = database.clone();
            tokio::spawn(async move {
                let transaction = database.begin().await.unwrap();
                transaction.query_all_raw(statement(&transaction, "SELECT 1", [])).await.unwrap();
                transaction.write(insert(&transaction, id, &format!("{id:02}")));
                match id % 4 {
                    0 => transaction.commit().await.unwrap(),
                    1 => drop(transaction),
                    2 => transaction.rollback().await.unwrap(),
                    _ => {
                        transaction.write(rename(&transaction, 1000, "nobody").must("it"));
                        transaction.commit().await.unwrap_err();
                    }
                }
            })
        });
        join_all(units).await.into_iter().for_each(|unit| unit.unwrap());
        let kept: Vec<String> = (0..40).step_by(4).map(|id| format!("{id:02}")).collect();
        assert_eq!(notes(&database).await, kept);
    }

    async fn a_deferred_unit_is_committed_with_the_next_one_or_alone(database) {
        let deferred = begin(&database).await;
        deferred.write(insert(&deferred, 1, "deferred"));
        let (sender, receiver) = std::sync::mpsc::channel();
        deferred.on_commit(move || sender.send("then").unwrap());
        let next = begin(&database).await;
        next.write(insert(&next, 2, "next"));
        let (first, second) = futures::join!(deferred.commit_deferred(), next.commit());
        first.unwrap();
        second.unwrap();
        assert_eq!(notes(&database).await, ["deferred", "next"]);
        assert_eq!(receiver.try_recv(), Ok("then"));

        let alone = begin(&database).await;
        alone.write(insert(&alone, 3, "alone"));
        alone.commit_deferred().await.unwrap();
        assert_eq!(notes(&database).await.len(), 3);
    }

    async fn a_deferred_unit_that_fails_does_not_disturb_the_one_it_is_committed_with(database) {
        let before = begin(&database).await;
        before.write(insert(&before, 1, "one"));
        before.commit().await.unwrap();
        for (which, why) in ["missing", "unique"].into_iter().enumerate() {
            let fails = begin(&database).await;
            match why {
                "missing" => fails.write(rename(&fails, 1000, "nobody").must("it")),
                _ => fails.write(insert(&fails, 1000, "one")),
            }
            fails.on_commit(|| panic!("nothing was committed"));
            let well = begin(&database).await;
            let (id, note) = (10 + i64::try_from(which).unwrap(), format!("well {why}"));
            well.write(insert(&well, id, &note));
            let next = begin(&database).await;
            let mut missing = rename(&next, 20 + id, &format!("new {why}"));
            let met = missing.met();
            next.write(missing.otherwise(insert_statement(&next, 20 + id, &format!("made {why}"))));
            let all = futures::join!(fails.commit_deferred(), well.commit_deferred(), next.commit());
            match (why, all.0.unwrap_err()) {
                ("missing", Error::Overtaken { .. }) | ("unique", Error::UniqueViolation { .. }) => {}
                other => panic!("{other:?}"),
            }
            all.1.unwrap();
            all.2.unwrap();
            assert!(!met.get(), "the row was not there");
        }
        let expected = ["one", "well missing", "well unique", "made missing", "made unique"];
        assert_eq!(notes(&database).await, expected);
    }

    async fn a_deferred_unit_does_not_fail_with_the_one_it_is_committed_with(database) {
        let deferred = begin(&database).await;
        deferred.write(insert(&deferred, 1, "one"));
        let fails = begin(&database).await;
        fails.write(rename(&fails, 1000, "nobody").must("it"));
        let (kept, failed) = futures::join!(deferred.commit_deferred(), fails.commit());
        kept.unwrap();
        assert!(failed.unwrap_err().is_overtaken());
        assert_eq!(notes(&database).await, ["one"]);
    }

    async fn what_a_deferred_unit_did_to_a_row_is_seen_by_the_one_it_is_committed_with(database) {
        let before = begin(&database).await;
        before.write(insert(&before, 1, "one"));
        before.commit().await.unwrap();
        let deferred = begin(&database).await;
        deferred.write(rename(&deferred, 1, "uno"));
        let next = begin(&database).await;
        let sql = "UPDATE notes SET note = note || '!' WHERE id = 1";
        next.write(Write::new("notes", 1, statement(&next, sql, [])).must("it"));
        let (first, second) = futures::join!(deferred.commit_deferred(), next.commit());
        first.unwrap();
        second.unwrap();
        assert_eq!(notes(&database).await, ["uno!"]);
    }

    async fn what_is_deferred_is_committed_when_the_database_is_closed(database) {
        database.migrate(&NOTES).await.unwrap();
        let ending = database.connect_again().await;
        let deferred = ending.begin().await.unwrap();
        deferred.write(insert(&deferred, 1, "deferred"));
        let committed = deferred.commit_deferred();
        ending.close().await;
        assert_eq!(notes(&database).await, ["deferred"]);
        committed.await.unwrap();
    }

    async fn what_is_being_committed_with_others_is_committed_before_the_database_is_closed(database) {
        database.migrate(&NOTES).await.unwrap();
        let ending = database.connect_again().await;
        let mut committed = Vec::new();
        // So many that they are committed at once, by a task that has not begun yet. One of them fails, so that each is
        // committed alone.
        for id in 0..8 {
            let deferred = ending.begin().await.unwrap();
            match id {
                7 => deferred.write(rename(&deferred, 1000, "nobody").must("it")),
                _ => deferred.write(insert(&deferred, id, &id.to_string())),
            }
            committed.push(deferred.commit_deferred());
        }
        ending.close().await;
        assert_eq!(notes(&database).await.len(), 7);
        let results = join_all(committed).await;
        assert!(results[..7].iter().all(Result::is_ok), "{results:?}");
        assert!(results[7].as_ref().is_err_and(Error::is_overtaken), "{results:?}");
    }

    async fn a_deferred_unit_is_committed_although_the_caller_of_the_one_with_it_stops_waiting(database) {
        let (deferred, next) = (begin(&database).await, begin(&database).await);
        deferred.write(insert(&deferred, 1, "deferred"));
        next.write(insert(&next, 2, "next"));
        let (sender, receiver) = tokio::sync::oneshot::channel();
        next.on_commit(move || sender.send("then").unwrap());
        let committed = deferred.commit_deferred();
        {
            let mut given_up = Box::pin(next.commit());
            let _ = futures::poll!(&mut given_up);
        }
        committed.await.unwrap();
        assert_eq!(receiver.await, Ok("then"));
        assert_eq!(notes(&database).await, ["deferred", "next"]);
    }

    async fn many_deferred_units_need_no_other(database) {
        database.migrate(&NOTES).await.unwrap();
        let units = (0..40).map(|id| {
            let database = database.clone();
            async move {
                let transaction = database.begin().await.unwrap();
                transaction.write(insert(&transaction, id, &format!("{id:02}")));
                transaction.commit_deferred().await.unwrap();
            }
        });
        join_all(units).await;
        assert_eq!(notes(&database).await.len(), 40);
    }

    async fn a_caller_that_stops_waiting_in_the_middle_leaves_nothing_and_delays_no_other(database) {
        for statements in 0..3 {
            let transaction = begin(&database).await;
            for _ in 0..statements {
                transaction.query_all_raw(statement(&transaction, "SELECT 1", [])).await.unwrap();
            }
            {
                let given_up = transaction.execute_unprepared("INSERT INTO notes (id, note) VALUES (1, 'given up')");
                let mut given_up = Box::pin(given_up);
                // The transaction ends here, whether the answer came at once or not at all.
                let _ = futures::poll!(&mut given_up);
            }
            drop(transaction);
        }
        let transaction = begin(&database).await;
        transaction.write(insert(&transaction, 2, "kept"));
        transaction.commit().await.unwrap();
        assert_eq!(notes(&database).await, ["kept"]);
    }
}

/// Lets `first` and `second` wait for the write connection in this order, and then have it.
async fn in_this_order<A, B>(
    database: &TestDatabase,
    first: impl Future<Output = A> + Send + 'static,
    second: impl Future<Output = B> + Send + 'static,
) -> (A, B)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let holds_it = database.begin().await.unwrap();
    holds_it.query_all_raw(statement(&holds_it, "SELECT 1", [])).await.unwrap();
    let first = tokio::spawn(first);
    tokio::task::yield_now().await;
    let second = tokio::spawn(second);
    tokio::task::yield_now().await;
    holds_it.rollback().await.unwrap();
    (first.await.unwrap(), second.await.unwrap())
}

#[test]
fn what_a_unit_reads_or_fails_on_is_durable_by_then() {
    testkit::block_on(async {
        let database = TestDatabase::sqlite().await;
        database.migrate(&NOTES).await.unwrap();
        let write = |id: i64, note: &'static str| {
            let database = database.clone();
            async move {
                let transaction = database.begin().await.unwrap();
                transaction.write(insert(&transaction, id, note));
                transaction.commit().await
            }
        };

        let (reads, sees) = (database.clone(), database.clone());
        let reader = async move {
            let transaction = reads.begin().await.unwrap();
            let rows = transaction.query_all_raw(statement(&transaction, "SELECT note FROM notes", [])).await.unwrap();
            (rows.len(), notes(&sees).await.len())
        };
        let (written, (read, durable)) = in_this_order(&database, write(1, "one"), reader).await;
        written.unwrap();
        assert!(read <= durable, "{read} rows were read and {durable} are durable");

        let writer = |id| {
            let (write, sees) = (write(id, "two"), database.clone());
            async move { (write.await.is_ok(), notes(&sees).await.contains(&"two".to_owned())) }
        };
        let (first, second) = in_this_order(&database, writer(2), writer(3)).await;
        assert_ne!(first.0, second.0, "one of two equal notes is refused");
        assert!(first.1 && second.1, "the note is durable when the other is refused because of it");
    });
}

#[test]
fn a_deferred_unit_shares_the_wait_for_the_disk_of_the_next() {
    testkit::block_on(async {
        let database = TestDatabase::sqlite().await;
        database.migrate(&NOTES).await.unwrap();
        let file = database.url().trim_start_matches("sqlite:").to_owned();
        let before = commits_in_log(&file);
        let (deferred, next) = (begin(&database).await, begin(&database).await);
        deferred.write(insert(&deferred, 1, "deferred"));
        next.write(insert(&next, 2, "next"));
        let (first, second) = futures::join!(deferred.commit_deferred(), next.commit());
        first.unwrap();
        second.unwrap();
        assert_eq!(commits_in_log(&file) - before, 1);
    });
}

#[test]
fn a_unit_is_whole_or_nothing_although_one_of_its_calls_was_given_up() {
    testkit::block_on(async {
        let database = TestDatabase::sqlite().await;
        database.migrate(&NOTES).await.unwrap();
        let mut refused = 0;
        // The first waits for another unit, and for as long as that one has the connection it would wait.
        for (is_taken, waits) in [(true, 1), (false, 0), (false, 1), (false, 2), (false, 3), (false, 4)] {
            database.execute("DELETE FROM notes", []).await.unwrap();
            let other = begin(&database).await;
            if is_taken {
                other.query_all_raw(statement(&other, "SELECT 1", [])).await.unwrap();
            }
            let transaction = database.begin().await.unwrap();
            transaction.write(insert(&transaction, 1, "first"));
            let select = statement(&transaction, "SELECT note FROM notes", []);
            let unit = Box::pin(async { drop(transaction.query_all_raw(select).await) });
            GivenUp { unit, waits }.await;
            drop(other);
            transaction.write(insert(&transaction, 2, "second"));
            let result = transaction.commit().await;
            refused += i32::from(result.is_err());
            let expected: &[&str] = if result.is_ok() { &["first", "second"] } else { &[] };
            assert_eq!(notes(&database).await, expected, "given up after {waits}: {result:?}");
        }
        assert!(refused > 0);
    });
}

#[test]
fn a_unit_that_only_writes_is_committed_with_what_follows_although_its_caller_stops_waiting() {
    testkit::block_on(async {
        let database = TestDatabase::sqlite().await;
        for id in 0..20 {
            let transaction = begin(&database).await;
            transaction.write(insert(&transaction, id, &id.to_string()));
            transaction.write(rename(&transaction, id, &format!("note {id}")));
            let (sender, receiver) = tokio::sync::oneshot::channel();
            transaction.on_commit(move || sender.send("then").unwrap());
            {
                let mut given_up = Box::pin(transaction.commit());
                let _ = futures::poll!(&mut given_up);
            }
            assert_eq!(receiver.await, Ok("then"));
            assert!(notes(&database).await.contains(&format!("note {id}")));
        }
    });
}

#[test]
fn units_that_only_write_units_that_read_and_other_processes_take_turns() {
    testkit::block_on(async {
        let database = TestDatabase::sqlite().await;
        database.migrate(&NOTES).await.unwrap();
        let other = database.connect_again().await;
        let units = (0..200).map(|id| {
            let database = if id % 5 == 0 { other.clone() } else { Database::clone(&database) };
            tokio::spawn(async move {
                let transaction = database.begin().await.unwrap();
                if id % 3 == 0 {
                    transaction.query_all_raw(statement(&transaction, "SELECT note FROM notes", [])).await.unwrap();
                }
                transaction.write(insert(&transaction, id, &id.to_string()));
                transaction.write(rename(&transaction, id, &format!("note {id}")).must("it is there"));
                if id % 7 == 0 { transaction.commit_deferred().await } else { transaction.commit().await }.unwrap();
                assert!(notes(&database).await.contains(&format!("note {id}")), "it is durable when it is told");
            })
        });
        join_all(units).await.into_iter().for_each(|unit| unit.unwrap());
        assert_eq!(notes(&database).await.len(), 200);
    });
}

#[test]
fn a_unit_after_the_database_is_closed_is_refused_and_waits_for_nothing() {
    testkit::block_on(async {
        let database = TestDatabase::sqlite().await;
        let (kept, late) = (begin(&database).await, begin(&database).await);
        kept.write(insert(&kept, 1, "kept"));
        kept.commit().await.unwrap();
        late.write(insert(&late, 2, "late"));
        database.close().await;
        assert!(matches!(late.commit().await, Err(Error::Unavailable(_))));
        assert_eq!(notes(&database.connect_again().await).await, ["kept"]);
    });
}

#[test]
fn values_are_stored_alike_by_units_that_read_and_units_that_do_not() {
    testkit::block_on(async {
        const VALUES: Migrations = Migrations {
            store: "values",
            steps: &[Step {
                name: "0001",
                sql: "CREATE TABLE kinds (a blob, b blob, c blob, d blob, e blob, f blob, g blob, h blob, i blob, j blob)",
            }],
        };
        let database = TestDatabase::sqlite().await;
        database.migrate(&VALUES).await.unwrap();
        for reads_first in [true, false] {
            let transaction = database.begin().await.unwrap();
            if reads_first {
                transaction.query_all_raw(statement(&transaction, "SELECT 1", [])).await.unwrap();
            }
            let values: [Value; 10] = [
                true.into(),
                i64::MIN.into(),
                7_i32.into(),
                u64::try_from(i64::MAX).unwrap().into(),
                1.5_f64.into(),
                "it's".into(),
                vec![0_u8, 255].into(),
                Uuid::from_u128(42).into(),
                Json::from(vec!["a"]).into(),
                Option::<String>::None.into(),
            ];
            // The places are not in the order of the values.
            let sql =
                "INSERT INTO kinds (b, a, c, d, e, f, g, h, i, j) VALUES ($2, $1, $3, $4, $5, $6, $7, $8, $9, $10)";
            transaction.write(Write::new("kinds", "", statement(&transaction, sql, values)));
            transaction.commit().await.unwrap();
        }
        let columns = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(|name| format!("typeof({name}), {name}"));
        let alike = format!("SELECT DISTINCT {} FROM kinds", columns.join(", "));
        assert_eq!(database.query(alike, []).await.unwrap().len(), 1);
        assert_eq!(database.query("SELECT a FROM kinds", []).await.unwrap().len(), 2);
    });
}

#[test]
fn units_that_end_together_share_one_wait_for_the_disk() {
    testkit::block_on(async {
        let database = TestDatabase::sqlite().await;
        database.migrate(&NOTES).await.unwrap();
        let file = database.url().trim_start_matches("sqlite:").to_owned();
        let before = commits_in_log(&file);
        let units = (0..64).map(|id| {
            let database = database.clone();
            tokio::spawn(async move {
                let transaction = database.begin().await.unwrap();
                transaction.write(insert(&transaction, id, &id.to_string()));
                transaction.commit().await.unwrap();
            })
        });
        join_all(units).await.into_iter().for_each(|unit| unit.unwrap());
        assert_eq!(notes(&database).await.len(), 64);
        let commits = commits_in_log(&file) - before;
        assert!(commits <= 16, "64 units took {commits} commits");
    });
}

/// Frames that end a transaction (<https://sqlite.org/fileformat2.html#walformat>): their second word is not zero.
fn commits_in_log(file: &str) -> usize {
    let log = std::fs::read(format!("{file}-wal")).unwrap();
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let page_size = usize::try_from(word(8)).unwrap();
    (32..log.len()).step_by(24 + page_size).filter(|frame| word(frame + 4) != 0).count()
}
