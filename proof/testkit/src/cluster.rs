//! The Postgres server of the tests: the one named by `TEST_POSTGRES_URL`, or a temporary cluster.
//!
//! All tests of a machine and user share the cluster. It listens only on a socket in the temporary folder, and keeps
//! running after the tests. It holds no important data and may be stopped at any time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The URL of a server on which databases may be created; `None`, with a notice, if `TEST_WITHOUT_POSTGRES` is set.
///
/// Without a server and without that variable the test fails, so that no test is skipped without a notice.
pub(crate) fn server_url() -> Option<String> {
    if let Some(url) = variable("TEST_POSTGRES_URL") {
        return Some(url);
    }
    if variable("TEST_WITHOUT_POSTGRES").is_some() {
        eprintln!("NOT TESTED on Postgres: TEST_WITHOUT_POSTGRES is set");
        return None;
    }
    let programs = programs().expect(
        "no Postgres server programs found: `apt-get install postgresql`, or set TEST_POSTGRES_URL, \
         or set TEST_WITHOUT_POSTGRES to leave Postgres untested",
    );
    Some(Cluster::new(programs).ensure_running())
}

/// `server` with another database.
pub(crate) fn with_database(server: &str, name: &str) -> String {
    let (address, parameters) = server.split_once('?').unwrap_or((server, ""));
    let authority = address.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    format!("postgres://{authority}/{name}?{parameters}")
}

#[expect(clippy::disallowed_methods, reason = "the tests' own switches are no configuration of the product")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folder of the newest installed server programs.
fn programs() -> Option<PathBuf> {
    let mut folders: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| folder.join("initdb").exists())
        .collect();
    folders.sort();
    folders.pop().map(|(_, folder)| folder)
}

struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    as_root: bool,
}

impl Cluster {
    fn new(programs: PathBuf) -> Self {
        let user = String::from_utf8(run(&mut Command::new("id"), &["-u"]).stdout).unwrap_or_default();
        let user = user.trim().to_owned();
        let folder = std::env::temp_dir().join(format!("rafiki-test-postgres-{user}"));
        Self { programs, folder, as_root: user == "0" }
    }

    fn ensure_running(&self) -> String {
        fs::create_dir_all(&self.folder).expect("the temporary folder is writable");
        let lock = File::create(self.folder.join("lock")).expect("a lock file can be made");
        lock.lock().expect("the lock file can be locked");
        if !self.is_running() {
            self.start();
        }
        let folder = self.folder.display();
        format!("postgres://postgres@localhost/postgres?host={folder}")
    }

    fn is_running(&self) -> bool {
        let ready = self.program("pg_isready").args(["--quiet", "--host"]).arg(&self.folder).status();
        ready.is_ok_and(|status| status.success())
    }

    /// Runs `initdb` once. The settings give up durability, which tests do not need, for speed.
    fn start(&self) {
        let data = self.folder.join("data");
        if self.as_root {
            // The server refuses to run as root. Debian's package creates the user.
            run(&mut Command::new("chown"), &["postgres", text(&self.folder)]);
        }
        if !data.join("PG_VERSION").exists() {
            let arguments = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D", text(&data)];
            run(&mut self.program("initdb"), &arguments);
        }
        let settings = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c max_connections=400 -c fsync=off \
             -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=64MB",
            self.folder.display()
        );
        let log = self.folder.join("log");
        run(&mut self.program("pg_ctl"), &["-D", text(&data), "-l", text(&log), "-o", &settings, "-w", "start"]);
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        if !self.as_root {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
        command
    }
}

fn run(command: &mut Command, arguments: &[&str]) -> Output {
    // A server that inherited the test's pipes would keep the test runner waiting for their end.
    command.args(arguments).stdin(std::process::Stdio::null());
    let is_server = arguments.contains(&"start");
    if is_server {
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    }
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the temporary folder's name is UTF-8")
}
