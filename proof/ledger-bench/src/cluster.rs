//! A Postgres cluster with the server's own, durable defaults, for as long as the measurement takes.
//!
//! Not the tests' cluster, which trades durability for speed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

use crate::Outcome;

/// Stopped when dropped; its folder goes with the measurement's.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    data: PathBuf,
    socket: tempfile::TempDir,
}

impl Cluster {
    /// Makes and starts a cluster below `folder`.
    pub fn start(folder: &Path) -> Outcome<Self> {
        let installed = std::fs::read_dir("/usr/lib/postgresql")?.filter_map(Result::ok).map(|entry| entry.path());
        let programs = installed.max().ok_or("no Postgres server is installed; give --postgres <url>")?.join("bin");
        let folder = folder.canonicalize()?;
        let data = folder.join("postgres");
        std::fs::create_dir(&data)?;
        let cluster = Self { programs, data, socket: tempfile::tempdir()? };
        if is_root()? {
            let places = [cluster.data.display().to_string(), cluster.socket.path().display().to_string()];
            done(Command::new("chmod").arg("711").arg(&folder).output()?)?;
            done(Command::new("chown").arg("postgres").args(places).output()?)?;
        }
        let data = cluster.data.display().to_string();
        done(cluster.program("initdb", &format!("-D {data} -U postgres -A trust"))?)?;
        let settings = format!("-c listen_addresses= -c unix_socket_directories={}", cluster.socket.path().display());
        done(cluster.program("pg_ctl", &format!("-D {data} -w -l {data}/log -o '{settings}' start"))?)?;
        Ok(cluster)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        let socket = self.socket.path().display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{socket}/postgres")
    }

    /// The server's first process, whose children serve.
    pub fn process(&self) -> Outcome<u32> {
        let lines = std::fs::read_to_string(self.data.join("postmaster.pid"))?;
        Ok(lines.lines().next().unwrap_or_default().parse()?)
    }

    /// Runs a server program; the server refuses to be run by root.
    fn program(&self, name: &str, arguments: &str) -> Outcome<Output> {
        let line = format!("{} {arguments}", self.programs.join(name).display());
        let mut command = if is_root()? {
            let mut command = Command::new("su");
            command.args(["postgres", "-s", "/bin/sh", "-c", &line]);
            command
        } else {
            let mut command = Command::new("sh");
            command.args(["-c", &line]);
            command
        };
        // The server must not hold this program's pipes open.
        if name == "pg_ctl" {
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            return Ok(Output { status: command.status()?, stdout: Vec::new(), stderr: Vec::new() });
        }
        Ok(command.output()?)
    }
}

/// A new database on the server of `url`; its name is the next that is free.
pub async fn new_database(url: &str) -> Outcome<String> {
    let mut connection = PgConnection::connect(url).await?;
    for number in 1.. {
        let name = format!("ledger_bench_{number}");
        let made = sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await;
        match made {
            Ok(_) => {
                let mut url: Url = url.parse()?;
                url.set_path(&name);
                return Ok(url.into());
            }
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P04") => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err("every name is taken".into())
}

fn is_root() -> Outcome<bool> {
    Ok(Command::new("id").arg("-u").output()?.stdout.trim_ascii() == b"0")
}

fn done(output: Output) -> Outcome<()> {
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned().into()) }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nothing can be done about a server that does not stop; its folder is removed under it.
        let _ = self.program("pg_ctl", &format!("-D {} -m fast stop", self.data.display()));
    }
}
