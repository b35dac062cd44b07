//! The crates of the binary and of its build, as cargo resolves them for this system with the lock file.
//! How they are written down is in `sbom` and `licences`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{capture, cargo, root};

/// The package with the binary.
const BINARY: &str = "rafiki";

/// Where a crate is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Code of it is in the binary.
    Binary,
    /// It runs while the binary is built.
    Build,
}

/// A crate.
#[derive(Clone, Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) version: String,
    /// An SPDX expression, or nothing if there is only a file.
    pub(crate) licence: String,
    pub(crate) authors: Vec<String>,
    pub(crate) repository: Option<String>,
    /// Whether it is from outside.
    pub(crate) outside: bool,
    /// SHA-256 of its archive, as the lock file has it.
    pub(crate) checksum: Option<String>,
    pub(crate) part: Part,
    /// The folder of its sources.
    pub(crate) folder: PathBuf,
    /// Keys of the crates that it uses.
    pub(crate) uses: Vec<String>,
}

/// All of them, by key.
pub(crate) struct Shipped {
    pub(crate) crates: BTreeMap<String, Crate>,
    /// The key of the crate with the binary.
    pub(crate) binary: String,
}

impl Shipped {
    pub(crate) fn read() -> Result<Self, String> {
        let host = capture(&mut crate::command::program("rustc", &["-vV"])).ok_or("rustc does not run")?;
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not name its host")?;
        let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", host];
        let metadata =
            capture(&mut cargo(&arguments)).ok_or("cargo metadata --locked failed; is Cargo.lock current?")?;
        let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
        let lock = std::fs::read_to_string(root().join("Cargo.lock")).map_err(|error| error.to_string())?;
        Self::of(&metadata, &lock)
    }

    fn of(metadata: &Value, lock: &str) -> Result<Self, String> {
        let packages = by(&metadata["packages"], "id");
        let nodes = by(&metadata["resolve"]["nodes"], "id");
        let is_binary = |package: &&Value| package["name"] == BINARY && package["source"].is_null();
        let start = packages.values().find(|package| is_binary(package)).ok_or("there is no package of the binary")?;
        let start = text(&start["id"]);

        // Macros run in the compiler, so what only they use is not in the binary.
        let in_binary = reached(start, &nodes, |package, kind| kind.is_null() && !is_macro(packages.get(package)));
        let in_build = reached(start, &nodes, |_, kind| kind != "dev");
        let checksums = checksums(lock);
        let mut crates = BTreeMap::new();
        for id in &in_build {
            let Some(package) = packages.get(id) else { continue };
            let uses = used_by(nodes.get(id), |kind| kind != "dev");
            let part = if in_binary.contains(id) { Part::Binary } else { Part::Build };
            let one =
                described(package, part, &checksums, uses.iter().filter_map(|id| packages.get(*id)).map(|p| key(p)));
            crates.insert(key(package), one);
        }
        let binary = packages.get(start).map(|package| key(package)).unwrap_or_default();
        Ok(Self { crates, binary })
    }

    /// Those from outside whose code is in the binary.
    pub(crate) fn outside_in_binary(&self) -> impl Iterator<Item = &Crate> {
        self.crates.values().filter(|one| one.outside && one.part == Part::Binary)
    }
}

fn described(
    package: &Value,
    part: Part,
    checksums: &BTreeMap<(String, String), String>,
    uses: impl Iterator<Item = String>,
) -> Crate {
    let (name, version) = (text(&package["name"]).to_owned(), text(&package["version"]).to_owned());
    let authors = package["authors"].as_array().into_iter().flatten().map(|author| text(author).to_owned());
    let manifest = Path::new(text(&package["manifest_path"]));
    let mut uses: Vec<String> = uses.collect();
    uses.sort();
    Crate {
        checksum: checksums.get(&(name.clone(), version.clone())).cloned(),
        // The slash is an older way to write a choice.
        licence: text(&package["license"]).replace('/', " OR "),
        authors: authors.collect(),
        repository: package["repository"].as_str().map(str::to_owned),
        outside: !package["source"].is_null(),
        folder: manifest.parent().unwrap_or(manifest).to_owned(),
        name,
        version,
        part,
        uses,
    }
}

