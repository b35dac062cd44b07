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
    /// How long the idle process is watched each time, in seconds. The system counts in hundredths of a second.
    #[arg(long, default_value_t = 60)]
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

    settled(&playground).await;
    let mut browser = Browser::new(playground.console());
    browser.sign_in().await?;
    let all_shown = pages(&mut browser, &seeded, options.times).await;
    live(&mut browser, &playground, &seeded).await?;
    idle(&mut browser, &playground, &seeded, Duration::from_secs(options.idle)).await?;
    all_shown
}

/// Waits until the work that the payments left is done, such as their webhooks. It would count as the cost of pages.
async fn settled(playground: &Playground) {
    for _ in 0..LOOKS {
        if playground.processor_share(LOOK).await < QUIET {
            return;
        }
    }
    println!("the playground is still at work, and the figures contain this");
}

/// Opens each page, and prints the median of the first byte, the size, and the compressed size. The last number of a page
/// is what a browser without a cache loads in all: the page with its styles, its script and its icon, compressed.
async fn pages(browser: &mut Browser, seeded: &seed::Seeded, times: usize) -> Outcome<()> {
    println!("{:<56} {:>11} {:>10} {:>11} {:>12}", "page", "first byte", "size", "compressed", "with files");
    let files = files(browser).await?;
    let (mut slowest, mut largest, mut missing) = (Duration::ZERO, 0, Vec::new());
    for path in pages::all(browser, seeded).await? {
        let mut taken = Vec::with_capacity(times);
        let mut html = String::new();
        for _ in 0..times.max(1) {
            let shown = browser.get(&path).await?;
            if shown.status != 200 {
                missing.push(format!("{path} has status {}", shown.status));
                break;
            }
            taken.push(shown.first_byte);
            html = shown.body;
        }
        taken.sort();
        let Some(median) = taken.get(taken.len() / 2).copied() else { continue };
        let compressed = playground::compressed(&html)?;
        (slowest, largest) = (slowest.max(median), largest.max(compressed + files));
        println!(
            "{path:<56} {:>8.1} ms {:>7.1} kB {:>8.1} kB {:>9.1} kB",
            millis(median),
            kilobytes(html.len()),
            kilobytes(compressed),
            kilobytes(compressed + files)
        );
    }
    println!(
        "slowest first byte {:.1} ms (at most 20), largest page with its files {:.1} kB compressed (at most 60)",
        millis(slowest),
        kilobytes(largest)
    );
    if missing.is_empty() { Ok(()) } else { Err(format!("pages were not measured: {}", missing.join(", ")).into()) }
}

/// The compressed size of the files that every page loads.
async fn files(browser: &mut Browser) -> Outcome<usize> {
    let html = browser.get("/").await?.body;
    let mut size = 0;
    for link in html.split("=\"/static/").skip(1) {
        let name = link.split('"').next().unwrap_or_default();
        size += playground::compressed(&browser.get(&format!("/static/{name}")).await?.body)?;
    }
    println!("{:.1} kB of styles, script and icon, compressed", kilobytes(size));
    if size > 0 { Ok(size) } else { Err("the first page names no files".into()) }
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

/// The processor time of the whole process without an open page, with the first page, and with ten pages about different
/// payments, which share no question to the instance.
async fn idle(browser: &mut Browser, playground: &Playground, seeded: &seed::Seeded, time: Duration) -> Outcome<()> {
    let without = playground.processor_share(time).await;
    let home = open_pages(browser, playground, &["/".to_owned()], time).await?;
    let payments: Vec<String> = seeded.some.iter().map(|payment| format!("/payments/incoming/{payment}")).collect();
    let many = open_pages(browser, playground, &payments, time).await?;
    let each = 100.0 * (many - without) / f64::from(u32::try_from(payments.len()).unwrap_or(1).max(1));
    println!(
        "idle: {:.2} % of a core without an open page; the open first page costs {:.2} %, an open page of a payment {each:.3} % (at most 0.1)",
        100.0 * without,
        100.0 * (home - without),
    );
    Ok(())
}

/// The share of a core that the process takes while these pages are open.
async fn open_pages(browser: &mut Browser, playground: &Playground, paths: &[String], time: Duration) -> Outcome<f64> {
    let mut streams = Vec::new();
    for path in paths {
        let mut stream = browser.follow(path).await?;
        stream.until("event: open").await?;
        streams.push(stream);
    }
    Ok(playground.processor_share(time.min(STREAM_LIFE)).await)
}

/// The share of a core that a playground without work takes at most.
const QUIET: f64 = 0.02;
const LOOK: Duration = Duration::from_secs(3);
const LOOKS: u32 = 60;

/// A stream of the console ends after ninety seconds.
const STREAM_LIFE: Duration = Duration::from_secs(80);

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn kilobytes(octets: usize) -> f64 {
    f64::from(u32::try_from(octets).unwrap_or(u32::MAX)) / 1000.0
}
