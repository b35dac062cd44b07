//! `cargo xtask …`: the commands for checks and measurements of this project.
//!
//! It is not a build system: each command runs cargo or the built binary and reports.

mod arrows;
mod bench;
mod bench_dev;
mod browser;
mod circles;
mod command;
mod deb;
mod dependencies;
mod deploy;
mod differences;
mod dist;
mod docs;
mod examples;
mod interop;
mod newcomer;
mod postgres_tools;
mod rust_files;
mod services;
mod suite;
mod supply;
mod tally;
mod tidy;
mod toolchain;
mod unused;
mod wasm;

use std::process::ExitCode;

const USAGE: &str = "cargo xtask <verb>

  test               everything CI checks; the last line is the count of tests passed and failed
  lint               formatting, floors, circles of files, unused code and dependencies, licences, the book,
                     clippy and rustdoc with denied warnings
  docs               builds the book into target/book with mdBook, which is installed if it is missing;
                     --check checks it without, --settings, --operations and --routes write the pages made of sources
                     anew,
                     --pictures takes those of the console and the wallet
  dist               the binary that is shipped, the same octets wherever the sources are; --settings prints the
                     variables for that, --auditable puts the list of its crates into it, --twice builds it in
                     two folders and compares
  deb                the Debian package, into target/supply; --development packages the program of target/debug
  sbom               what the binary is made of, as CycloneDX, into target/supply
  licences           the licences of everything in the binary, into target/supply
  wasm               the pure floors built for wasm32, and their imports
  browser            the console in a real browser: every page, and the tasks of an operator by keyboard
  interop            the published packages against our crates and binary
  fuzz --short       every fuzz target for 30 seconds (--seconds N for another time)
  bench <name>       protocols | ledger | connector | apis | payments | move | console | dev";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => suite::test(),
        ["lint"] => Ok(suite::lint()),
        ["docs"] => docs::build(),
        ["docs", "--check"] => Ok(suite::only("the book", docs::check)),
        ["docs", "--settings"] => docs::write_settings(),
        ["docs", "--operations"] => docs::write_operations(),
        ["docs", "--routes"] => docs::write_routes(),
        ["dist"] => dist::build(dist::Auditable::No),
        ["dist", "--auditable"] => dist::build(dist::Auditable::Yes),
        ["dist", "--twice"] => dist::build_twice(),
        ["dist", "--settings"] => Ok(dist::print_settings()),
        ["deb"] => deb::build(deb::Program::Shipped),
        ["deb", "--development"] => deb::build(deb::Program::Development),
        ["sbom"] => supply::write_sbom(),
        ["licences"] => supply::write_licences(),
        ["wasm"] => toolchain::ensure_wasm().map(|()| suite::only("wasm32", wasm::check)),
        ["browser"] => Ok(suite::only("browser", browser::run)),
        ["docs", "--pictures"] => browser::pictures(),
        ["interop"] => Ok(suite::only("interop", interop::run)),
        ["fuzz", "--short"] => Ok(suite::only("fuzz", |tally| bench::fuzz(tally, 30))),
        ["fuzz", "--seconds", seconds] => match seconds.parse() {
            Ok(seconds) => Ok(suite::only("fuzz", |tally| bench::fuzz(tally, seconds))),
            Err(_) => Err(format!("--seconds takes a whole number, not {seconds:?}")),
        },
        ["bench", name, rest @ ..] => bench::run(name, rest),
        _ => Err(USAGE.to_owned()),
    };

    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}
