//! What a database promises, on both dialects.
//! Units of work are in `units`.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use database::sea_orm::{ConnectionTrait, Statement, TryGetable};
use database::{Database, Error, Migrations, Options, Step};
use testkit::on_each_database;

const NOTES: Migrations = Migrations {
    store: "notes",
    steps: &[Step {
        name: "0001_notes",
        sql: "CREATE TABLE notes (id bigint PRIMARY KEY, note text NOT NULL UNIQUE, of bigint REFERENCES notes (id));",
    }],
};

const NOTES_WIDENED: Migrations = Migrations {
    store: "notes",
    steps: &[NOTES.steps[0], Step { name: "0002_colour", sql: "ALTER TABLE notes ADD COLUMN colour text;" }],
};

async fn insert(database: &impl ConnectionTrait, id: i64, note: &str) -> Result<(), Error> {
    let sql = "INSERT INTO notes (id, note) VALUES ($1, $2)";
    let values = [id.into(), note.into()];
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    Ok(database.execute_raw(statement).await.map(|_| ())?)
}

async fn scalar<T: TryGetable>(database: &impl ConnectionTrait, sql: &str) -> T {
    let statement = Statement::from_string(database.get_database_backend(), sql);
    database.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn count(database: &Database) -> i64 {
    scalar(database.reader(), "SELECT count(*) FROM notes").await
}

on_each_database! {
    async fn migrations_are_applied_once_and_only_the_new_ones(database) {
        database.migrate(&NOTES).await.unwrap();
        insert(&database.begin().await.unwrap(), 1, "rolled back").await.unwrap();
        database.migrate(&NOTES).await.unwrap();
        database.migrate(&NOTES_WIDENED).await.unwrap();
        let applied: i64 = scalar(database.reader(), "SELECT count(*) FROM notes_migrations").await;
        assert_eq!(applied, 2);
    }

    async fn two_processes_that_migrate_together_take_turns(database) {
        let other = database.connect_again().await;
        let (one, two) = tokio::join!(database.migrate(&NOTES_WIDENED), other.migrate(&NOTES_WIDENED));
        let applied = one.unwrap().len() + two.unwrap().len();
        assert_eq!(applied, 2, "each step is applied by one of them");
    }

    async fn a_dropped_transaction_leaves_nothing_behind(database) {
        database.migrate(&NOTES).await.unwrap();
        let transaction = database.begin().await.unwrap();
        insert(&transaction, 1, "dropped").await.unwrap();
        drop(transaction);
        let transaction = database.begin().await.unwrap();
        insert(&transaction, 2, "kept").await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(count(&database).await, 1);
    }

    async fn a_duplicate_and_a_missing_reference_are_told_apart(database) {
        database.migrate(&NOTES).await.unwrap();
        let transaction = database.begin().await.unwrap();
        insert(&transaction, 1, "same").await.unwrap();
        let duplicate = insert(&transaction, 2, "same").await.unwrap_err();
        assert!(duplicate.is_unique_violation(), "{duplicate:?}");
        drop(transaction);
        let transaction = database.begin().await.unwrap();
        let dangling = transaction.execute_unprepared("INSERT INTO notes VALUES (3, 'lost', 77)").await.unwrap_err();
        assert!(matches!(Error::from(dangling), Error::ForeignKeyViolation { .. }));
    }

    async fn readers_do_not_wait_for_a_writer(database) {
        database.migrate(&NOTES).await.unwrap();
        let transaction = database.begin().await.unwrap();
        insert(&transaction, 1, "unseen").await.unwrap();
        assert_eq!(count(&database).await, 0);
        transaction.commit().await.unwrap();
        assert_eq!(count(&database).await, 1);
    }

    async fn a_commit_wakes_the_subscribers_of_its_topic_even_before_they_wait(database) {
        let mut subscription = database.subscribe("letters");
        let transaction = database.begin().await.unwrap();
        transaction.wake_on_commit("letters");
        transaction.commit().await.unwrap();
        subscription.notified().await;
    }
}

#[test]
fn writers_of_one_file_in_two_processes_take_turns() {
    testkit::block_on(async {
        let database = testkit::TestDatabase::sqlite().await;
        database.migrate(&NOTES).await.unwrap();
        let other = database.connect_again().await;
        let write = async |database: &Database, base: i64| {
            for id in base..base + 50 {
                let transaction = database.begin().await.unwrap();
                insert(&transaction, id, &id.to_string()).await.unwrap();
                transaction.commit().await.unwrap();
            }
        };
        tokio::join!(write(&database, 0), write(&other, 1000));
        assert_eq!(count(&database).await, 100);
    });
}

#[test]
fn a_commit_wakes_the_subscribers_in_another_process_on_postgres() {
    testkit::block_on(async {
        let Some(database) = testkit::TestDatabase::postgres().await else { return };
        let other = database.connect_again().await;
        let mut subscription = other.subscribe("letters");
        // The first wake-up shows that the listener is connected.
        subscription.notified().await;
        let transaction = database.begin().await.unwrap();
        transaction.wake_on_commit("letters");
        transaction.commit().await.unwrap();
        subscription.notified().await;
    });
}

on_each_database! {
    async fn a_commit_wakes_those_who_follow_its_topic(database) {
        let mut followed = database.follow("payments");
        let transaction = database.begin().await.unwrap();
        transaction.tell_on_commit("payments");
        transaction.commit().await.unwrap();
        followed.notified().await;
    }
}

#[test]
fn a_process_that_follows_is_told_of_the_changes_of_another() {
    testkit::block_on(async {
        let Some(database) = testkit::TestDatabase::postgres().await else { return };
        let other = database.connect_again().await;
        for one in [&*database, &other] {
            // The first wake-up shows that the listener is connected.
            one.subscribe("letters").notified().await;
        }
        database.tell("payments");
        let mut followed = other.follow("payments");
        // A change just before may have come after what is read now. So hearing that another follows is answered once.
        followed.notified().await;
        database.tell("payments");
        followed.notified().await;
    });
}

#[test]
fn an_unusable_url_says_what_a_usable_one_is() {
    testkit::block_on(async {
        let refused = Database::connect("mysql://localhost/x", &Options::default()).await.unwrap_err();
        assert_eq!(refused.to_string(), "a database URL starts with `sqlite:` or `postgres://`");
        let memory = Database::connect("sqlite::memory:", &Options::default()).await.unwrap();
        memory.migrate(&NOTES).await.unwrap();
        assert_eq!(count(&memory).await, 0);
    });
}

#[test]
fn processes_that_start_together_on_an_empty_place_all_come_up() {
    async fn all_come_up(url: &str) {
        let starting = (0..24).map(|_| async {
            let database = Database::connect(url, &Options { postgres_connections: 2, ..Options::default() }).await?;
            database.migrate(&NOTES_WIDENED).await?;
            database.close().await;
            Ok::<_, Error>(())
        });
        let ended: Vec<_> = futures::future::join_all(starting).await;
        assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    }
    testkit::block_on(async {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..4 {
            all_come_up(&format!("sqlite:{}", folder.path().join(format!("{round}.db")).display())).await;
        }
        if let Some(database) = testkit::TestDatabase::postgres().await {
            all_come_up(database.url()).await;
        }
    });
}

on_each_database! {
    async fn a_mark_ends_with_the_commit_of_an_announced_change_and_not_before(database) {
        let watch = database.watch("directory");
        testkit::eventually("changes are heard", async || watch.mark().is_some()).await;
        let mark = watch.mark();
        let transaction = database.begin().await.unwrap();
        transaction.announce_on_commit("directory");
        assert_eq!(watch.mark(), mark);
        transaction.rollback().await.unwrap();
        assert_eq!(watch.mark(), mark, "nothing has changed");
        let transaction = database.begin().await.unwrap();
        transaction.announce_on_commit("directory");
        transaction.commit().await.unwrap();
        assert!(watch.mark().is_some_and(|now| Some(now) != mark));
    }
}

#[test]
fn a_mark_ends_with_a_change_announced_by_another_process() {
    testkit::block_on(async {
        let Some(database) = testkit::TestDatabase::postgres().await else { return };
        let other = database.connect_again().await;
        let watch = other.watch("directory");
        testkit::eventually("changes are heard", async || watch.mark().is_some()).await;
        let mark = watch.mark();
        let transaction = database.begin().await.unwrap();
        transaction.announce_on_commit("directory");
        transaction.commit().await.unwrap();
        testkit::eventually("the mark is gone", async || watch.mark() != mark).await;
    });
}

#[test]
fn no_mark_outlives_the_connection_over_which_changes_are_heard() {
    testkit::block_on(async {
        let Some(database) = testkit::TestDatabase::postgres().await else { return };
        let other = database.connect_again().await;
        let watch = other.watch("directory");
        testkit::eventually("changes are heard", async || watch.mark().is_some()).await;
        let mark = watch.mark();
        let listeners = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
            WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        assert_eq!(scalar::<i64>(database.reader(), listeners).await, 1);
        testkit::eventually("the mark is gone", async || watch.mark() != mark).await;
        testkit::eventually("changes are heard again", async || watch.mark().is_some()).await;
        assert_ne!(watch.mark(), mark);
    });
}