/// `name version`. Two releases of a crate are two crates.
fn key(package: &Value) -> String {
    format!("{} {}", text(&package["name"]), text(&package["version"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn by<'a>(list: &'a Value, name: &str) -> BTreeMap<&'a str, &'a Value> {
    list.as_array().into_iter().flatten().map(|one| (text(&one[name]), one)).collect()
}

fn is_macro(package: Option<&&Value>) -> bool {
    let targets = package.and_then(|package| package["targets"].as_array()).into_iter().flatten();
    targets.flat_map(|target| target["kind"].as_array().into_iter().flatten()).any(|kind| kind == "proc-macro")
}

/// What a node uses by an edge of a kind that counts.
fn used_by<'a>(node: Option<&&'a Value>, counts: impl Fn(&Value) -> bool) -> Vec<&'a str> {
    let used = node.and_then(|node| node["deps"].as_array()).into_iter().flatten();
    let counts = |used: &&Value| used["dep_kinds"].as_array().into_iter().flatten().any(|edge| counts(&edge["kind"]));
    used.filter(counts).map(|used| text(&used["pkg"])).collect()
}

/// Everything that is reached by edges that count: the package at the end, and the kind.
fn reached<'a>(
    start: &'a str,
    nodes: &BTreeMap<&'a str, &'a Value>,
    counts: impl Fn(&str, &Value) -> bool,
) -> BTreeSet<&'a str> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            let of_any_kind = used_by(nodes.get(id), |_| true);
            let counted = |used: &&&str| used_by(nodes.get(id), |kind| counts(used, kind)).contains(*used);
            next.extend(of_any_kind.iter().filter(counted));
        }
    }
    seen
}

/// The checksums of the lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]") {
        let field = |name: &str| {
            let line =
                package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'));
            line.map(str::to_owned)
        };
        if let (Some(name), Some(version), Some(checksum)) = (field("name"), field("version"), field("checksum")) {
            found.insert((name, version), checksum);
        }
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A binary that uses a library, a macro with a helper, a tool of its build, and a helper of its tests.
    pub(crate) fn small() -> Shipped {
        let package = |name: &str, kind: &str, source: Value, license: &str| {
            json!({
                "id": name, "name": name, "version": "1.0.0", "license": license, "source": source, "authors": ["A. Uthor"],
                "repository": "https://code.example/x", "manifest_path": format!("/nowhere/{name}/Cargo.toml"),
                "targets": [{"kind": [kind]}],
            })
        };
        let edge = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let outside = || json!("registry");
        let metadata = json!({
            "packages": [
                package("rafiki", "bin", Value::Null, "Apache-2.0"), package("lib", "lib", outside(), "MIT/Apache-2.0"),
                package("macro", "proc-macro", outside(), "MIT"), package("quote", "lib", outside(), "MIT"),
                package("cc", "lib", outside(), "MIT"), package("tests", "lib", outside(), "MIT"),
            ],
            "resolve": {"nodes": [
                {"id": "rafiki", "deps": [
                    edge("lib", Value::Null), edge("macro", Value::Null), edge("cc", json!("build")), edge("tests", json!("dev")),
                ]},
                {"id": "macro", "deps": [edge("quote", Value::Null)]},
            ]},
        });
        let lock = "[[package]]\nname = \"lib\"\nversion = \"1.0.0\"\nchecksum = \"00ff\"\n";
        Shipped::of(&metadata, lock).unwrap()
    }

    #[test]
    fn what_runs_in_the_build_is_not_in_the_binary_and_tests_are_in_neither() {
        let shipped = small();
        let part = |name: &str| shipped.crates.get(&format!("{name} 1.0.0")).map(|one| one.part);
        assert_eq!([part("rafiki"), part("lib")], [Some(Part::Binary); 2]);
        assert_eq!([part("macro"), part("quote"), part("cc")], [Some(Part::Build); 3]);
        assert_eq!(part("tests"), None);
        let library = &shipped.crates["lib 1.0.0"];
        assert_eq!((library.checksum.as_deref(), library.licence.as_str()), (Some("00ff"), "MIT OR Apache-2.0"));
    }

    #[test]
    fn every_outside_crate_of_this_binary_has_a_checksum_and_a_licence() {
        let shipped = Shipped::read().unwrap();
        assert!(shipped.outside_in_binary().count() > 100);
        let open = shipped.outside_in_binary().filter(|one| one.checksum.is_none()).map(|one| &one.name);
        assert_eq!(open.collect::<Vec<_>>(), Vec::<&String>::new());
    }
}
