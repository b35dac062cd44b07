//! The processor time and memory of processes so far.
//!
//! The kernel counts them, so other load on the machine does not matter.

use std::fs;

/// The kernel reports processor time in hundredths of a second on all machines used for this.
const TICK_MS: f64 = 10.0;

/// Milliseconds of processor time of these processes.
pub(crate) fn busy_ms(processes: &[u32]) -> f64 {
    processes.iter().filter_map(|id| ticks(&stat(*id))).sum::<f64>() * TICK_MS
}

/// Milliseconds of processor time of the living children of a process. Take differences while the same ones live.
pub(crate) fn children_busy_ms(parent: u32) -> f64 {
    let all = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = ids.map(stat).filter(|stat| field(stat, 1) == Some(f64::from(parent)));
    children.filter_map(|stat| ticks(&stat)).sum::<f64>() * TICK_MS
}

/// Megabytes of memory that these processes have in use.
pub(crate) fn resident_megabytes(processes: &[u32]) -> f64 {
    let of_one = |id: &u32| -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<f64>().ok()
    };
    processes.iter().filter_map(of_one).sum::<f64>() / 1024.0
}

fn stat(id: u32) -> String {
    fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default()
}

/// The name is in parentheses and may contain any character. The fields are counted after it.
fn field(stat: &str, index: usize) -> Option<f64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(index)?.parse().ok()
}

fn ticks(stat: &str) -> Option<f64> {
    Some(field(stat, 11)? + field(stat, 12)?)
}
