//! The programs of an installed Postgres, run as a user that Postgres accepts.
//!
//! Finding or installing them is in `services`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::command::{program, run};

/// Settings of a server whose data may be lost.
const SERVER_SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "max_connections=1000",
    "shared_buffers=64MB",
];

#[derive(Debug)]
pub(crate) struct PostgresTools {
    /// The folder of the programs.
    pub(crate) folder: PathBuf,
    /// Whether this process runs as root. Postgres refuses to, so its programs then run as the user `postgres`.
    pub(crate) as_root: bool,
}

impl PostgresTools {
    /// Makes the user of the programs the owner of `folder`.
    pub(crate) fn give_away(&self, folder: &Path) -> Result<(), String> {
        let path = folder.display().to_string();
        if self.as_root && !run(&mut program("chown", &["-R", "postgres", &path])).success {
            return Err("cannot hand the test cluster to the user postgres".into());
        }
        Ok(())
    }

    pub(crate) fn make_cluster(&self, data: &str) -> Result<(), String> {
        let arguments =
            ["-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"];
        let made = self.tool("initdb", &arguments).stdout(Stdio::null()).status();
        if made.is_ok_and(|status| status.success()) {
            Ok(())
        } else {
            Err(format!("initdb could not make a cluster in {data}"))
        }
    }

    pub(crate) fn start_server(&self, data: &str, port: u16) -> Result<Child, String> {
        let mut command = self.tool("postgres", &["-D", data, "-p", &port.to_string()]);
        for setting in SERVER_SETTINGS {
            command.args(["-c", setting]);
        }
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        server.map_err(|error| format!("cannot start postgres: {error}"))
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> Command {
        let tool = self.folder.join(name).display().to_string();
        if !self.as_root {
            return program(&tool, arguments);
        }
        let mut command = program("setpriv", &["--reuid=postgres", "--regid=postgres", "--init-groups", &tool]);
        command.args(arguments).current_dir("/");
        command
    }
}
