//! The error for a place that is not a database of this program, or no database at all. Each reason has its own error,
//! at once.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::net::TcpListener;

use database::sea_orm::ConnectionTrait;
use database::{Contents, Database, Dialect, Error, Examination, Migrations, NotOurs, Options, Step, Unreachable};
use testkit::{TestDatabase, block_on, on_each_database};

const NOTES: Migrations = Migrations {
    store: "notes",
    steps: &[Step { name: "0001_notes", sql: "CREATE TABLE notes (id bigint PRIMARY KEY);" }],
};
const NO_NOTES: Migrations = Migrations { store: "notes", steps: &[] };

async fn run(database: &Database, sql: &str) {
    let transaction = database.begin().await.unwrap();
    transaction.execute_unprepared(sql).await.unwrap();
    transaction.commit().await.unwrap();
}

on_each_database! {
    async fn an_empty_database_and_one_of_ours_may_be_used(database) {
        assert_eq!(Contents::of(database.url()).await.unwrap(), Contents::Empty);
        database.migrate(&NOTES).await.unwrap();
        let ours = Contents::of(database.url()).await.unwrap();
        assert_eq!(ours, Contents::Ours { stores: vec!["notes".to_owned()], ledger: false });
        assert_eq!(ours.require(&["notes", "jobs"]), Ok(()));
        let other_role = NotOurs::OtherRole { stores: vec!["notes".to_owned()] };
        assert_eq!(ours.require(&["auth"]), Err(other_role));
    }

    async fn the_original_and_other_programs_are_recognised(database) {
        run(&database, "CREATE TABLE customers (id bigint, name text)").await;
        let foreign = Contents::Foreign { tables: vec!["customers".to_owned()] };
        assert_eq!(Contents::of(database.url()).await.unwrap(), foreign);
        assert!(foreign.require(&["notes"]).unwrap_err().to_string().contains("another program (customers)"));
        run(&database, "CREATE TABLE knex_migrations (id bigint, name text, batch bigint, migration_time text)").await;
        let original = Contents::of(database.url()).await.unwrap();
        assert_eq!(original, Contents::Original);
        assert!(original.require(&["notes"]).unwrap_err().to_string().contains("original Rafiki"));
        assert!(original.require_ledger().is_err());
    }

    async fn no_role_may_use_a_database_whose_restore_has_not_ended(database) {
        run(&database, "CREATE TABLE restore_incomplete (backup text)").await;
        for filled in [false, true] {
            if filled {
                database.migrate(&NOTES).await.unwrap();
            }
            let found = Contents::of(database.url()).await.unwrap();
            assert_eq!(found, Contents::Incomplete { filled });
            assert!(found.require_ledger().is_err());
            let told = found.require(&["notes"]).unwrap_err().to_string();
            assert!(told.contains("interrupted") && told.contains("repeat it"), "{told}");
        }
    }

    async fn migrated_steps_are_reported_and_missing_steps_are_named(database) {
        assert!(database.require_migrated(&NOTES).await.unwrap_err().to_string().contains("0001_notes"));
        assert_eq!(database.migrate(&NOTES).await.unwrap(), ["0001_notes"]);
        assert!(database.migrate(&NOTES).await.unwrap().is_empty());
        database.require_migrated(&NOTES).await.unwrap();
    }

    async fn an_examination_tells_the_missing_and_the_unknown_steps_and_changes_nothing(database) {
        let before = Examination::of(database.url()).await.unwrap();
        assert_eq!(before.pending(&NOTES), ["0001_notes"]);
        assert!(before.version.contains("SQL"), "{}", before.version);
        assert_eq!(before.missing_rights, Vec::<String>::new());
        assert_eq!(Contents::of(database.url()).await.unwrap(), Contents::Empty);
        database.migrate(&NOTES).await.unwrap();
        let after = Examination::of(database.url()).await.unwrap();
        assert!(after.pending(&NOTES).is_empty());
        assert_eq!(after.unknown(&NO_NOTES), ["0001_notes"]);
        assert_eq!(after.server_time.is_some(), database.dialect() == Dialect::Postgres);
    }

    async fn tables_of_a_later_version_are_left_alone(database) {
        database.migrate(&NOTES).await.unwrap();
        let refused = database.migrate(&NO_NOTES).await.unwrap_err();
        assert!(refused.to_string().contains("later version of this program (step 0001_notes)"), "{refused}");
    }
}

