//! Postgres and Redis for the tests: found, or installed as Debian packages, and started as temporary instances. Tests
//! start NGINX themselves, so it is only found or installed.
//!
//! They are not for production: no password, no durability, and they end with the process.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::command::{capture, find, program, run, variable};
use crate::postgres_tools::PostgresTools;

const POSTGRES_DIRS: [&str; 4] = [
    "/usr/lib/postgresql/18/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
];

/// Not on the path of every user.
const NGINX_DIRS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Running services; they stop when this is dropped.
#[derive(Debug)]
pub(crate) struct Services {
    folder: PathBuf,
    processes: Vec<Child>,
    postgres_url: String,
    redis_url: String,
    nginx: PathBuf,
}

impl Services {
    /// Finds or installs both servers and starts one instance of each on a free port.
    pub(crate) fn start() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("rafiki-services-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        let mut services = Self {
            folder,
            processes: Vec::new(),
            postgres_url: String::new(),
            redis_url: String::new(),
            nginx: find_or_install("nginx", &NGINX_DIRS, "nginx-light")?,
        };
        services.start_postgres()?;
        services.start_redis()?;
        Ok(services)
    }

    /// Passes the addresses of the services to a test run.
    pub(crate) fn export(&self, command: &mut Command) {
        command.env("TEST_POSTGRES_URL", &self.postgres_url).env("TEST_REDIS_URL", &self.redis_url);
        command.env("TEST_NGINX", &self.nginx);
    }

    /// Whether there is a TigerBeetle server.
    #[expect(clippy::unused_self, reason = "read beside the other services")]
    pub(crate) fn tigerbeetle(&self) -> bool {
        std::env::var_os("TIGERBEETLE_ADDRESSES").is_some() || find("tigerbeetle", &[]).is_some()
    }

    fn start_postgres(&mut self) -> Result<(), String> {
        if let Some(url) = variable("TEST_POSTGRES_URL") {
            println!("postgres: {url} (from TEST_POSTGRES_URL)");
            self.postgres_url = url;
            return Ok(());
        }
        let initdb = find_or_install("initdb", &POSTGRES_DIRS, "postgresql")?;
        let tools = PostgresTools {
            folder: initdb.parent().map(PathBuf::from).unwrap_or_default(),
            as_root: capture(&mut program("id", &["-u"])).is_some_and(|id| id.trim() == "0"),
        };
        let data = self.folder.join("postgres");
        std::fs::create_dir_all(&data).map_err(|error| error.to_string())?;
        let data = data.display().to_string();

        tools.give_away(&self.folder)?;
        tools.make_cluster(&data)?;
        let port = free_port()?;
        self.processes.push(tools.start_server(&data, port)?);
        wait_for_port(port, "postgres")?;
        self.postgres_url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        println!("postgres: {} (throw-away)", self.postgres_url);
        Ok(())
    }

    fn start_redis(&mut self) -> Result<(), String> {
        if let Some(url) = variable("TEST_REDIS_URL") {
            println!("redis: {url} (from TEST_REDIS_URL)");
            self.redis_url = url;
            return Ok(());
        }
        let binary = find_or_install("redis-server", &[], "redis-server")?;
        let port = free_port()?;
        let server = Command::new(binary)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start redis: {error}"))?;
        self.processes.push(server);
        wait_for_port(port, "redis")?;
        self.redis_url = format!("redis://127.0.0.1:{port}");
        println!("redis: {} (throw-away)", self.redis_url);
        Ok(())
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Installs Debian packages. Returns whether that succeeded.
pub(crate) fn install(packages: &[&str]) -> bool {
    println!("installing the Debian packages {}", packages.join(", "));
    let mut install = program("apt-get", &["install", "--yes", "--no-install-recommends"]);
    install.args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut program("apt-get", &["update", "--quiet"])).success && run(&mut install).success
}

fn find_or_install(binary: &str, extra: &[&str], package: &str) -> Result<PathBuf, String> {
    if let Some(path) = find(binary, extra) {
        return Ok(path);
    }
    if !install(&[package]) {
        return Err(format!("{package} is needed for the tests and could not be installed; install it and run again"));
    }
    find(binary, extra).ok_or_else(|| format!("{package} was installed but {binary} is not where it is expected"))
}

fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

fn wait_for_port(port: u16, name: &str) -> Result<(), String> {
    for _ in 0..300 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(format!("{name} did not start within 30 seconds"))
}
