//! What the binary is made of: a bill of materials, and the licences of everything in it.
//! Which licences are allowed is checked by `dependencies`.

mod licences;
mod sbom;
mod shipped;

use std::fs;
use std::path::PathBuf;

use crate::command::root;
use shipped::Shipped;

/// Where the files are written. The Debian package takes them from there.
pub(crate) fn folder() -> Result<PathBuf, String> {
    let folder = root().join("target/supply");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

pub(crate) fn write(name: &str, text: &str) -> Result<(), String> {
    let path = folder()?.join(name);
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("written: target/supply/{name}");
    Ok(())
}

/// Writes the bill of materials in the form of CycloneDX.
pub(crate) fn write_sbom() -> Result<bool, String> {
    let document = sbom::document(&Shipped::read()?);
    let text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
    write("rafiki.cdx.json", &format!("{text}\n")).map(|()| true)
}

/// Writes the licences of everything in the binary.
pub(crate) fn write_licences() -> Result<bool, String> {
    write("licences.txt", &licences::text(&Shipped::read()?)?).map(|()| true)
}
