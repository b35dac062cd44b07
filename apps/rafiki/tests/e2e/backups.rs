//! `rafiki backup` while payments are under way, `rafiki restore --verify`, and the restored institution goes on.
//! Odd input is tested with the databases of one role.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use admin_client::OutgoingPaymentState;
use database::sea_orm::{ConnectionTrait, Statement};
use database::{Database, Options};
use futures::StreamExt;
use serde_json::Value;
use testkit::TestDatabase;

use crate::asking::{client, insist};
use crate::books::{assert_sound, await_quiet};
use crate::institutions::{BINARY, Institutions, Run, Side, Storage, postgres_url, run};
use crate::paying::{end_of, pay_once};

const PAYMENTS: usize = 24;
const AMOUNT: u64 = 500;
/// How many of the payments have ended when the backup is taken.
const BEFORE: usize = 6;

#[test]
fn a_backup_under_load_is_restored_verified_and_goes_on() {
    saved_and_restored(Storage::Sqlite);
}

#[test]
fn on_postgres_too_a_backup_under_load_is_restored_verified_and_goes_on() {
    saved_and_restored(Storage::PostgresAlone);
}

fn saved_and_restored(storage: Storage) {
    let Some(mut two) = Institutions::start(storage) else { return };
    let folder = tempfile::tempdir().unwrap();
    let facts = two.facts(Side::CloudNine);
    let roles = role_files(folder.path(), &facts);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cloud_nine = Arc::new(client(&facts));
    let payer = two.address(Side::CloudNine, "gfranklin");
    let payees = [two.address(Side::HappyLife, "pfry"), two.address(Side::CloudNine, "bhamchest")];

    // Remote and local payments in turn, and the backup in the middle of them.
    let backup = folder.path().join("backup");
    let payments = runtime.block_on(async {
        let from = insist(|| cloud_nine.wallet_address_by_url(&payer)).await.unwrap().id;
        let one = |n: usize| pay_once(cloud_nine.clone(), from, payees[n % 2].clone(), AMOUNT, n);
        let mut paying = futures::stream::iter(0..PAYMENTS).map(one).buffer_unordered(5);
        let mut made = Vec::new();
        while made.len() < BEFORE {
            made.push(paying.next().await.unwrap());
        }
        let (to, roles) = (backup.clone(), roles.clone());
        let saving = tokio::task::spawn_blocking(move || save(&to, &roles));
        made.extend(paying.collect::<Vec<_>>().await);
        let saved = saving.await.unwrap();
        assert_eq!(saved.code, Some(0), "{}{}", saved.stdout, saved.stderr);
        made
    });
    assert_eq!(payments.len(), PAYMENTS);

    two.kill(Side::CloudNine);
    runtime.block_on(empty(&facts));
    let restored = restore(&backup, &roles, &["--verify", "--json"]);
    assert_eq!(restored.code, Some(0), "{}{}", restored.stdout, restored.stderr);
    let ledgers = restored.json["ledgers"].as_array().unwrap();
    assert_eq!(ledgers.len(), 2, "those of backend and wallet: {}", restored.json);
    assert!(ledgers.iter().all(|ledger| ledger["sound"] == true), "{}", restored.json);

    // Every payment of the backup comes to an end. Those made later are not known any more.
    two.restart(Side::CloudNine);
    let facts = [two.facts(Side::CloudNine), two.facts(Side::HappyLife)];
    let known = runtime.block_on(async {
        let cloud_nine = client(&facts[0]);
        let mut known = Vec::new();
        for payment in &payments {
            if cloud_nine.outgoing_payment(payment.id).await.is_ok() {
                known.push(end_of(&cloud_nine, payment.id).await);
            }
        }
        known
    });
    println!("{} of {PAYMENTS} payments were in the backup", known.len());
    assert!(known.len() >= BEFORE, "the payments that had ended before are in the backup");
    let completed = known.iter().filter(|payment| payment.state == OutgoingPaymentState::Completed).count();
    assert!(completed >= BEFORE, "what was completed stays completed: {known:?}");
    for facts in &facts {
        await_quiet(facts);
    }
    for side in [Side::CloudNine, Side::HappyLife] {
        assert_eq!(two.stop(side), Some(0), "{}", two.log(side));
    }
    for facts in &facts {
        assert_sound(facts);
    }
}

