//! The progress of a pass, on standard error: the step, the number of rows, and the speed.
//! The result is printed by `report`.

use std::sync::Mutex;
use std::time::Duration;

use clock::Stopwatch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use moving::Step;

/// How often a line is written if there is no progress bar.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows the progress of a pass.
pub(crate) struct ProgressDisplay {
    bar: ProgressBar,
    state: Mutex<State>,
}

struct State {
    what: String,
    since: Stopwatch,
    line: Stopwatch,
    all: Stopwatch,
}

impl ProgressDisplay {
    pub(crate) fn start() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
        if let Ok(style) = ProgressStyle::with_template("  {msg}") {
            bar.set_style(style);
        }
        let state =
            State { what: String::new(), since: Stopwatch::start(), line: Stopwatch::start(), all: Stopwatch::start() };
        Self { bar, state: Mutex::new(state) }
    }

    pub(crate) fn show(&self, step: Step<'_>) {
        let (verb, table, rows) = match step {
            Step::Examined(table, rows) => ("examined", table, rows),
            Step::Carried(table, rows) => ("carried", table, rows),
            Step::Booked(what, rows) => ("booked", what, rows),
            Step::Compared(rows) => ("compared", "accounts", rows),
        };
        let what = format!("{verb} {table}");
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.what != what {
            state.what.clone_from(&what);
            state.since = Stopwatch::start();
        }
        let millis = state.since.elapsed().as_millis().max(1);
        let rate = u128::from(rows) * 1000 / millis;
        let text = format!("{what}: {rows} ({rate}/s), {} s in all", state.all.elapsed().as_secs());
        if self.bar.is_hidden() && state.line.elapsed() >= LINE_EVERY {
            state.line = Stopwatch::start();
            eprintln!("  {text}");
        }
        self.bar.set_message(text);
        self.bar.tick();
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
