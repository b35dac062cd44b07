//! Every role with a user of Postgres of its own, made as `deploy/postgres` says: payments are made, and no user can open
//! the database of another role.
//!
//! The server is one of its own that asks for passwords. That of other tests lets everybody in.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use testkit::PostgresServer;
use url::Url;

use super::Separate;
use super::environment::RoleFile;
use crate::institutions::{Side, postgres_url};
use crate::role_process::RoleProcess;

const SETUP: &str = include_str!("../../../../../deploy/postgres/rafiki-databases.sql");
/// The user of the playground, who makes the databases first.
const PLAYGROUND: &str = "playground";

/// A database of Cloud Nine: the end of its name, the role that has it, its variable, and its name in the session file.
const DATABASES: [(&str, &str, &str, &str); 6] = [
    ("backend", "backend", "DATABASE_URL", "databaseUrl"),
    ("ledger", "backend", "LEDGER_DATABASE_URL", "ledgerUrl"),
    ("auth", "auth", "AUTH_DATABASE_URL", "authDatabaseUrl"),
    ("wallet", "wallet", "DATABASE_URL", "walletDatabaseUrl"),
    ("card_service", "card-service", "CARD_DATABASE_URL", "cardDatabaseUrl"),
    ("point_of_sale", "point-of-sale", "POS_DATABASE_URL", "posDatabaseUrl"),
];

/// A Postgres server that asks everybody but its superuser for a password.
struct Server {
    server: PostgresServer,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Option<Self> {
        postgres_url()?;
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("rules.conf");
        let text = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(&rules, text).unwrap();
        let server = PostgresServer::start_in(folder.path(), &[&format!("hba_file={}", rules.display())]).unwrap();
        Some(Self { server, folder })
    }

    /// The URL of a database for this user with this password.
    fn url(&self, user: &str, password: &str, database: &str) -> String {
        let mut url = Url::parse(&self.server.url()).unwrap();
        url.set_username(user).unwrap();
        url.set_password(Some(password)).unwrap();
        url.set_path(database);
        url.to_string()
    }

    /// The same for a role.
    fn url_of(&self, role: &str, database: &str) -> String {
        self.url(&user_of(role), &password_of(role), database)
    }

    fn as_superuser(&self, database: &str, sql: &str) {
        let mut url = Url::parse(&self.server.url()).unwrap();
        url.set_path(database);
        let done = psql(url.as_str(), &["-c", sql]);
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

fn user_of(role: &str) -> String {
    format!("rafiki_{}", role.replace('-', "_"))
}

fn password_of(role: &str) -> String {
    format!("own-word-of-{role}")
}

fn psql(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("psql");
    command.arg(url).args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]).args(arguments);
    command.output().unwrap()
}

/// What a server says to somebody who opens a database, or nothing if it lets in.
fn refusal(url: &str) -> Option<String> {
    let tried = psql(url, &["-c", "SELECT 1"]);
    (!tried.status.success()).then(|| String::from_utf8_lossy(&tried.stderr).into_owned())
}

/// Makes the users as the file in `deploy` says, with other passwords.
fn set_up(server: &Server) {
    let roles = ["backend", "auth", "wallet", "card-service", "point-of-sale"];
    let text = roles.iter().fold(SETUP.to_owned(), |text, role| {
        let example = format!("'change me: {}'", role.replace('-', " "));
        assert!(text.contains(&example), "{example}");
        text.replace(&example, &format!("'{}'", password_of(role)))
    });
    assert!(!text.contains("change me"), "every password is replaced");
    let file = server.folder.path().join("setup.sql");
    std::fs::write(&file, text).unwrap();
    let done = psql(&server.server.url(), &["-f", &file.display().to_string()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Gives each database of Cloud Nine to the user of its role, as an installation does that had one user before.
fn hand_over(all: &mut Separate, server: &Server, name: &str) {
    let full = |part: &str| format!("{name}_c9_{part}");
    for (part, role, ..) in DATABASES {
        let sql = format!("REASSIGN OWNED BY {PLAYGROUND} TO {}", user_of(role));
        // What is shared by all databases of the server belongs to the playground again.
        server.as_superuser(&full(part), &sql);
        for (other, ..) in DATABASES {
            server.as_superuser("postgres", &format!("ALTER DATABASE {} OWNER TO {PLAYGROUND}", full(other)));
        }
        for other in ["backend", "ledger", "auth", "wallet", "card_service", "point_of_sale", "shop"] {
            let sql = format!("ALTER DATABASE {name}_hl_{other} OWNER TO {PLAYGROUND}");
            server.as_superuser("postgres", &sql);
        }
    }
    for (part, role, variable, fact) in DATABASES {
        let database = full(part);
        server.as_superuser("postgres", &format!("ALTER DATABASE {database} OWNER TO {}", user_of(role)));
        server.as_superuser("postgres", &format!("REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC"));
        let url = server.url_of(role, &database);
        let mut file = RoleFile::read(&all.folder(Side::CloudNine), role);
        file.set(variable, url.clone());
        file.write();
        all.facts[Side::CloudNine as usize][fact] = Value::from(url);
    }
    all.write_session(Side::CloudNine, &all.facts[Side::CloudNine as usize]);
}

/// A role makes its tables in the empty database that the file in `deploy` gives it.
fn assert_begins(folder: &Path, server: &Server) {
    let mut process = RoleProcess::new("auth", folder, Vec::new(), "empty");
    process.variables.push(("AUTH_DATABASE_URL", server.url_of("auth", "rafiki_auth")));
    let ready = process.launch();
    process.assert_ready(ready);
    process.stop();
}

#[test]
fn payments_are_made_by_roles_with_users_of_their_own_who_can_open_no_other_database() {
    let Some(server) = Server::start() else {
        println!("SKIPPED: users of Postgres (set TEST_POSTGRES_URL, or run `cargo xtask test`)");
        return;
    };
    let create = format!("CREATE ROLE {PLAYGROUND} LOGIN CREATEDB PASSWORD 'of-the-playground'");
    server.as_superuser("postgres", &create);
    let url = String::leak(server.url(PLAYGROUND, "of-the-playground", "postgres"));
    let mut all = Separate::prepared(Box::leak(Box::new(["--database", &*url, "--database-name", "users"])));
    set_up(&server);
    hand_over(&mut all, &server, "users");
    assert_begins(&all.folder(Side::CloudNine), &server);
    all.start();
    all.assert_pays("a user of Postgres for all roles");

    let mut refused = 0;
    for (_, role, ..) in DATABASES {
        for (part, owner, ..) in DATABASES {
            let database = format!("users_c9_{part}");
            let told = refusal(&server.url_of(role, &database));
            if owner == role {
                assert_eq!(told, None, "{role} opens {database}");
                let guess = refusal(&server.url(&user_of(role), "a guess", &database));
                assert!(guess.is_some_and(|told| told.contains("password authentication failed")), "{role}");
            } else {
                let told = told.unwrap_or_else(|| panic!("{role} can open {database}"));
                assert!(told.contains("permission denied for database"), "{role} at {database}: {told}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 20, "{refused}");
    all.assert_conserved();
}
