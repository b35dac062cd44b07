//! `cargo xtask bench console`: every page of the console on seeded data: first byte, size, live updates, idle cost.
//!
//! It prints a table and decides nothing. The playground runs with an institution's console, backend and databases in
//! one process, on files in a temporary folder.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod browser;
mod pages;
mod playground;
mod seed;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::browser::Browser;
use crate::playground::Playground;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures the pages of the console.
#[derive(Debug, Parser)]
struct Options {
    /// The program that is measured.
    #[arg(long, default_value = "target/dist/rafiki")]
    binary: PathBuf,
    /// How many payments there are.
    #[arg(long, default_value_t = 10_000)]
    payments: u32,
    /// How often each page is opened; the median is shown.
    #[arg(long, default_value_t = 11)]
    times: usize,
    /// How long an open page is watched, in seconds.
    #[arg(long, default_value_t = 20)]
    idle: u64,
    /// The first of the forty ports of the playground.
    #[arg(long, default_value_t = 23_000)]
    ports: u16,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let playground = Playground::start(&options.binary, options.ports)?;
    let begun = Instant::now();
    let seeded = seed::seed(&playground, options.payments).await?;
    println!("{} payments made in {:.1} s", options.payments, begun.elapsed().as_secs_f64());

    let mut browser = Browser::new(playground.console());
    browser.sign_in().await?;
    pages(&mut browser, &seeded, options.times).await?;
    live(&mut browser, &playground, &seeded).await?;
    idle(&mut browser, &playground, Duration::from_secs(options.idle)).await
}

/// Opens each page, and prints the median of the first byte, the size, and the compressed size.
async fn pages(browser: &mut Browser, seeded: &seed::Seeded, times: usize) -> Outcome<()> {
    println!("{:<44} {:>12} {:>10} {:>12}", "page", "first byte", "size", "compressed");
    let (mut slowest, mut largest) = (Duration::ZERO, 0);
    for path in pages::all(browser, seeded).await? {
        let mut taken = Vec::with_capacity(times);
        let mut html = String::new();
        for _ in 0..times.max(1) {
            let shown = browser.get(&path).await?;
            if shown.status != 200 {
                return Err(format!("{path} has status {}", shown.status).into());
            }
            taken.push(shown.first_byte);
            html = shown.body;
        }
        taken.sort();
        let (median, compressed) = (taken[taken.len() / 2], playground::compressed(&html)?);
        (slowest, largest) = (slowest.max(median), largest.max(compressed));
        println!(
            "{path:<44} {:>9.1} ms {:>7.1} kB {:>9.1} kB",
            millis(median),
            kilobytes(html.len()),
            kilobytes(compressed)
        );
    }
    println!(
        "slowest first byte {:.1} ms (at most 20), largest page {:.1} kB compressed (at most 60)",
        millis(slowest),
        kilobytes(largest)
    );
    Ok(())
}

/// How long after a payment was made the open first page hears of it.
async fn live(browser: &mut Browser, playground: &Playground, seeded: &seed::Seeded) -> Outcome<()> {
    let mut taken = Vec::new();
    for _ in 0..5 {
        let mut stream = browser.follow("/").await?;
        stream.until("event: open").await?;
        seed::one_more(playground, seeded).await?;
        let made = Instant::now();
        stream.until("event: changed").await?;
        taken.push(made.elapsed());
    }
    let worst = taken.into_iter().max().unwrap_or_default();
    println!("live update of the first page: {:.0} ms at worst (at most 1000)", millis(worst));
    Ok(())
}

/// The processor time of the whole process with an open page, and without.
async fn idle(browser: &mut Browser, playground: &Playground, time: Duration) -> Outcome<()> {
    let without = playground.processor_share(time).await;
    let mut stream = browser.follow("/").await?;
    stream.until("event: open").await?;
    let with = playground.processor_share(time).await;
    drop(stream);
    println!(
        "idle: {:.2} % of a core without an open page, {:.2} % with one; the page costs {:.2} % (at most 0.1)",
        100.0 * without,
        100.0 * with,
        100.0 * (with - without)
    );
    Ok(())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn kilobytes(octets: usize) -> f64 {
    f64::from(u32::try_from(octets).unwrap_or(u32::MAX)) / 1000.0
}
