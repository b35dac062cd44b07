//! The audit log: each requested change, its author and its result. Append-only; each line has a hash of the one
//! before.
//!
//! It is a file of the console, not a store of the instance. Several processes may share it on one machine: the file is
//! locked while a line is added.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::view::Money;

/// The hash in the first line.
const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The maximum length of a line. A line without an end within it is broken.
const LINE_MAX: u64 = 1 << 20;

/// The known state of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// The request to the Admin API follows.
    Asked,
    /// It took effect.
    Done,
    /// It was refused and had no effect.
    Refused,
    /// No answer arrived. The action may have taken effect.
    Unknown,
    /// A sign-in or a sign-out.
    Session,
    /// It waits for a second person.
    Waits,
    /// A second person approved it. The request to the Admin API follows.
    Approved,
    /// A person decided that it is not sent.
    Declined,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) stage: Stage,
    /// The tenant that made the request.
    pub(crate) tenant: Uuid,
    pub(crate) name: String,
    /// The person, if the session has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) person: Option<String>,
    /// The session, so that the actions of one session can be found.
    pub(crate) session: Uuid,
    pub(crate) from: String,
    /// The idempotency key: the same on both lines of an action.
    pub(crate) key: Option<Uuid>,
    pub(crate) action: String,
    /// The page of the action.
    pub(crate) place: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) input: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) before: Value,
    /// The amount that the change moves, in its asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) moves: Option<Money>,
    /// The decimal places of all other amounts in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scale: Option<u8>,
    /// The reason that the user gave for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    previous: String,
    #[serde(flatten)]
    entry: Entry,
    hash: String,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the audit log {path}: {reason}")]
pub struct AuditError {
    path: String,
    reason: String,
}

/// Whether the chain is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    Whole { lines: usize },
    Broken { line: usize },
}

/// The log.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    path: Arc<PathBuf>,
}

impl Audit {
    /// Opens the file, or creates it.
    pub(crate) fn open(path: &Path) -> Result<Self, AuditError> {
        let audit = Self { path: Arc::new(path.to_owned()) };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| audit.failed(&error))?;
        }
        audit.file().map(drop)?;
        Ok(audit)
    }

    /// Adds a line. The line is on the disk when this returns.
    pub(crate) async fn add(&self, entry: Entry) -> Result<(), AuditError> {
        let audit = self.clone();
        let added = tokio::task::spawn_blocking(move || audit.append(entry)).await;
        added.unwrap_or_else(|error| Err(self.failed(&error)))
    }

    /// The last `limit` lines, the newest first.
    pub(crate) async fn latest(&self, limit: usize) -> Result<Vec<Entry>, AuditError> {
        let lines = self.read().await?;
        Ok(lines.into_iter().rev().take(limit).filter_map(|line| serde_json::from_str(&line).ok()).collect())
    }

    /// Reads the whole log and follows the chain.
    pub(crate) async fn verify(&self) -> Result<Chain, AuditError> {
        Ok(follow(&self.read().await?))
    }

    /// The present file.
    pub(crate) async fn export(&self) -> Result<String, AuditError> {
        Ok(self.read().await?.into_iter().map(|line| line + "\n").collect())
    }

    async fn read(&self) -> Result<Vec<String>, AuditError> {
        let audit = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let file = audit.file()?;
            file.lock_shared().map_err(|error| audit.failed(&error))?;
            BufReader::new(file).lines().collect::<Result<Vec<_>, _>>().map_err(|error| audit.failed(&error))
        });
        read.await.unwrap_or_else(|error| Err(self.failed(&error)))
    }

    fn append(&self, entry: Entry) -> Result<(), AuditError> {
        let failed = |error: std::io::Error| self.failed(&error);
        let mut file = self.file()?;
        file.lock().map_err(failed)?;
        let previous = last_hash(&mut file).map_err(failed)?;
        let text = line(&previous, entry).map_err(|error| self.failed(&error))?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.sync_data().map_err(failed)
    }

    fn file(&self) -> Result<File, AuditError> {
        use std::os::unix::fs::OpenOptionsExt;
        let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&*self.path);
        opened.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> AuditError {
        AuditError { path: self.path.display().to_string(), reason: error.to_string() }
    }
}

/// A line with its end and the hash of the one before.
fn line(previous: &str, entry: Entry) -> Result<String, serde_json::Error> {
    let hash = hash(previous, &entry)?;
    let mut text = serde_json::to_string(&Line { previous: previous.to_owned(), entry, hash })?;
    text.push('\n');
    Ok(text)
}

