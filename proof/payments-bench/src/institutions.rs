//! Two peered institutions, each a backend and an authorization server in processes of their own.
//!
//! Their data and environments are those of the playground, which creates them once and is then stopped. The entity of
//! this program replaces its wallets.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::Outcome;

const START_LIMIT: Duration = Duration::from_mins(2);

/// The playground's names of the two institutions.
const SLUGS: [&str; 2] = ["cloud-nine", "happy-life"];

/// The roles of an institution that run beside the entity.
const ROLES: [&str; 2] = ["backend", "auth"];

/// Where the institutions keep their data.
#[derive(Clone, Debug)]
pub enum Storage {
    /// One file each.
    Sqlite,
    /// Databases on the server with this URL.
    Postgres(String),
    /// One file each, and one TigerBeetle cluster each, by its addresses.
    TigerBeetle([String; 2]),
}

/// Both institutions. They are killed when this is dropped.
#[derive(Debug)]
pub struct Institutions {
    folder: TempDir,
    ports: u16,
    facts: [Value; 2],
    processes: Vec<(usize, Child)>,
}

impl Institutions {
    /// Starts both from the program at `binary`, with their files below `folder`. Events go to `entity`, the URL of the
    /// program's entity. Both share the Redis server `redis`, if there is one.
    pub fn start(binary: &Path, folder: &Path, storage: &Storage, redis: Option<&str>, entity: &str) -> Outcome<Self> {
        let folder = tempfile::tempdir_in(folder.canonicalize()?)?;
        let ports = testkit::free_ports();
        let facts = make(binary, folder.path(), ports, storage, redis)?;
        let mut institutions = Self { folder, ports, facts, processes: Vec::new() };
        for (which, slug) in SLUGS.iter().enumerate() {
            for role in ROLES {
                let role_folder = institutions.folder.path().join(slug);
                let log = OpenOptions::new().create(true).append(true).open(role_folder.join(format!("{role}.log")))?;
                let mut command = Command::new(binary);
                command.arg(role).env("ENV_FILE", role_folder.join(format!("{role}.env"))).env("LOG_LEVEL", "warn");
                command.env("WEBHOOK_URL", format!("{entity}/webhooks"));
                command.env("EXCHANGE_RATES_URL", format!("{entity}/rates"));
                let child = start(&mut command, log.into())?;
                institutions.processes.push((which, child));
            }
        }
        Ok(institutions)
    }

    /// The session files that the playground wrote about the institutions.
    pub fn facts(&self) -> &[Value; 2] {
        &self.facts
    }

    /// The URL of a seeded wallet address of an institution.
    pub fn address(&self, which: usize, name: &str) -> String {
        format!("https://localhost:{}/accounts/{name}", self.ports + if which == 0 { 0 } else { 20 })
    }

    /// The ids of all processes.
    pub fn process_ids(&self) -> Vec<u32> {
        self.processes.iter().map(|(_, child)| child.id()).collect()
    }

    /// The name of an institution's database, without the databases of its other roles and its ledger.
    pub fn backend_database(&self, which: usize) -> String {
        let url = self.facts[which]["databaseUrl"].as_str().unwrap_or_default();
        url.rsplit('/').next().unwrap_or_default().split('?').next().unwrap_or_default().to_owned()
    }

    /// What the processes wrote to their logs.
    pub fn logs(&self) -> String {
        let files =
            SLUGS.iter().flat_map(|slug| ROLES.map(|role| self.folder.path().join(slug).join(format!("{role}.log"))));
        files.map(|file| fs::read_to_string(file).unwrap_or_default()).collect()
    }
}

impl Drop for Institutions {
    fn drop(&mut self) {
        for (_, child) in &mut self.processes {
            // A process that has already ended cannot be killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts the playground, which creates data and environments, and reads its session files.
fn make(binary: &Path, folder: &Path, ports: u16, storage: &Storage, redis: Option<&str>) -> Outcome<[Value; 2]> {
    let mut facts = [Value::Null, Value::Null];
    for (which, slug) in SLUGS.iter().enumerate() {
        let mut command = Command::new(binary);
        command.args(["dev", "--only", slug, "--ports", &ports.to_string(), "--data-dir"]).arg(folder);
        command.env("LOG_LEVEL", "warn");

        match storage {
            Storage::Sqlite => {}
            Storage::Postgres(url) => {
                command.args(["--database", url, "--database-name", &format!("bench_{ports}")]);
            }
            Storage::TigerBeetle(clusters) => {
                command.args(["--tigerbeetle", &clusters[which]]);
            }
        }
        if let Some(redis) = redis {
            command.args(["--redis", redis]);
        }

        let mut playground = start(&mut command, Stdio::inherit())?;
        facts[which] = serde_json::from_str(&fs::read_to_string(session_file(folder, slug))?)?;
        let told = Command::new("kill").args(["-TERM", &playground.id().to_string()]).status()?;
        if !told.success() || !playground.wait()?.success() {
            return Err("the playground did not stop cleanly".into());
        }
    }
    Ok(facts)
}

fn session_file(folder: &Path, slug: &str) -> PathBuf {
    folder.join(format!("dev-{slug}.json"))
}

/// Starts a process and waits until it reports that it is ready.
fn start(command: &mut Command, errors: Stdio) -> Outcome<Child> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn()?;
    let stdout = child.stdout.take().ok_or("no output to read")?;
    let (ready, is_ready) = mpsc::channel();
    std::thread::spawn(move || {
        // Reads on to the end, so that the process never blocks on a full pipe.
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line.trim() == "ready" {
                // The receiver is gone if it took too long.
                let _ = ready.send(());
            }
        }
    });
    if is_ready.recv_timeout(START_LIMIT).is_err() {
        let _ = child.kill();
        return Err(format!("{command:?} did not become ready").into());
    }
    Ok(child)
}
