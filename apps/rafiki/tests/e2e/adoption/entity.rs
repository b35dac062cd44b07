//! The sample entity of `examples/entity` beside two roles of the binary, as the steps of adoption run them.
//!
//! The entity is another program in another language. Only its command line and its variables are known here.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::institutions::{BINARY, await_ready, tell};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/entity/entity.py");
/// What ada and bob have at the beginning, in cents.
pub(super) const OPENING: i64 = 100_000;
pub(super) const PIN: &str = "4711";

/// Settings beside those of every step.
#[derive(Clone, Default)]
pub(super) struct Step {
    pub(super) backend: Vec<(&'static str, String)>,
    pub(super) auth: Vec<(&'static str, String)>,
    pub(super) entity: Vec<(&'static str, String)>,
}

/// An institution whose entity is not ours. Its processes end when it is dropped.
pub(super) struct Adopter {
    facts: Value,
    folder: PathBuf,
    running: Vec<Child>,
    entity: Vec<(&'static str, String)>,
}

impl Adopter {
    /// The institution whose roles have their variables in `folder`. Nothing runs yet.
    pub(super) fn new(facts: Value, folder: &Path) -> Self {
        let customer = |path: &str| json!({"path": path, "name": path, "asset": "USD", "scale": 2, "opening": OPENING, "pin": PIN});
        let customers = json!([customer("ada"), customer("bob")]);
        std::fs::write(folder.join("customers.json"), customers.to_string()).unwrap();
        Self { facts, folder: folder.to_owned(), running: Vec::new(), entity: Vec::new() }
    }

    /// Whether there is an interpreter. Prints a notice if not.
    pub(super) fn can_run() -> bool {
        let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
        if !found {
            println!("SKIPPED: the sample entity (install python3)");
        }
        found
    }

    /// A variable of a role.
    pub(super) fn variable(&self, role: &str, name: &str) -> String {
        let text = std::fs::read_to_string(self.folder.join(format!("{role}.env"))).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        value.unwrap_or_else(|| panic!("no {name} in {role}.env")).trim_matches(['"', '\'']).to_owned()
    }

    pub(super) fn fact(&self, name: &str) -> String {
        self.facts[name].as_str().unwrap().trim_end_matches('/').to_owned()
    }

    /// Ends what runs, and starts the roles and the entity with the settings of a step.
    pub(super) fn go(&mut self, step: &Step) {
        self.stop();
        let port = self.fact("walletUrl").rsplit(':').next().unwrap().to_owned();
        self.entity = vec![
            ("PORT", port),
            ("DATABASE", self.folder.join("entity.db").display().to_string()),
            ("CUSTOMERS_FILE", self.folder.join("customers.json").display().to_string()),
            ("OPEN_PAYMENTS_URL", self.fact("openPaymentsUrl")),
            ("GRAPHQL_URL", self.fact("adminUrl")),
            ("TENANT_ID", self.fact("tenantId")),
            ("WEBHOOK_SECRET", self.fact("webhookSecret")),
            ("RATES", json!({"USD": {"EUR": 0.9}}).to_string()),
        ];
        self.entity.extend(step.entity.iter().cloned());
        for (role, variables) in [("auth", &step.auth), ("backend", &step.backend)] {
            let mut command = Command::new(BINARY);
            command.arg(role).env("ENV_FILE", self.folder.join(format!("{role}.env"))).env("LOG_LEVEL", "warn");
            self.launch(role, command.envs(variables.iter().map(|(name, value)| (name, value))));
        }
        self.start_entity();
    }

    pub(super) fn start_entity(&mut self) {
        let mut command = self.program(&["serve"]);
        self.launch("entity", &mut command);
    }

    /// `kill -9` for the entity alone.
    pub(super) fn kill_entity(&mut self) {
        let mut entity = self.running.pop().unwrap();
        entity.kill().unwrap();
        entity.wait().unwrap();
    }

    fn launch(&mut self, name: &str, command: &mut Command) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path(name)).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        self.running.push(child);
        assert!(await_ready(stdout), "{name} did not become ready:\n{}", self.log(name));
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.log_path(name)).unwrap_or_default()
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("python3");
        // Without the second variable the source tree would get a folder of compiled files.
        command.arg(PROGRAM).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1").env_remove("ADMIN_SECRET");
        command.envs(self.entity.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What the entity prints.
    pub(super) fn told(&self, arguments: &[&str]) -> Value {
        let output = self.program(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a customer can spend.
    pub(super) fn balance(&self, path: &str) -> i64 {
        self.told(&["balances"])[path].as_i64().unwrap()
    }

    /// Ends everything: first the entity, so that nothing is sent to it while it goes.
    pub(super) fn stop(&mut self) {
        for mut child in self.running.drain(..).rev() {
            tell(&child, "-TERM");
            child.wait().unwrap();
        }
    }
}

impl Drop for Adopter {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for name in ["backend", "auth", "entity"] {
                eprintln!("--- {name}\n{}", self.log(name));
            }
        }
    }
}
