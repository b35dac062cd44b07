//! All entries of a ledger as lines, in order, page by page: an export needs little memory, however long the ledger is.
//! An SQL ledger is read as of one instant. A cluster is read up to its newest transfer.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clock::Timestamp;
use ledger::LedgerJournal as _;
use ledger_sql::Journal;

use super::balance::named;
use super::line::{Line, NAMES};
use super::options::{LedgerExportOptions, LineForm};
use super::{place, unreadable};
use crate::failure::Failure;
use crate::ledger_place::{Cluster, LedgerPlace};

/// Entries that are read at a time.
const PAGE: u32 = 1000;

/// Whether more lines are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Waits,
    HasGone,
}

pub(crate) async fn export(options: &LedgerExportOptions) -> Result<(), Failure> {
    let place = place(options.url.as_ref())?;
    let mut out = Out::open(options.to.as_deref())?;
    let wanted = Wanted::of(options);
    if options.format == LineForm::Csv {
        out.write(NAMES)?;
    }
    match place {
        LedgerPlace::Database(url) => of_database(&url, options.after, &wanted, &mut out).await?,
        LedgerPlace::Cluster(cluster) => of_cluster(&cluster, options.after, &wanted, &mut out).await?,
    }
    out.finish()
}

async fn of_database(url: &str, mut after: u64, wanted: &Wanted, out: &mut Out) -> Result<(), Failure> {
    let mut journal = Journal::open(url).await.map_err(unreadable)?;
    loop {
        let page = journal.page(after, PAGE).await.map_err(unreadable)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.entry.seq;
        let over = wanted.is_over(last.entry.timestamp);
        if wanted.write(page.iter().map(Line::of), out)? == Reader::HasGone || over {
            return Ok(());
        }
    }
}

async fn of_cluster(cluster: &Cluster, after: u64, wanted: &Wanted, out: &mut Out) -> Result<(), Failure> {
    let ledger = cluster.join().await.map_err(unreadable)?;
    let mut next = Some(after.saturating_add(1));
    while let Some(from) = next {
        let page = ledger.journal_of_transfers(from).await.map_err(unreadable)?;
        next = page.next;
        let over = page.records.last().is_some_and(|last| wanted.is_over(last.record.timestamp));
        let lines = page.records.iter().map(|placed| Line::of_cluster(placed.place, &placed.record));
        if wanted.write(lines, out)? == Reader::HasGone || over {
            return Ok(());
        }
    }
    Ok(())
}

/// Which lines are written, and how.
struct Wanted {
    form: LineForm,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    account: Option<String>,
}

impl Wanted {
    fn of(options: &LedgerExportOptions) -> Self {
        Self {
            form: options.format,
            since: options.since.map(Timestamp::from_jiff),
            until: options.until.map(Timestamp::from_jiff),
            account: options.account.map(named),
        }
    }

    /// Entries are in the order of time.
    fn is_over(&self, at: Timestamp) -> bool {
        self.until.is_some_and(|until| at >= until)
    }

    fn takes(&self, line: &Line) -> bool {
        let early = self.since.zip(line.at).is_some_and(|(since, at)| at < since);
        let late = line.at.is_some_and(|at| self.is_over(at));
        !early && !late && self.account.as_ref().is_none_or(|account| line.concerns(account))
    }

    fn write(&self, lines: impl Iterator<Item = Line>, out: &mut Out) -> Result<Reader, Failure> {
        let mut text = String::new();
        lines.filter(|line| self.takes(line)).for_each(|line| line.write(self.form, &mut text));
        out.write(&text)
    }
}

/// Where the lines go.
enum Out {
    Terminal,
    /// A file under another name until it is complete.
    File {
        file: File,
        draft: PathBuf,
        target: PathBuf,
    },
}

impl Out {
    fn open(to: Option<&Path>) -> Result<Self, Failure> {
        let Some(target) = to else { return Ok(Self::Terminal) };
        let failed = |error| Failure::io(format!("cannot write {}", target.display()), error);
        if fs::symlink_metadata(target).is_ok() {
            return Err(failed(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already; name a new file")));
        }
        let mut draft = target.as_os_str().to_owned();
        draft.push(".partial");
        let draft = PathBuf::from(draft);
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).map_err(failed)?;
        Ok(Self::File { file, draft, target: target.to_owned() })
    }

    fn write(&mut self, text: &str) -> Result<Reader, Failure> {
        match self {
            Self::Terminal => match io::stdout().lock().write_all(text.as_bytes()) {
                Ok(()) => Ok(Reader::Waits),
                // A reader such as `head` has enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::HasGone),
                Err(error) => Err(Failure::io("cannot write to standard output", error)),
            },
            Self::File { file, draft, target } => {
                file.write_all(text.as_bytes()).map(|()| Reader::Waits).map_err(|error| {
                    // It is incomplete anyway.
                    let _ = fs::remove_file(draft);
                    Failure::io(format!("cannot write {}", target.display()), error)
                })
            }
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Terminal => Ok(()),
            Self::File { file, draft, target } => {
                let kept = file.sync_all().and_then(|()| fs::rename(&draft, &target));
                kept.map_err(|error| Failure::io(format!("cannot write {}", target.display()), error))
            }
        }
    }
}
