//! A separate Postgres server for measurements, with the durable defaults unless settings say otherwise.
//!
//! The shared cluster of the tests is another one: it gives up durability for speed.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Stopped when dropped. Its folder is removed too.
#[derive(Debug)]
pub struct PostgresServer {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
}

impl PostgresServer {
    /// Creates and starts a server with its files below `folder`. A setting is one word like `fsync=off`.
    pub fn start_in(folder: &Path, settings: &[&str]) -> io::Result<Self> {
        let installed = fs::read_dir("/usr/lib/postgresql")?.filter_map(Result::ok).map(|entry| entry.path());
        let newest = installed.max().ok_or_else(|| io::Error::other("no Postgres server is installed"))?;
        let folder = tempfile::tempdir_in(folder.canonicalize()?)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Self { programs: newest.join("bin"), folder, port };
        if is_root()? {
            // The server runs as another user, who needs access to its files.
            succeed(Command::new("chmod").arg("a+x").arg(server.folder.path()).args(server.folder.path().parent()))?;
            succeed(Command::new("chown").arg("postgres").arg(server.folder.path()))?;
        }
        let data = server.data().display().to_string();
        server.program("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "--no-sync"])?;
        let mut words = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=");
        for setting in settings {
            words.extend([" -c ", setting]);
        }
        let log = server.log_file().display().to_string();
        server.program("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &words, "start"])?;
        Ok(server)
    }

    /// The URL of its first database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its log.
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The server's first process, the parent of those that serve.
    pub fn process(&self) -> io::Result<u32> {
        let lines = fs::read_to_string(self.data().join("postmaster.pid"))?;
        lines.lines().next().unwrap_or_default().parse().map_err(io::Error::other)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs a server program, which refuses to run as root.
    fn program(&self, name: &str, arguments: &[&str]) -> io::Result<()> {
        let program = self.programs.join(name);
        let mut command = if is_root()? {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // The server must not hold this program's pipes open.
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        succeed(command.args(arguments))
    }
}

fn is_root() -> io::Result<bool> {
    Ok(Command::new("id").arg("-u").output()?.stdout.trim_ascii() == b"0")
}

fn succeed(command: &mut Command) -> io::Result<()> {
    if command.status()?.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?} failed"))) }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let data = self.data().display().to_string();
        // If the server does not stop, nothing can be done about it. Its folder is removed anyway.
        let _ = self.program("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]);
    }
}