/// Removes the institution's data in the three roles, as if its disk were new.
async fn empty(facts: &Value) {
    for name in ["databaseUrl", "ledgerUrl", "authDatabaseUrl", "walletDatabaseUrl"] {
        let url = facts[name].as_str().unwrap();
        if let Some(file) = url.strip_prefix("sqlite:") {
            let file = Path::new(file);
            let stem = file.file_stem().unwrap().to_str().unwrap();
            for entry in fs::read_dir(file.parent().unwrap()).unwrap().flatten() {
                if entry.file_name().to_str().unwrap().starts_with(stem) {
                    fs::remove_file(entry.path()).unwrap();
                }
            }
            continue;
        }
        let database = url.rsplit('/').next().unwrap();
        let server = Database::connect(&postgres_url().unwrap(), &Options::default()).await.unwrap();
        for sql in [format!("DROP DATABASE {database} WITH (FORCE)"), format!("CREATE DATABASE {database}")] {
            let backend = server.reader().get_database_backend();
            server.reader().execute_raw(Statement::from_string(backend, sql)).await.unwrap();
        }
        server.close().await;
    }
}

/// The roles as arguments, each with a file of its variables.
pub(crate) fn role_files(folder: &Path, facts: &Value) -> Vec<String> {
    let fact = |name: &str| facts[name].as_str().unwrap().to_owned();
    let tenant = fact("tenantId");
    let backend = format!(
        "DATABASE_URL={}\nLEDGER_DATABASE_URL={}\nOPEN_PAYMENTS_URL={}\nAUTH_SERVER_GRANT_URL=http://localhost:1\n\
         AUTH_SERVER_INTROSPECTION_URL=http://localhost:1\nAUTH_SERVICE_API_URL=http://localhost:1\n\
         ILP_ADDRESS=test.cloud-nine-wallet\nILP_CONNECTOR_URL=http://localhost:1\nINSTANCE_NAME=CLOUD-NINE\nKEY_ID=k\n\
         WEBHOOK_URL=http://localhost:1\nADMIN_API_SECRET=the-hidden-word\nOPERATOR_TENANT_ID={tenant}\n\
         WALLET_ADDRESS_URL={}/.well-known/pay\n",
        fact("databaseUrl"),
        fact("ledgerUrl"),
        fact("openPaymentsUrl"),
        fact("openPaymentsUrl").trim_end_matches('/'),
    );
    let wallet = format!(
        "DATABASE_URL={}\nOPEN_PAYMENTS_URL={}\nGRAPHQL_URL={}\nOPERATOR_TENANT_ID={tenant}\nSIGNATURE_SECRET=s\n\
         WEBHOOK_SIGNATURE_SECRET=s\n",
        fact("walletDatabaseUrl"),
        fact("openPaymentsUrl"),
        fact("adminUrl"),
    );
    [("backend", backend), ("auth", auth_variables(&fact("authDatabaseUrl"))), ("wallet", wallet)]
        .map(|(role, variables)| {
            let file = folder.join(format!("{role}.env"));
            fs::write(&file, variables).unwrap();
            format!("{role}={}", file.display())
        })
        .to_vec()
}

fn auth_variables(database: &str) -> String {
    format!(
        "AUTH_DATABASE_URL={database}\nAUTH_SERVER_URL=http://localhost:3006\nIDENTITY_SERVER_URL=http://localhost:1\n\
         IDENTITY_SERVER_SECRET=i\nADMIN_API_SECRET=s\nOPERATOR_TENANT_ID=438fa74a-fa7d-4317-9ced-dde32ece1787\n\
         COOKIE_KEY=c\n"
    )
}

fn save(to: &Path, roles: &[String]) -> Run {
    run(Command::new(BINARY).arg("backup").arg("--to").arg(to).arg("--json").args(roles))
}

fn restore(from: &Path, roles: &[String], more: &[&str]) -> Run {
    run(Command::new(BINARY).arg("restore").arg("--from").arg(from).args(more).args(roles))
}

/// The authorization server's database, made by `rafiki migrate`, and arguments that name it.
struct Auth {
    folder: tempfile::TempDir,
}

