//! The playground as a process of its own, and what it costs.
//!
//! What is in it is made in `seed`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use admin_client::{AdminClient, Credentials};
use clock::SystemClock;
use outbound_http::{Outbound, OutboundConfig};
use uuid::Uuid;

use crate::Outcome;

/// The operator of the first institution, and its secret, which is the same in every playground.
pub(crate) const OPERATOR: Uuid = Uuid::from_u128(0x438f_a74a_fa7d_4317_9ced_dde3_2ece_1787);
const SECRET: &str = "iyIgCprjb9uL8wFckR+pLEkJWMB7FJhgkvqhTQR/964=";
/// Linux counts processor time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Playground {
    child: Child,
    ports: u16,
    /// Its files are removed with it.
    _folder: tempfile::TempDir,
}

impl Drop for Playground {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Playground {
    pub(crate) fn start(binary: &Path, ports: u16) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let mut child = Command::new(binary)
            .args(["dev", "--ports", &ports.to_string(), "--data-dir"])
            .arg(folder.path())
            .env("LOG_LEVEL", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", binary.display()))?;
        let output = child.stdout.take().ok_or("the playground has no output")?;
        let mut lines = BufReader::new(output).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.trim() == "ready");
        std::thread::spawn(move || lines.for_each(drop));

        let playground = Self { child, ports, _folder: folder };
        if ready { Ok(playground) } else { Err("the playground did not become ready".into()) }
    }

    pub(crate) fn console(&self) -> String {
        format!("127.0.0.1:{}", self.ports + 11)
    }

    /// The Admin API in the name of the operator.
    pub(crate) fn admin(&self) -> Outcome<AdminClient> {
        let clock = std::sync::Arc::new(SystemClock);
        let http = Outbound::new(OutboundConfig::development(), clock.clone())?;
        let credentials = Credentials { tenant_id: OPERATOR, secret: SECRET.to_owned(), signature_version: 1 };
        let url = format!("http://127.0.0.1:{}/graphql", self.ports + 1).parse()?;
        Ok(AdminClient::new(url, credentials, http, clock))
    }

    /// The share of a core that the process takes in this time.
    pub(crate) async fn processor_share(&self, time: Duration) -> f64 {
        let (begun, before) = (Instant::now(), self.processor_seconds());
        tokio::time::sleep(time).await;
        (self.processor_seconds() - before) / begun.elapsed().as_secs_f64()
    }

    fn processor_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The fields after the command name, which may contain blanks and brackets.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        (ticks(11) + ticks(12)) / TICKS_PER_SECOND
    }
}

/// How many octets a text has after `gzip`, as a proxy in front of the console sends it.
pub(crate) fn compressed(text: &str) -> Outcome<usize> {
    let mut child = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or("gzip has no input")?;
    let text = text.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| "gzip did not read")??;
    Ok(output.stdout.len())
}
