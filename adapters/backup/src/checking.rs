//! Whether a folder is a whole and unchanged backup that this program can restore. Nothing is written.
//! What a backup contains is in `manifest`.

use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use crate::Damage;
use crate::manifest::{FORMAT, FileSum, MANIFEST, MANIFEST_SUM, Manifest, Store};
use crate::sums::{Sum, sum_of};

/// A longer manifest is none of ours.
const MANIFEST_MAX: u64 = 16 << 20;

/// A backup that was read through.
pub struct Checked {
    pub(crate) folder: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
}

/// What a program can restore.
pub struct Known<'a> {
    /// The steps of migration that it has, by store.
    pub migrations: &'a [(&'a str, Vec<&'a str>)],
    /// The latest layout of a ledger.
    pub ledger_layout: u32,
}

/// Reads the whole backup and compares every file with the manifest.
pub fn check(folder: &Path, known: &Known<'_>) -> Result<Checked, Damage> {
    if !folder.is_dir() {
        return Err(Damage::NoFolder { path: folder.to_owned() });
    }
    let manifest = read_manifest(folder)?;
    for store in &manifest.stores {
        require_known(&manifest.program, store, known)?;
    }
    for file in manifest.stores.iter().flat_map(Store::files) {
        check_file(folder, file)?;
    }
    Ok(Checked { folder: folder.to_owned(), manifest })
}

fn read_manifest(folder: &Path) -> Result<Manifest, Damage> {
    let damaged = |reason: String| Damage::Manifest { reason };
    let path = folder.join(MANIFEST);
    let file = fs::File::open(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Damage::NotWhole { path: folder.to_owned() },
        _ => damaged(error.to_string()),
    })?;
    let mut octets = Vec::new();
    file.take(MANIFEST_MAX).read_to_end(&mut octets).map_err(|error| damaged(error.to_string()))?;

    // A later format may have another form. It is named before its form is judged.
    let value: serde_json::Value = serde_json::from_slice(&octets).map_err(|error| damaged(error.to_string()))?;
    if value["format"].as_u64().is_some_and(|format| format > u64::from(FORMAT)) {
        let program = value["program"].as_str().unwrap_or("another program").to_owned();
        return Err(Damage::Newer { program, reason: format!("its format is {}", value["format"]) });
    }

    let mut sum = Sum::default();
    sum.add(&octets);
    let stored = fs::read_to_string(folder.join(MANIFEST_SUM))
        .map_err(|error| Damage::File { path: MANIFEST_SUM.to_owned(), reason: error.to_string() })?;
    if stored.split_whitespace().next() != Some(sum.finish(String::new()).sha256.as_str()) {
        return Err(damaged(format!("its SHA-256 is not the one in {MANIFEST_SUM}")));
    }
    serde_json::from_value(value).map_err(|error| damaged(error.to_string()))
}

fn require_known(program: &str, store: &Store, known: &Known<'_>) -> Result<(), Damage> {
    if let Some(layout) = store.ledger_layout.filter(|layout| *layout > known.ledger_layout) {
        let reason =
            format!("its ledger has layout {layout}, and this program knows those up to {}", known.ledger_layout);
        return Err(Damage::Newer { program: program.to_owned(), reason });
    }
    for (book, steps) in &store.migrations {
        let known = known.migrations.iter().find(|(name, _)| name == book).map(|(_, steps)| steps);
        let unknown = match known {
            None => steps.first(),
            Some(known) => steps.iter().find(|step| !known.contains(&step.as_str())),
        };
        if let Some(step) = unknown {
            let reason = format!("it has the migration {step} of {book}");
            return Err(Damage::Newer { program: program.to_owned(), reason });
        }
    }
    Ok(())
}

fn check_file(folder: &Path, file: &FileSum) -> Result<(), Damage> {
    let damaged = |reason: String| Damage::File { path: file.path.clone(), reason };
    let path = Path::new(&file.path);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(damaged("its path leads out of the backup".to_owned()));
    }
    let found = sum_of(&folder.join(path), &file.path).map_err(|error| damaged(error.to_string()))?;
    if found.octets != file.octets {
        return Err(damaged(format!("it has {} octets, and had {}", found.octets, file.octets)));
    }
    if found.sha256 != file.sha256 {
        return Err(damaged("its SHA-256 is not the one in the manifest".to_owned()));
    }
    Ok(())
}
