//! One role as a process of its own, with the variables that the playground wrote for it, and how to start it again.
//!
//! It does not know what the role is for.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::institutions::{BINARY, await_ready};

/// One process. It is killed by whoever has it.
pub(crate) struct RoleProcess {
    pub(crate) role: &'static str,
    environment: PathBuf,
    /// Variables beside those of the file.
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) ports: Vec<(&'static str, u16)>,
    pub(crate) log: PathBuf,
    child: Option<Child>,
}

impl RoleProcess {
    /// A role of the institution whose files are in `folder`. `number` tells its processes apart.
    pub(crate) fn new(role: &'static str, folder: &Path, ports: Vec<(&'static str, u16)>, number: &str) -> Self {
        let (environment, log) = (folder.join(format!("{role}.env")), folder.join(format!("{role}-{number}.log")));
        Self { role, environment, variables: Vec::new(), ports, log, child: None }
    }

    /// Starts it.
    pub(crate) fn launch(&mut self) -> ChildStdout {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(BINARY);
        command.arg(self.role).env("ENV_FILE", &self.environment).env("LOG_LEVEL", "warn");
        // Without this, money streamed to a wallet address would never be announced.
        command.env("WITHDRAWAL_THROTTLE_DELAY", "200");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.envs(self.ports.iter().map(|(name, port)| (*name, port.to_string())));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        self.child = Some(child);
        stdout
    }

    /// Waits until it is ready after `launch`.
    pub(crate) fn assert_ready(&self, stdout: ChildStdout) {
        assert!(await_ready(stdout), "a {} did not become ready:\n{}", self.role, self.log());
    }

    /// The process, if it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// A clean stop.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(told.success());
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(0), "a {} did not stop cleanly:\n{}", self.role, self.log());
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
