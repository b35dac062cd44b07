//! When an account runs empty, if it goes on as in its latest movements.
//!
//! Only transfers count, not deposits and withdrawals. It uses whole numbers and promises nothing.

use std::time::Duration;

use admin_client::{AccountView, TransferView};
use clock::Timestamp;

use crate::reading::Reading;
use crate::view::{Cell, Tone};

/// Less than this says nothing.
const SHORTEST: Duration = Duration::from_mins(10);
const HOUR: u128 = 3_600_000;

/// What the movements say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forecast {
    /// There are too few movements.
    Unknown,
    /// As much comes in as goes out, or more.
    NotFalling,
    /// It is empty.
    Empty,
    /// It is empty after so many hours.
    Hours(u64),
}

/// The forecast of an account that holds `held`. `limit` is the number of lines that were asked for: of each side, or of
/// both together.
pub(crate) fn of(account: &AccountView, held: u64, limit: u32, now: Timestamp) -> Forecast {
    let oldest = |lines: &[TransferView]| lines.iter().map(|line| line.created_at).min();
    let is_full = |lines: &[TransferView]| u32::try_from(lines.len()).is_ok_and(|count| count >= limit);
    // From here on both sides are complete.
    let full = [&account.debits, &account.credits].into_iter().filter(|lines| is_full(lines));
    let all = [&account.debits, &account.credits].into_iter().filter_map(|lines| oldest(lines));
    let from = full.filter_map(|lines| oldest(lines)).max().or_else(|| all.min());
    let Some(from) = from.filter(|from| now.saturating_since(*from) >= SHORTEST) else { return Forecast::Unknown };

    let sum = |lines: &[TransferView]| -> u128 {
        let counted = lines
            .iter()
            .filter(|line| line.created_at >= from && line.transfer_type == "TRANSFER" && line.state != "VOIDED");
        counted.map(|line| u128::from(line.amount)).sum()
    };
    let (out, back) = (sum(&account.debits), sum(&account.credits));
    if out == 0 && back == 0 {
        return Forecast::Unknown;
    }
    let Some(falls) = out.checked_sub(back).filter(|falls| *falls > 0) else { return Forecast::NotFalling };
    if held == 0 {
        return Forecast::Empty;
    }
    let span = now.saturating_since(from).as_millis();
    let hours = u128::from(held).saturating_mul(span) / falls / HOUR;
    Forecast::Hours(u64::try_from(hours).unwrap_or(u64::MAX))
}

/// The forecast in words.
pub(crate) fn cell(forecast: Forecast, words: Reading) -> Cell {
    match forecast {
        Forecast::Unknown => Cell::Absent("–"),
        Forecast::NotFalling => Cell::Word("Not falling"),
        Forecast::Empty => Cell::state(words.t("Empty now"), Tone::Failed),
        Forecast::Hours(0) => Cell::state(words.t("Empty within an hour"), Tone::Failed),
        Forecast::Hours(1) => Cell::state(words.t("Empty in an hour"), Tone::Failed),
        Forecast::Hours(hours) if hours < 48 => {
            Cell::state(words.with("Empty in {} hours", &hours.to_string()), Tone::Failed)
        }
        Forecast::Hours(hours) if hours / 24 > 365 => Cell::Word("More than a year"),
        Forecast::Hours(hours) => {
            let tone = if hours < 24 * 14 { Tone::Waiting } else { Tone::Quiet };
            Cell::state(words.with("Empty in {} days", &(hours / 24).to_string()), tone)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn line(amount: u64, hour: i64, kind: &str) -> TransferView {
        TransferView {
            id: Uuid::nil(),
            debit_account_id: Uuid::nil(),
            credit_account_id: Uuid::nil(),
            amount,
            transfer_type: kind.to_owned(),
            state: "POSTED".to_owned(),
            created_at: Timestamp::from_millis(hour * 3_600_000),
            expires_at: None,
        }
    }

    #[test]
    fn less_than_an_hour_is_told_in_words() {
        let told = |forecast| match cell(forecast, page_kit::Words::English.into()) {
            Cell::State { word, .. } => word,
            _ => String::new(),
        };
        let words = [Forecast::Empty, Forecast::Hours(0), Forecast::Hours(1), Forecast::Hours(2)].map(told);
        assert_eq!(words, ["Empty now", "Empty within an hour", "Empty in an hour", "Empty in 2 hours"]);
    }

    #[test]
    fn an_account_that_loses_ten_an_hour_is_empty_when_it_holds_no_more() {
        let now = Timestamp::from_millis(10 * 3_600_000);
        let transfer = |amount, hour| line(amount, hour, "TRANSFER");
        let debits = vec![transfer(60, 5), transfer(60, 0), line(9_000, 5, "WITHDRAWAL")];
        let losing = AccountView { debits, credits: vec![transfer(20, 6)] };
        assert_eq!(of(&losing, 500, 50, now), Forecast::Hours(50));
        assert_eq!(of(&losing, 0, 50, now), Forecast::Empty);
        assert_eq!(of(&losing, 9, 50, now), Forecast::Hours(0));
        assert_eq!(of(&losing, u64::MAX, 50, now), Forecast::Hours(u64::MAX / 10));
        // Debits are cut off before the fifth hour, so only the time since counts.
        let cut = AccountView { debits: vec![transfer(60, 5)], credits: vec![transfer(500, 0)] };
        assert_eq!(of(&cut, 120, 1, now), Forecast::Hours(10));
        let winning = AccountView { debits: vec![transfer(5, 5)], credits: vec![transfer(5, 1)] };
        assert_eq!(of(&winning, 1, 50, now), Forecast::NotFalling);
        assert_eq!(of(&AccountView::default(), 1, 50, now), Forecast::Unknown);
    }
}
