//! A TigerBeetle cluster for tests: the one named by `TIGERBEETLE_ADDRESSES`, or a server of the test's own, started
//! from a `tigerbeetle` program on the PATH.
//!
//! No registry has the server. Where it is missing, such tests print a notice and do nothing.

use std::fs::{self, File};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// How long a server may take to listen.
const START_LIMIT: u32 = 600;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A cluster of one replica. Its server and file are removed with it if they are its own.
#[derive(Debug)]
pub struct TigerBeetle {
    addresses: String,
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    file: PathBuf,
    folder: TempDir,
    server: Option<Child>,
    settings: Vec<String>,
}

impl TigerBeetle {
    /// A cluster that other tests may use as well; `None`, with a notice, if there is none.
    #[expect(clippy::disallowed_methods, reason = "the tests' own switches are no configuration of the product")]
    pub fn any() -> Option<Self> {
        match std::env::var("TIGERBEETLE_ADDRESSES") {
            Ok(addresses) => Some(Self { addresses, own: None }),
            Err(_) => Self::own(),
        }
    }

    /// A cluster of this test only, which may be killed and paused; `None`, with a notice, if there is no program.
    pub fn own() -> Option<Self> {
        Self::own_in(&std::env::temp_dir(), &["--development"])
    }

    /// A cluster of this caller only, with its file below `folder` and its server started with `settings`; `None`, with
    /// a notice, if there is no program.
    pub fn own_in(folder: &std::path::Path, settings: &[&str]) -> Option<Self> {
        if !Self::is_installed() {
            return None;
        }

        let folder = tempfile::tempdir_in(folder).expect("a temporary folder can be made");
        let file = folder.path().join("0_0.tigerbeetle");
        let formatted = Command::new("tigerbeetle")
            .args(["format", "--cluster=0", "--replica=0", "--replica-count=1"])
            .args(settings.iter().filter(|setting| **setting == "--development"))
            .arg(&file)
            .output()
            .expect("the program runs");
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));

        let settings = settings.iter().map(ToString::to_string).collect();
        let own = Own { file, folder, server: None, settings };
        let mut cluster = Self { addresses: String::new(), own: Some(own) };
        for port in ports() {
            // Another program may take the port before the server does. Then the server ends, and another port is
            // tried.
            cluster.addresses = format!("127.0.0.1:{port}");
            if cluster.try_start().is_ok() {
                return Some(cluster);
            }
        }
        panic!("no port for a TigerBeetle server");
    }

    /// Whether there is a program to start a server from. If not, a notice is printed.
    pub fn is_installed() -> bool {
        let installed = Command::new("tigerbeetle").arg("version").output().is_ok();
        if !installed {
            println!("SKIPPED: TigerBeetle (put a tigerbeetle program on the PATH, or set TIGERBEETLE_ADDRESSES)");
        }
        installed
    }

    /// Its address, in the form for a client.
    pub fn addresses(&self) -> &str {
        &self.addresses
    }

    /// Whether it is not used by others.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// `kill -9`. Returns when the server has let go of its file and port, which the system does a moment after its end.
    pub fn kill(&mut self) {
        let Some(own) = &mut self.own else { return };
        if let Some(mut server) = own.server.take() {
            server.kill().expect("it can be killed");
            server.wait().expect("it ends");
            File::open(&own.file).and_then(|file| file.lock()).expect("its file is free");
            while TcpStream::connect(&self.addresses).is_ok() {
                std::thread::sleep(LOOK_AGAIN);
            }
        }
    }

    /// Starts a server that was killed, on the same file and port.
    pub fn start(&mut self) {
        self.try_start().expect("the server starts again");
    }

    /// Pauses the server, as if the machine stood still.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Resumes a paused server.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let server = self.own.as_ref().and_then(|own| own.server.as_ref()).expect("a server of the test's own");
        let told = Command::new("kill").args([signal, &server.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "the server is told {signal}");
    }

    fn try_start(&mut self) -> io::Result<()> {
        let own = self.own.as_mut().ok_or(io::ErrorKind::Unsupported)?;
        let log = File::options().create(true).append(true).open(own.folder.path().join("log"))?;
        let mut server = Command::new("tigerbeetle")
            .arg("start")
            .args(&own.settings)
            .arg(format!("--addresses={}", self.addresses))
            .arg(&own.file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;

        for _ in 0..START_LIMIT {
            if server.try_wait()?.is_some() {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            if TcpStream::connect(&self.addresses).is_ok() {
                own.server = Some(server);
                return Ok(());
            }
            std::thread::sleep(LOOK_AGAIN);
        }

        server.kill()?;
        server.wait()?;
        Err(io::ErrorKind::TimedOut.into())
    }
}

/// Free ports, below those that the system gives to outgoing connections. Otherwise a client that tries such a port
/// many times while the server is down may connect to itself, and then the server does not get the port back.
fn ports() -> impl Iterator<Item = u16> {
    let start = u16::try_from(std::process::id() % 2000).unwrap_or(0);
    (0..2000)
        .map(move |step| 30_500 + (start + step) % 2000)
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

impl Drop for TigerBeetle {
    fn drop(&mut self) {
        let Some(own) = &mut self.own else { return };
        if let Some(server) = &mut own.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- tigerbeetle\n{}", fs::read_to_string(own.folder.path().join("log")).unwrap_or_default());
        }
    }
}
