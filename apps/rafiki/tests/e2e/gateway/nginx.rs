//! The real NGINX with the files of `deploy/nginx`, unprivileged, in a folder of its own.
//!
//! Only what differs on every machine is changed: ports, addresses of processes, the folder of logs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use testkit::{Certified, until};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nginx");
const INCLUDED: [&str; 7] = [
    "rafiki-common.conf",
    "rafiki-proxy.conf",
    "rafiki-errors.conf",
    "rafiki-open-payments.conf",
    "rafiki-auth.conf",
    "rafiki-packets.conf",
    "rafiki-wallet.conf",
];

/// What one gateway is made of.
pub(super) struct Plan<'a> {
    /// The template of the servers.
    pub(super) template: &'a str,
    /// The file of the processes behind them.
    pub(super) upstreams: &'a str,
    /// What replaces an address in that file.
    pub(super) processes: Vec<(String, u16)>,
    /// The port on which it listens in place of one of the template.
    pub(super) listen: Vec<(u16, u16)>,
    pub(super) certified: &'a Certified,
}

/// A running NGINX. It ends when this is dropped.
pub(super) struct Nginx {
    child: Child,
    folder: TempDir,
}

impl Nginx {
    /// The installed program. Prints a notice if there is none.
    pub(super) fn program() -> Option<PathBuf> {
        let named = std::env::var_os("TEST_NGINX").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let found = named.or_else(|| folders.map(|folder| folder.join("nginx")).find(|file| file.is_file()));
        if found.is_none() {
            println!("SKIPPED: the gateway (install NGINX, or run `cargo xtask test`)");
        }
        found
    }

    /// Starts it, and waits until it listens.
    pub(super) async fn start(program: &Path, plan: &Plan<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        plan.write(folder.path());
        let main = folder.path().join("nginx.conf");
        let tried = Command::new(program).args(["-e", "stderr", "-t", "-c"]).arg(&main).output().unwrap();
        assert!(tried.status.success(), "nginx refuses the files:\n{}", String::from_utf8_lossy(&tried.stderr));
        let log = std::fs::File::create(folder.path().join("error.log")).unwrap();
        let mut command = Command::new(program);
        command.args(["-e", "stderr", "-c"]).arg(&main).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let nginx = Self { child: command.spawn().unwrap(), folder };
        for (_, port) in &plan.listen {
            let reached = until(Duration::from_secs(30), || async {
                tokio::net::TcpStream::connect(("127.0.0.1", *port)).await.ok()
            });
            assert!(reached.await.is_some(), "nginx does not listen on {port}: {}", nginx.errors());
        }
        nginx
    }

    /// What it has logged about requests.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("rafiki.log")).unwrap_or_default()
    }

    /// What it has logged about itself.
    pub(super) fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A killed master would leave its workers.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- nginx\n{}\n{}", self.errors(), self.log());
        }
    }
}

impl Plan<'_> {
    fn write(&self, folder: &Path) {
        let place = folder.display().to_string();
        let shipped = |name: &str| std::fs::read_to_string(Path::new(SHIPPED).join(name)).unwrap();
        let put = |name: &str, text: &str| {
            let text = text.replace("/var/log/nginx", &place);
            std::fs::write(folder.join(name), text).unwrap();
        };
        for name in INCLUDED {
            put(name, &shipped(name));
        }

        let mut upstreams = shipped(self.upstreams);
        for (address, port) in &self.processes {
            assert!(upstreams.contains(&format!("server {address} ")), "{address} is not in {}", self.upstreams);
            upstreams = upstreams.replace(&format!("server {address} "), &format!("server 127.0.0.1:{port} "));
        }
        // Names of machines that this test does not have.
        let known = |line: &&str| !line.contains(".internal:");
        put("upstreams.conf", &upstreams.lines().filter(known).collect::<Vec<_>>().join("\n"));

        let mut servers = shipped(self.template).replace("${DOMAIN}", "localhost").replace("${CERTIFICATES}", &place);
        for (of_template, port) in &self.listen {
            assert!(servers.contains(&format!("listen {of_template} ")), "{of_template} is not in {}", self.template);
            servers = servers.replace(&format!("listen {of_template} "), &format!("listen {port} "));
        }
        // Not every machine has IPv6.
        let listens_elsewhere = |line: &&str| !line.trim_start().starts_with("listen [::]");
        put("servers.conf", &servers.lines().filter(listens_elsewhere).collect::<Vec<_>>().join("\n"));

        put("fullchain.pem", &self.certified.certificate);
        put("privkey.pem", &self.certified.key);
        put("nginx.conf", &main_file(&place));
    }
}

/// What Debian's `nginx.conf` would hold, without what needs rights.
fn main_file(place: &str) -> String {
    // Workers of a master that runs as root would become another user, who may not enter the folder.
    let user = if is_root() { "user root;\n" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {place}/{kind};\n"))
        .concat();
    format!(
        "{user}daemon off;\npid {place}/nginx.pid;\nworker_processes 1;\nevents {{ worker_connections 512; }}\n\
         http {{\n{temporary}  include rafiki-common.conf;\n  include upstreams.conf;\n  include servers.conf;\n}}\n"
    )
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.starts_with(b"0"))
}
