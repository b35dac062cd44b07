//! Says that a role is ready: on standard output, and to systemd if that has started the role (`Type=notify`). So a restart
//! of one process after the other waits for each.
//! What load balancers ask is `/healthz`.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use config::Environment;

use super::running::stop_signal;
use crate::output::say;

/// Where systemd waits (<https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>).
const SOCKET: &str = "NOTIFY_SOCKET";

/// Tells everybody who waits that the role is ready, and returns when it has to stop.
///
/// Signals count before anybody is told, because who has waited may send one at once.
pub(crate) async fn ready_until_stopped(environment: &Environment) {
    let stop = stop_signal();
    tell_ready(environment);
    stop.await;
}

fn tell_ready(environment: &Environment) {
    say("ready\n");
    let Some(socket) = environment.get(SOCKET) else { return };
    if let Err(error) = notify(socket) {
        tracing::warn!(%error, socket, "systemd could not be told that the role is ready");
    }
}

fn notify(socket: &str) -> io::Result<()> {
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_is_told_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("rafiki-test-{}", std::process::id());
        let at_path = UnixDatagram::bind(&path).unwrap();
        let at_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (waiting, socket) in [(at_path, path.display().to_string()), (at_name, format!("@{name}"))] {
            tell_ready(&Environment::of([(SOCKET, socket)]));
            let mut told = [0; 16];
            let length = waiting.recv(&mut told).unwrap();
            assert_eq!(&told[..length], b"READY=1");
        }
        assert!(notify(&folder.path().join("nobody").display().to_string()).is_err());
    }
}
