//! Which ports a process listens on, as the kernel says, and whether they are open to other machines.
//!
//! Every address of 127.0.0.0/8 leads to this machine. A listener at 127.0.0.1 does not answer at 127.0.0.2, and one that is
//! open to other machines does.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The state of a socket that listens, in the tables of the kernel (proc(5)).
const LISTENS: &str = "0A";
const PATIENCE: Duration = Duration::from_secs(5);

/// All ports on which a process listens.
pub(super) fn listening(process: u32) -> BTreeSet<u16> {
    let open = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().filter_map(Result::ok);
    let sockets: BTreeSet<String> = open
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|to| to.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned))
        .collect();
    let tables = ["tcp", "tcp6"].map(|table| std::fs::read_to_string(format!("/proc/{process}/net/{table}")));
    let lines: Vec<String> =
        tables.into_iter().flatten().flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let port = |line: &String| {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = parts.as_slice() else { return None };
        let port = local.rsplit(':').next()?;
        (*state == LISTENS && sockets.contains(*inode)).then(|| u16::from_str_radix(port, 16).unwrap())
    };
    lines.iter().filter_map(port).collect()
}

/// Whether somebody at another machine would get a connection.
pub(super) fn is_open(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 2], port)), PATIENCE).is_ok()
}
