//! `rafiki clock`: shows and moves the time of a running playground.
//!
//! How far the clock is ahead is kept in the playground's folder, so that a restart changes nothing. This command writes
//! that file and tells every process. The processes are in `dev::moved_time`.

pub(crate) mod options;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clock::{Clock, SystemClock, Timestamp};
use config::Mode;
use outbound_http::{Outbound, Request};
use serde_json::{Value, json};
use url::Url;

use crate::dev::moved_time::{self, GUARD, Reading};
use crate::dev::session::Session;
use crate::failure::Failure;
use crate::output::say;
use crate::pay::PayError;
use crate::private_file;
use crate::roles::shared_deps::SharedDeps;
use options::{Advance, ClockCommand, ClockOptions};

/// The last year that the clock may show. Expiry times of this year are still dates that every client can read.
const LAST_YEAR: i16 = 9000;

pub(crate) async fn run(options: ClockOptions) -> Result<(), Failure> {
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let playground = Playground::find(&options.data_dir)?;
    let before = match &options.command {
        ClockCommand::Show => None,
        ClockCommand::Advance(advance) => Some(playground.advance(advance).await?),
        ClockCommand::Reset => Some(playground.change(|_| Ok(Duration::ZERO)).await?),
    };
    let readings = playground.readings().await?;

    if options.json {
        let all: Vec<Value> = readings.iter().map(|(name, read)| json!({"name": name, "reading": read})).collect();
        say(&format!("{}\n", json!({"institutions": all, "aheadMsBefore": before.map(millis)})));
        return Ok(());
    }
    for (name, reading) in &readings {
        say(&match reading {
            Some(Reading { now, ahead_ms: 0 }) => format!("{name}: {now}, the real time\n"),
            Some(Reading { now, ahead_ms }) => format!("{name}: {now}, {} ahead\n", in_words(*ahead_ms)),
            None => format!("{name}: does not answer; it takes the time over at its next start\n"),
        });
    }
    if matches!(options.command, ClockCommand::Reset) && before.is_some_and(|before| !before.is_zero()) {
        say("What was recorded while the clock was ahead keeps its times. `rafiki dev --fresh` starts without it.\n");
    }
    Ok(())
}

/// The processes of a running playground, and its folder.
struct Playground {
    data_dir: PathBuf,
    institutions: Vec<(String, Url)>,
    http: Outbound,
}

impl Playground {
    fn find(data_dir: &Path) -> Result<Self, Failure> {
        let mut institutions: Vec<(String, Url)> =
            Session::read_all(data_dir)?.into_iter().filter_map(|one| Some((one.name, one.clock_url?))).collect();
        institutions.sort();
        if institutions.is_empty() {
            let told = format!(
                "no playground runs in {}; start `rafiki dev`, or name its folder with --data-dir. Only the clock of a \
                 playground can be moved",
                data_dir.display()
            );
            return Err(Failure::NotFound(told));
        }
        let http = SharedDeps::new(Mode::Development, &[])?.http;
        Ok(Self { data_dir: data_dir.to_owned(), institutions, http })
    }

    async fn advance(&self, advance: &Advance) -> Result<Duration, Failure> {
        self.change(|ahead| {
            let real = SystemClock.now();
            let target = target(advance, real + ahead).map_err(Failure::Usage)?;
            Ok(target.saturating_since(real))
        })
        .await
    }

    /// Sets how far the clock is ahead, and returns how far it was. Two commands at the same time take turns.
    async fn change(&self, new: impl FnOnce(Duration) -> Result<Duration, Failure>) -> Result<Duration, Failure> {
        let file = moved_time::file(&self.data_dir);
        let turn = File::create(file.with_extension("lock"))
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|error| Failure::io(format!("cannot lock {}", file.display()), error))?;

