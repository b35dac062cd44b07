//! Lengths and SHA-256 sums of files. It neither writes nor judges them.
//! The manifest keeps them, and `checking` compares them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::manifest::FileSum;

/// Octets that are read at a time.
const PART: usize = 1 << 20;

/// A sum that grows.
#[derive(Default)]
pub(crate) struct Sum {
    hash: Sha256,
    octets: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, part: &[u8]) {
        self.hash.update(part);
        self.octets += part.len() as u64;
    }

    pub(crate) fn finish(self, path: String) -> FileSum {
        FileSum { path, octets: self.octets, sha256: hex::encode(self.hash.finalize()) }
    }
}

/// The sum of a file, which is called `path` in the backup.
pub(crate) fn sum_of(file: &Path, path: &str) -> io::Result<FileSum> {
    let mut sum = Sum::default();
    each_part(file, |part| {
        sum.add(part);
        Ok(())
    })?;
    Ok(sum.finish(path.to_owned()))
}

/// Reads a file part by part.
pub(crate) fn each_part(file: &Path, mut see: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut file = File::open(file)?;
    let mut part = vec![0; PART];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(()),
            read => see(&part[..read])?,
        }
    }
}
