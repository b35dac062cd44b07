//! Two institutions as two processes of the binary, on free ports and databases of their own.
//!
//! It uses the command line and the files that the binary writes. It knows nothing else about the binary.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{TigerBeetle, free_ports};

use crate::books::{assert_books, await_quiet};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_rafiki");
const START_LIMIT: Duration = Duration::from_mins(1);

/// Where the institutions keep their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Sqlite,
    /// Postgres, and Redis if there is one.
    Postgres,
    /// Postgres, without Redis.
    PostgresAlone,
    /// SQLite, and each institution's ledger in a TigerBeetle cluster of its own.
    TigerBeetle,
}

/// One of the two institutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    CloudNine,
    HappyLife,
}

impl Side {
    /// The name of the side on the command line and of its folder.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::CloudNine => "cloud-nine",
            Self::HappyLife => "happy-life",
        }
    }

    /// The first of its ports, relative to the port base of both.
    pub(crate) fn first_port(self, base: u16) -> u16 {
        match self {
            Self::CloudNine => base,
            Self::HappyLife => base + 20,
        }
    }
}

impl Storage {
    fn needs_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::PostgresAlone)
    }
}

/// Both.
pub(crate) const SIDES: [Side; 2] = [Side::CloudNine, Side::HappyLife];

/// The data that a run of the binary left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) json: Value,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The tap was approved.
    pub(crate) fn assert_approved(&self) {
        let told = (self.code, self.json["result"].as_str());
        assert_eq!(told, (Some(0), Some("approved")), "{} {}", self.stdout, self.stderr);
    }
}

/// Both institutions of one test.
pub(crate) struct Institutions {
    data: TempDir,
    ports: u16,
    storage: Storage,
    /// Further arguments of the command line.
    options: &'static [&'static str],
    database_name: String,
    children: [Option<Child>; 2],
    clusters: Option<[TigerBeetle; 2]>,
    variables: Vec<(String, String)>,
}

impl Institutions {
    /// Starts both. Prints a notice and returns `None` if there is no Postgres or TigerBeetle.
    pub(crate) fn start(storage: Storage) -> Option<Self> {
        Self::start_as(storage, &[], &[])
    }

    /// The same, with these variables in the environment of both.
    pub(crate) fn start_with(storage: Storage, variables: &[(&str, &str)]) -> Option<Self> {
        Self::start_as(storage, &[], variables)
    }

    /// The same, but the two are not peers.
    pub(crate) fn start_unpeered(storage: Storage) -> Option<Self> {
        Self::start_as(storage, &["--unpeered"], &[])
    }

