//! The processor time of a measurement, independent of other work of the machine.
//!
//! It covers this process, including its load, and the children of a server.

use std::fs;

use crate::Outcome;

/// A tick of the kernel's accounting of processes.
const TICK_US: f64 = 1e4;

/// Microseconds of processor time so far, of this process and of a server's children. Ended children are not counted,
/// so take differences only while the same children live.
pub fn busy_us(server: Option<u32>) -> Outcome<f64> {
    let own = busy_of(std::process::id())?;
    Ok(own + server.map_or(Ok(0.0), busy_of_children)?)
}

/// Microseconds of processor time of one process so far.
pub fn busy_of(process: u32) -> Outcome<f64> {
    Ok(ticks(&fs::read_to_string(format!("/proc/{process}/stat"))?, None).unwrap_or(0.0) * TICK_US)
}

/// The same of all children that a process has now.
pub fn busy_of_children(parent: u32) -> Outcome<f64> {
    let mut busy = 0.0;
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        // A process may end while it is read.
        if let Ok(stat) = fs::read_to_string(entry.path().join("stat")) {
            busy += ticks(&stat, Some(parent)).unwrap_or(0.0);
        }
    }
    Ok(busy * TICK_US)
}

/// The ticks in a line of `/proc/<pid>/stat`, if the process is a child of `parent`.
fn ticks(stat: &str, parent: Option<u32>) -> Option<f64> {
    // The name is in parentheses and may contain any character. After it follow state, parent, and from the twelfth
    // field on the times in user and system mode.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if parent.is_some_and(|parent| fields.get(1) != Some(&parent.to_string().as_str())) {
        return None;
    }
    Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
}