        let before = moved_time::read(&self.data_dir)?;
        let ahead = new(before)?;
        private_file::write(&file, &moved_time::text(ahead))?;
        let told = self.tell(ahead).await;
        if told.is_err() {
            private_file::write(&file, &moved_time::text(before))?;
        }
        drop(turn);
        told.map(|()| before)
    }

    /// Tells every process. It is enough if one answers: the others read the file at their next start.
    async fn tell(&self, ahead: Duration) -> Result<(), Failure> {
        let mut failed = None;
        let mut answered = false;
        for (name, url) in &self.institutions {
            match self.call(url, Some(ahead)).await {
                Ok(_) => answered = true,
                Err(reason) => {
                    failed = Some(PayError::Unreachable { institution: name.clone(), reason });
                }
            }
        }
        match failed {
            Some(failure) if !answered => Err(failure.into()),
            _ => Ok(()),
        }
    }

    async fn readings(&self) -> Result<Vec<(&str, Option<Reading>)>, Failure> {
        let mut readings = Vec::new();
        for (name, url) in &self.institutions {
            readings.push((name.as_str(), self.call(url, None).await.ok()));
        }
        if readings.iter().any(|(_, reading)| reading.is_some()) {
            return Ok(readings);
        }
        let reason = "its processes were killed; start `rafiki dev` again".to_owned();
        Err(PayError::Unreachable { institution: "the playground".to_owned(), reason }.into())
    }

    async fn call(&self, url: &Url, ahead: Option<Duration>) -> Result<Reading, String> {
        let request = match ahead {
            Some(ahead) => Request::post_json(url.clone(), &json!({"aheadMs": millis(ahead)})),
            None => Request::post_json(url.clone(), &json!({})),
        };
        let request = request.map_err(|error| error.to_string())?.configured();
        let (name, value) = GUARD;
        let request = request.header(http::HeaderName::from_static(name), http::HeaderValue::from_static(value));
        let answer = self.http.send(request).await.map_err(|error| error.to_string())?;
        answer.json().map_err(|_| format!("{} {}", answer.status, answer.excerpt()))
    }
}

/// The time that the clock shall show.
fn target(advance: &Advance, shown: Timestamp) -> Result<Timestamp, String> {
    let civil = shown.to_civil().ok_or("the clock shows no date")?;
    let target = match (&advance.by, advance.to) {
        (Some(by), _) => {
            let moved = civil.checked_add(*by).map_err(|_| "so late a time is no date".to_owned())?;
            Timestamp::from_civil(moved)
        }
        (None, Some(to)) => to,
        (None, None) => shown,
    };
    if target < shown {
        return Err(format!(
            "the clock shows {shown}; it moves forward only, because what was recorded cannot be later than now. \
             `rafiki clock reset` returns to the real time"
        ));
    }
    match target.to_civil() {
        Some(date) if date.year() <= LAST_YEAR => Ok(target),
        _ => Err(format!("the clock can be moved to the year {LAST_YEAR} at most")),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A duration in days, hours, minutes and seconds.
fn in_words(millis: u64) -> String {
    let seconds = millis / 1000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let words: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if words.is_empty() { format!("{millis} ms") } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(by: &str, shown: &str) -> String {
        let advance = Advance { by: Some(options::span(by).unwrap()), to: None };
        target(&advance, shown.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn months_are_months_of_the_calendar() {
        assert_eq!(after("1mo", "2026-01-31T12:00:00Z"), "2026-02-28T12:00:00.000Z");
        assert_eq!(after("12mo", "2024-02-29T00:00:00Z"), "2025-02-28T00:00:00.000Z");
        assert_eq!(after("1d 2h", "2026-12-31T23:00:00Z"), "2027-01-02T01:00:00.000Z");
    }

    #[test]
    fn the_clock_goes_neither_back_nor_beyond_all_dates() {
        let shown: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let back = Advance { by: None, to: Some("2025-01-01T00:00:00Z".parse().unwrap()) };
        assert!(target(&back, shown).unwrap_err().contains("forward only"));
        for far in ["7000y", "19000y"] {
            let far = Advance { by: Some(options::span(far).unwrap()), to: None };
            assert!(target(&far, shown).is_err());
        }
    }

    #[test]
    fn a_duration_is_told_in_its_largest_units() {
        assert_eq!(in_words(86_400_000 * 31 + 61_000), "31 d 1 min 1 s");
        assert_eq!(in_words(12), "12 ms");
    }
}