    /// The same, whose roles prove in these ways who they are (`--service-auth`).
    pub(crate) fn start_proving(storage: Storage, options: &'static [&'static str]) -> Option<Self> {
        Self::start_as(storage, options, &[])
    }

    /// The same, with further arguments and variables.
    pub(crate) fn start_as(
        storage: Storage,
        options: &'static [&'static str],
        variables: &[(&str, &str)],
    ) -> Option<Self> {
        if storage.needs_postgres() && postgres_url().is_none() {
            println!("SKIPPED: end-to-end on Postgres (set TEST_POSTGRES_URL, or run `cargo xtask test`)");
            return None;
        }
        let clusters = match storage {
            Storage::TigerBeetle => Some([TigerBeetle::own()?, TigerBeetle::own()?]),
            Storage::Sqlite | Storage::Postgres | Storage::PostgresAlone => None,
        };
        let ports = free_ports();
        let mut institutions = Self {
            data: tempfile::tempdir().unwrap(),
            ports,
            storage,
            options,
            database_name: format!("e2e_{}_{ports}", std::process::id()),
            children: [None, None],
            clusters,
            variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        institutions.launch(Side::CloudNine);
        institutions.launch(Side::HappyLife);
        institutions.await_ready(Side::CloudNine);
        institutions.await_ready(Side::HappyLife);
        Some(institutions)
    }

    fn log_path(&self, side: Side) -> PathBuf {
        self.data.path().join(format!("{}.log", side.slug()))
    }

    fn launch(&mut self, side: Side) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path(side)).unwrap();
        let mut command = Command::new(BINARY);
        command
            .args(["dev", "--only", side.slug(), "--ports", &self.ports.to_string(), "--data-dir"])
            .arg(self.data.path())
            .args(self.options)
            .env("LOG_LEVEL", "warn")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        if self.storage.needs_postgres() {
            command.args(["--database", &postgres_url().unwrap_or_default(), "--database-name", &self.database_name]);
        }
        // At scale the shared cache is Redis. Each test uses one of its sixteen databases.
        if let Some(redis) = variable("TEST_REDIS_URL").filter(|_| self.storage == Storage::Postgres) {
            command.args(["--redis", &format!("{redis}/{}", self.ports / 40 % 16)]);
        }
        if let Some(clusters) = &self.clusters {
            command.args(["--tigerbeetle", clusters[side as usize].addresses()]);
        }
        self.children[side as usize] = Some(command.spawn().unwrap());
    }

    fn await_ready(&mut self, side: Side) {
        let child = self.children[side as usize].as_mut().unwrap();
        let stdout = child.stdout.take().unwrap();
        assert!(await_ready(stdout), "{side:?} did not become ready:\n{}", self.log(side));
    }

    /// The cluster with the ledger of a side.
    pub(crate) fn cluster(&mut self, side: Side) -> &mut TigerBeetle {
        &mut self.clusters.as_mut().unwrap()[side as usize]
    }

    /// The data folder of both.
    pub(crate) fn data_dir(&self) -> &std::path::Path {
        self.data.path()
    }

    /// The log of a side so far.
    pub(crate) fn log(&self, side: Side) -> String {
        std::fs::read_to_string(self.log_path(side)).unwrap_or_default()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, side: Side) {
        let mut child = self.children[side as usize].take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM. Waits for the clean end and returns its exit code.
    pub(crate) fn stop(&mut self, side: Side) -> Option<i32> {
        let mut child = self.children[side as usize].take().unwrap();
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(told.success());
        child.wait().unwrap().code()
    }

    /// Starts a side that was killed or stopped, and waits until it is ready.
    pub(crate) fn restart(&mut self, side: Side) {
        self.launch(side);
        self.await_ready(side);
    }

    /// The session file that the side wrote when it became ready.
    pub(crate) fn facts(&self, side: Side) -> Value {
        let path = self.data.path().join(format!("dev-{}.json", side.slug()));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// The URL of a seeded wallet address.
    pub(crate) fn address(&self, side: Side, slug: &str) -> String {
        format!("https://localhost:{}/accounts/{slug}", side.first_port(self.ports))
    }

    /// `rafiki pay … --yes --json`, while it runs.
    pub(crate) fn start_paying(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(BINARY);
        command.arg("pay").args(arguments).args(["--yes", "--json", "--data-dir"]).arg(self.data.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// `rafiki pay … --yes`, with the output for people.
    pub(crate) fn pay_in_words(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(BINARY);
        command.arg("pay").args(arguments).args(["--yes", "--data-dir"]).arg(self.data.path());
        run(&mut command)
    }

    /// `rafiki payment <id>`.
    pub(crate) fn look_up(&self, id: &str) -> Run {
        run(Command::new(BINARY).args(["payment", id, "--data-dir"]).arg(self.data.path()))
    }

    /// `rafiki admin …`.
    pub(crate) fn admin(&self, arguments: &[&str]) -> Run {
        self.rafiki("admin", arguments)
    }

    /// A command that calls the institutions.
    pub(crate) fn rafiki(&self, command: &str, arguments: &[&str]) -> Run {
        run(Command::new(BINARY).arg(command).args(arguments).arg("--data-dir").arg(self.data.path()))
    }

    /// Sends a signal to a side's process, for example `-STOP`.
    pub(crate) fn signal(&self, side: Side, signal: &str) {
        tell(self.children[side as usize].as_ref().unwrap(), signal);
    }

    /// `rafiki pay … --yes --json`.
    pub(crate) fn pay(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(BINARY);
        command.arg("pay").args(arguments).args(["--yes", "--json", "--data-dir"]).arg(self.data.path());
        run(&mut command)
    }

    /// Waits until nothing is under way, stops both, and checks three things. Each ledger is correct (hash chain,
    /// balances, every asset sums to zero, nothing is held). Each side's account of the other mirrors the other's
    /// account of it. Rows, events, jobs and the wallet agree with the ledger.
    pub(crate) fn assert_conserved(&mut self) {
        let facts = [self.facts(Side::CloudNine), self.facts(Side::HappyLife)];
        for side in SIDES {
            if self.children[side as usize].is_some() {
                await_quiet(&facts[side as usize]);
            }
        }
        for side in SIDES {
            if self.children[side as usize].is_some() {
                assert_eq!(self.stop(side), Some(0), "{side:?} did not stop cleanly:\n{}", self.log(side));
            }
        }
        for side in SIDES {
            let log = self.log(side);
            assert!(
                !log.contains("the stored ledger differs from what was written"),
                "{side:?} raised an alarm: {log}"
            );
        }
        assert_books(&facts);
    }

    /// Stops both. Their folder, their first port, and their session files remain.
    pub(crate) fn stopped_with_files(mut self) -> (TempDir, u16, [Value; 2]) {
        let facts = SIDES.map(|side| self.facts(side));
        for side in SIDES {
            assert_eq!(self.stop(side), Some(0), "{side:?} did not stop cleanly:\n{}", self.log(side));
        }
        let data = std::mem::replace(&mut self.data, tempfile::tempdir().unwrap());
        (data, self.ports, facts)
    }
}

/// `rafiki ledger verify … --json` on an institution's ledger.
pub(crate) fn verify(facts: &Value) -> Run {
    let ledger = facts["ledgerUrl"].as_str().unwrap();
    run(Command::new(BINARY).args(["ledger", "verify", ledger, "--json"]))
}

impl Drop for Institutions {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for side in [Side::CloudNine, Side::HappyLife] {
                eprintln!("--- {side:?}\n{}", self.log(side));
            }
        }
    }
}

/// Sends a signal to a process, for example `-INT`.
pub(crate) fn tell(child: &Child, signal: &str) {
    let told = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(told.success());
}

/// Waits until the process behind `stdout` reports that it is ready; `false` if it does not in time.
pub(crate) fn await_ready(stdout: ChildStdout) -> bool {
    let (ready, is_ready) = mpsc::channel();
    std::thread::spawn(move || {
        // Reads on to the end, so that the process never blocks on a full pipe.
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line.trim() == "ready" {
                let _ = ready.send(());
            }
        }
    });
    is_ready.recv_timeout(START_LIMIT).is_ok()
}

/// A role of the binary that runs until this is dropped.
pub(crate) struct Role(Child);

impl Role {
    /// `rafiki <role>` with only these variables.
    pub(crate) fn start(role: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(BINARY);
        command.arg(role).envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the binary to its end.
pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    Run {
        code: output.status.code(),
        json: serde_json::from_str(&stdout).unwrap_or(Value::Null),
        stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The binary, for runs without institutions.
pub(crate) fn rafiki(arguments: &[&str]) -> Run {
    run(Command::new(BINARY).args(arguments))
}

/// A role that should end without a signal.
pub(crate) fn run_role(role: &str, variables: &[(&str, &str)]) -> Run {
    run(Command::new(BINARY).arg(role).envs(variables.iter().copied()))
}

/// The Postgres server on which tests may create databases.
pub(crate) fn postgres_url() -> Option<String> {
    variable("TEST_POSTGRES_URL")
}

/// The Redis server of the tests, if there is one.
pub(crate) fn redis_url() -> Option<String> {
    variable("TEST_REDIS_URL").map(|server| format!("{server}/0"))
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}
