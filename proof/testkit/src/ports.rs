//! Rows of free ports for processes that a test starts.
//!
//! It starts nothing. A row stays reserved until the test's process ends.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

/// All rows lie below the ports that the system gives to outgoing connections.
const FIRST_PORT: u16 = 10_000;
const ROWS: u16 = 500;
const ROW: u16 = 40;

/// Listeners on the last port of each row that this process has reserved.
static RESERVED: Mutex<Vec<TcpListener>> = Mutex::new(Vec::new());

/// The first of thirty-nine ports in a row that are free now.
///
/// The last port of the row stays bound until this process ends. It is the lock of the row, because several tests run
/// at the same time as separate processes, and the ports are taken later than they are looked for.
///
/// # Panics
/// If there is no free row.
#[must_use]
pub fn free_ports() -> u16 {
    // Processes begin at different rows, so that few of them look at the same row.
    let start = u16::try_from(std::process::id() % u32::from(ROWS)).unwrap_or(0);
    let mut reserved = RESERVED.lock().expect("no test panics while it reserves ports");

    for step in 0..ROWS {
        let first = FIRST_PORT + (start + step) % ROWS * ROW;
        let Ok(lock) = listener(first + ROW - 1) else { continue };
        if (first..first + ROW - 1).all(|port| listener(port).is_ok()) {
            reserved.push(lock);
            return first;
        }
    }
    panic!("no row of free ports: end other processes that listen on ports from {FIRST_PORT} on");
}

fn listener(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_given_once_while_its_process_lives() {
        let rows: Vec<u16> = (0..3).map(|_| free_ports()).collect();

        let mut distinct = rows.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), rows.len());

        // Another process cannot reserve these rows, also while none of their ports is in use yet.
        assert!(rows.iter().all(|first| listener(first + ROW - 1).is_err()));
    }
}