#[test]
fn looking_into_a_file_of_another_program_does_not_change_an_octet() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("theirs.db");
        let theirs = rusqlite::Connection::open(&file).unwrap();
        theirs.execute_batch("CREATE TABLE customers (id bigint)").unwrap();
        drop(theirs);
        let before = std::fs::read(&file).unwrap();
        let url = format!("sqlite:{}", file.display());
        assert!(matches!(Contents::of(&url).await.unwrap(), Contents::Foreign { .. }));
        assert_eq!(std::fs::read(&file).unwrap(), before);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies beside it");
        let missing = folder.path().join("none.db");
        assert_eq!(Contents::of(&format!("sqlite:{}", missing.display())).await.unwrap(), Contents::Empty);
        assert!(!missing.exists());
    });
}

async fn reason(url: &str) -> Unreachable {
    match Database::connect(url, &Options::default()).await {
        Err(Error::Unreachable(reason)) => reason,
        other => panic!("{url}: {other:?}"),
    }
}

#[test]
fn a_damaged_file_a_folder_and_a_file_of_something_else_are_told_apart() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("text.db");
        std::fs::write(&file, "this is a letter, and it is longer than one hundred octets, ".repeat(4)).unwrap();
        let url = format!("sqlite:{}", file.display());
        assert!(matches!(Contents::of(&url).await.unwrap_err(), Unreachable::Damaged { .. }));
        let damaged = reason(&url).await;
        assert!(matches!(damaged, Unreachable::Damaged { .. }) && !damaged.may_pass(), "{damaged}");
        let url = format!("sqlite:{}", folder.path().display());
        assert!(matches!(Contents::of(&url).await.unwrap_err(), Unreachable::File { .. }));
    });
}

#[test]
fn a_missing_server_is_reported_at_once_and_may_start_later() {
    block_on(async {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let nobody = reason(&format!("postgres://u@127.0.0.1:{port}/d")).await;
        assert_eq!(nobody, Unreachable::NobodyListens { server: format!("127.0.0.1:{port}") });
        let unknown = reason("postgres://u@no-such-host.invalid/d").await;
        assert_eq!(unknown, Unreachable::UnknownHost { host: "no-such-host.invalid".to_owned() });
        assert!(nobody.may_pass() && unknown.may_pass());
        assert!(!unknown.to_string().contains("DATABASE_URL"), "any URL may be meant");
    });
}

#[test]
fn a_missing_database_a_stranger_and_refused_encryption_are_told_apart() {
    block_on(async {
        let Some(database) = TestDatabase::postgres().await else { return };
        let at = |path: &str| {
            // Parameters may contain a path, so they are removed first.
            let (address, parameters) = database.url().split_once('?').unwrap_or((database.url(), ""));
            let (server, _) = address.rsplit_once('/').unwrap();
            format!("{server}/{path}?{parameters}")
        };
        let missing = reason(&at("no_such_database")).await;
        assert!(matches!(&missing, Unreachable::NoDatabase { database, .. } if database == "no_such_database"));
        assert!(missing.to_string().contains("createdb no_such_database") && !missing.may_pass());
        let stranger = at("postgres").replacen("postgres@", "no_such_user@", 1);
        let stranger = reason(&stranger).await;
        assert!(matches!(&stranger, Unreachable::Refused { user, .. } if user == "no_such_user"), "{stranger}");
        let encrypted = reason(&format!("{}&sslmode=require", at("postgres"))).await;
        assert!(matches!(encrypted, Unreachable::Tls { .. }), "{encrypted}");
    });
}