fn hash(previous: &str, entry: &Entry) -> Result<String, serde_json::Error> {
    let mut digest = Sha256::new();
    digest.update(previous.as_bytes());
    digest.update(serde_json::to_string(entry)?.as_bytes());
    Ok(hex::encode(digest.finalize()))
}

/// The hash for the next line. A last line without its end is removed: the write was cut off, for example because the
/// disk was full, and so the action did not follow.
fn last_hash(file: &mut File) -> std::io::Result<String> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(LINE_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;

    let complete = tail.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    if complete == 0 && start > 0 {
        return Err(std::io::Error::other("its last line is too long; move the file away"));
    }
    if complete < tail.len() {
        tail.truncate(complete);
        file.set_len(start + u64::try_from(complete).map_err(std::io::Error::other)?)?;
    }

    let tail = String::from_utf8_lossy(&tail);
    let last = tail.lines().rev().find_map(|line| serde_json::from_str::<Line>(line).ok());
    Ok(last.map_or_else(|| BEGIN.to_owned(), |line| line.hash))
}

fn follow(lines: &[String]) -> Chain {
    let mut previous = BEGIN.to_owned();
    for (at, text) in lines.iter().enumerate() {
        let Ok(line) = serde_json::from_str::<Line>(text) else { return Chain::Broken { line: at + 1 } };
        let fits = line.previous == previous && hash(&previous, &line.entry).is_ok_and(|hash| hash == line.hash);
        if !fits {
            return Chain::Broken { line: at + 1 };
        }
        previous = line.hash;
    }
    Chain::Whole { lines: lines.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(action: &str) -> Entry {
        Entry {
            at: Timestamp::from_millis(1_000),
            stage: Stage::Done,
            tenant: Uuid::nil(),
            name: "Cloud Nine".to_owned(),
            person: None,
            session: Uuid::nil(),
            from: "127.0.0.1".to_owned(),
            key: Some(Uuid::from_u128(7)),
            action: action.to_owned(),
            place: "/assets/create".to_owned(),
            input: json!({"code": "USD", "scale": 2}),
            before: Value::Null,
            moves: None,
            scale: None,
            why: None,
            outcome: None,
        }
    }

    #[tokio::test]
    async fn lines_are_chained_and_a_changed_or_missing_one_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/audit.jsonl");
        let audit = Audit::open(&path).unwrap();
        for action in ["createAsset", "createPeer", "deletePeer"] {
            audit.add(entry(action)).await.unwrap();
        }
        assert_eq!(audit.verify().await.unwrap(), Chain::Whole { lines: 3 });
        assert_eq!(audit.latest(2).await.unwrap()[0].action, "deletePeer");

        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("createPeer", "createAsset")).unwrap();
        assert_eq!(audit.verify().await.unwrap(), Chain::Broken { line: 2 });
        let without: Vec<&str> = text.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| line).collect();
        std::fs::write(&path, without.join("\n") + "\n").unwrap();
        assert_eq!(audit.verify().await.unwrap(), Chain::Broken { line: 2 });
    }

    #[tokio::test]
    async fn a_line_that_was_cut_off_is_removed_and_the_chain_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit::open(&path).unwrap();
        audit.add(entry("createAsset")).await.unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        for cut in [r#"{"previous":"00"#, "{", "\u{e4}"] {
            std::fs::write(&path, format!("{whole}{cut}")).unwrap();
            audit.add(entry("createPeer")).await.unwrap();
            assert_eq!(audit.verify().await.unwrap(), Chain::Whole { lines: 2 }, "{cut}");
        }
        std::fs::write(&path, "{").unwrap();
        audit.add(entry("createPeer")).await.unwrap();
        assert_eq!(audit.verify().await.unwrap(), Chain::Whole { lines: 1 });
    }

    #[tokio::test]
    async fn two_processes_that_write_at_once_make_one_chain() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let writers = [Audit::open(&path).unwrap(), Audit::open(&path).unwrap()];
        let writes = (0..20).map(|n| writers[n % 2].add(entry("setFee")));
        for written in futures::future::join_all(writes).await {
            written.unwrap();
        }
        assert_eq!(writers[0].verify().await.unwrap(), Chain::Whole { lines: 20 });
    }
}