impl Auth {
    fn new() -> Self {
        let auth = Self { folder: tempfile::tempdir().unwrap() };
        let roles = auth.at("auth.db");
        let file = roles[0].split_once('=').unwrap().1;
        let made = run(Command::new(BINARY).args(["migrate", "auth"]).env("ENV_FILE", file));
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        auth
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The role with its database in this file.
    fn at(&self, file: &str) -> Vec<String> {
        self.on(&format!("sqlite:{}", self.path(file).display()))
    }

    fn on(&self, url: &str) -> Vec<String> {
        let file =
            self.path(&format!("{:x}.env", url.bytes().fold(7_u32, |sum, b| sum.wrapping_mul(31) + u32::from(b))));
        fs::write(&file, auth_variables(url)).unwrap();
        vec![format!("auth={}", file.display())]
    }
}

#[test]
fn a_backup_is_checked_and_restored_once_and_damage_is_refused() {
    let auth = Auth::new();
    let backup = auth.path("backup");
    let saved = save(&backup, &auth.at("auth.db"));
    assert_eq!(saved.code, Some(0), "{}", saved.stderr);
    assert_eq!(saved.json["stores"][0]["names"][0], "auth");
    assert!(saved.json["notContained"].to_string().contains("STREAM_SECRET"));
    let checked = restore(&backup, &[], &["--check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(checked.stdout.contains("whole and unchanged"), "{}", checked.stdout);

    let restored = restore(&backup, &auth.at("copy.db"), &["--verify"]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    let again = restore(&backup, &auth.at("copy.db"), &[]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("is not empty"), "{}", again.stderr);

    let file = backup.join("auth/database.sqlite");
    let mut octets = fs::read(&file).unwrap();
    octets[5000] ^= 1;
    fs::write(&file, octets).unwrap();
    for (roles, more) in [(vec![], "--check"), (auth.at("other.db"), "--verify")] {
        let damaged = restore(&backup, &roles, &[more]);
        assert_eq!(damaged.code, Some(3));
        assert!(damaged.stderr.contains("auth/database.sqlite is damaged"), "{}", damaged.stderr);
    }
    assert!(!auth.path("other.db").exists());
}

#[test]
fn what_cannot_be_saved_is_refused_with_the_reason_and_nothing_is_left() {
    let auth = Auth::new();
    let left = auth.path("left");
    let refused = |to: &Path, roles: Vec<String>, code: i32, reason: &str| {
        let refused = save(to, &roles);
        assert_eq!(refused.code, Some(code), "{}", refused.stderr);
        assert!(refused.stderr.contains(reason), "{} does not say {reason}", refused.stderr);
        assert!(!left.exists() && !refused.stderr.contains("hidden-word"));
    };
    refused(&auth.path("auth.db"), auth.at("auth.db"), 1, "exists already");
    refused(&auth.path("no/such/folder"), auth.at("auth.db"), 1, "cannot be written");
    refused(&left, auth.at("missing.db"), 3, "has no tables");
    refused(&left, auth.on("postgres://nobody:hidden-word@127.0.0.1:1/none"), 3, "no Postgres server listens");
    refused(&left, vec!["auth=/no/such/file".to_owned()], 1, "cannot read the file of environment variables");
    fs::write(auth.path("text.db"), "this is no database, only some text that is long enough").unwrap();
    refused(&left, auth.at("text.db"), 3, "is not a SQLite database");
}

#[test]
fn a_full_disk_and_a_kill_leave_nothing_that_is_taken_for_a_backup() {
    let auth = Auth::new();
    let roles = auth.at("auth.db");
    // Files may grow to 35 kB. With the signal ignored the writer gets an error, as on a full disk; without, it is killed.
    for (prefix, ended) in [("trap '' XFSZ; ", Some(1)), ("", None)] {
        let to = auth.path("small");
        let script = format!("{prefix}ulimit -f 70; exec \"$0\" backup --to \"$1\" \"$2\"");
        let mut command = Command::new("sh");
        let stopped = run(command.arg("-c").arg(script).arg(BINARY).arg(&to).arg(&roles[0]));
        assert_eq!(stopped.code, ended, "{}", stopped.stderr);
        assert!(!to.exists());
    }
    let partial = fs::read_dir(auth.folder.path()).unwrap().flatten().map(|entry| entry.path());
    let partial: Vec<PathBuf> = partial.filter(|path| path.display().to_string().contains("small")).collect();
    assert_eq!(partial.len(), 1, "only what was killed is left: {partial:?}");
    let refused = restore(&partial[0], &auth.at("copy.db"), &[]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("not a whole backup"), "{}", refused.stderr);
    assert_eq!(save(&auth.path("small"), &roles).code, Some(0), "the next one is not in the way of it");
}

/// The variables of a card service with its database at `url`, in a file.
fn card_service(folder: &Path, name: &str, url: &str) -> PathBuf {
    let file = folder.join(name);
    let variables = format!(
        "CARD_DATABASE_URL={url}\nGRAPHQL_URL=http://localhost:1/graphql\n\
         TENANT_ID=438fa74a-fa7d-4317-9ced-dde32ece1787\nTENANT_SECRET=s\nWEBHOOK_SIGNATURE_SECRET=s\n"
    );
    fs::write(&file, variables).unwrap();
    file
}

#[test]
fn after_a_kill_in_the_middle_of_a_restore_no_role_starts_and_the_command_can_be_repeated() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = || runtime.block_on(TestDatabase::postgres());
    let (Some(original), Some(target)) = (server(), server()) else { return };
    let auth = Auth::new();
    let cards = card_service(auth.folder.path(), "cards.env", original.url());
    let made = run(Command::new(BINARY).args(["migrate", "card-service"]).env("ENV_FILE", &cards));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let backup = auth.path("backup");
    let roles =
        |auth_role: &[String], cards: &Path| vec![auth_role[0].clone(), format!("card-service={}", cards.display())];
    let saved = save(&backup, &roles(&auth.at("auth.db"), &cards));
    assert_eq!(saved.code, Some(0), "{}", saved.stderr);

    // Another program makes a table of the same name and has not committed it. The restore waits for that.
    let copies = card_service(auth.folder.path(), "copies.env", target.url());
    let copy_of_auth = auth.at("copy.db");
    let roles = roles(&copy_of_auth, &copies);
    let (stranger, watcher) = runtime.block_on(async {
        let stranger = target.connect_again().await;
        let holding = stranger.begin().await.unwrap();
        holding.execute_unprepared("CREATE TABLE jobs (n bigint)").await.unwrap();
        (holding, target.connect_again().await)
    });
    let mut command = Command::new(BINARY);
    command.arg("restore").arg("--from").arg(&backup).args(&roles).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    runtime.block_on(testkit::eventually("the restore waits for the table", || async {
        let waiting = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'rafiki backup' AND wait_event_type = 'Lock'";
        let backend = watcher.reader().get_database_backend();
        let row = watcher.reader().query_one_raw(Statement::from_string(backend, waiting)).await.unwrap().unwrap();
        row.try_get::<i64>("", "n").unwrap() > 0
    }));
    child.kill().unwrap();
    child.wait().unwrap();

    for (role, file) in
        [("auth", copy_of_auth[0].split_once('=').unwrap().1), ("card-service", copies.to_str().unwrap())]
    {
        let refused = run(Command::new("timeout").args(["60", BINARY, role]).env("ENV_FILE", file));
        assert_eq!(refused.code, Some(1), "{role}: {}", refused.stderr);
        assert!(refused.stderr.contains("a restore into it"), "{role}: {}", refused.stderr);
    }
    runtime.block_on(stranger.rollback()).unwrap();
    let again = restore(&backup, &roles, &[]);
    assert!(again.code == Some(1) && again.stderr.contains("remove the file"), "{}", again.stderr);
    fs::remove_file(auth.path("copy.db.restoring")).unwrap();
    let restored = runtime.block_on(testkit::until(std::time::Duration::from_mins(1), || async {
        let again = restore(&backup, &roles, &["--verify"]);
        // The server takes a moment to notice that the killed one is gone.
        (!again.stderr.contains("is under way")).then_some(again)
    }));
    let restored = restored.unwrap();
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    let checked = run(Command::new(BINARY).args(["migrate", "card-service"]).env("ENV_FILE", &copies));
    assert!(checked.stdout.contains("everything was up to date"), "{}{}", checked.stdout, checked.stderr);
}

#[test]
fn a_file_that_is_locked_for_a_moment_is_waited_for() {
    let auth = Auth::new();
    let holder = rusqlite::Connection::open(auth.path("auth.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut command = Command::new(BINARY);
    command.arg("backup").arg("--to").arg(auth.path("backup")).args(auth.at("auth.db"));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // It has the file open and waits for the lock. When that is free, it takes the backup.
    let open_files = format!("/proc/{}/fd", child.id());
    let has_opened = || {
        let open = fs::read_dir(&open_files).into_iter().flatten().flatten();
        open.filter_map(|file| fs::read_link(file.path()).ok()).any(|path| path.ends_with("auth.db"))
    };
    while !has_opened() {
        assert!(child.try_wait().unwrap().is_none(), "it ended without the file");
        std::thread::yield_now();
    }
    holder.execute_batch("COMMIT").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
}
