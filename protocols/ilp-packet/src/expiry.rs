//! The expiry of a Prepare, as seventeen digits: `YYYYMMDDHHmmSSfff`, UTC (RFC 27).
//! How long a packet may live is decided in the connector.

use clock::Timestamp;

/// The digits are not a calendar instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an expiry is 17 digits YYYYMMDDHHmmSSfff of a date that exists")]
pub struct InvalidExpiry;

const DAY_MS: u64 = 86_400_000;
/// 0000-01-01T00:00:00.000Z, the first instant of the format.
const FIRST: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z, the last.
const LAST: i64 = 253_402_300_799_999;
/// The number of years after which the calendar repeats.
const ERA: u32 = 400;
/// From -0400-03-01 to 1970-01-01. Counted from there, every instant of the format is positive.
const EPOCH_MS: i64 = (719_468 + 146_097) * 86_400_000;

/// The digits of `expiry`.
///
/// The format begins at 0000-01-01T00:00:00.000Z and ends at 9999-12-31T23:59:59.999Z. An instant outside is written as
/// the nearer limit. For a deadline this means the same: never, or long ago.
pub(crate) fn encode(expiry: Timestamp) -> [u8; 17] {
    let millis = (expiry.as_millis().clamp(FIRST, LAST) + EPOCH_MS).unsigned_abs();
    #[expect(clippy::cast_possible_truncation, reason = "days up to the year 9999, and the milliseconds of one day")]
    let (days, of_day) = ((millis / DAY_MS) as u32, (millis % DAY_MS) as u32);
    let (year, month, day) = civil_from_days(days);
    let (of_minute, minutes) = (of_day % 60_000, of_day / 60_000);
    let mut digits = [0; 17];
    put_two(&mut digits, 0, year / 100);
    put_two(&mut digits, 2, year % 100);
    put_two(&mut digits, 4, month);
    put_two(&mut digits, 6, day);
    put_two(&mut digits, 8, minutes / 60);
    put_two(&mut digits, 10, minutes % 60);
    put_two(&mut digits, 12, of_minute / 1000);
    put_two(&mut digits, 14, of_minute % 1000 / 10);
    digits[16] = digit(of_minute % 10);
    digits
}

/// The instant of seventeen digits. Second 60 is the following second; all other fields must exist in the calendar.
pub(crate) fn decode(digits: &[u8; 17]) -> Result<Timestamp, InvalidExpiry> {
    if !digits.iter().fold(true, |all, octet| all & octet.is_ascii_digit()) {
        return Err(InvalidExpiry);
    }
    let two = |at: usize| u32::from(digits[at] - b'0') * 10 + u32::from(digits[at + 1] - b'0');
    let (year, month, day) = (two(0) * 100 + two(2), two(4), two(6));
    let (hour, minute, second) = (two(8), two(10), two(12));
    let exists = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !exists {
        return Err(InvalidExpiry);
    }
    let milli = two(14) * 10 + u32::from(digits[16] - b'0');
    let of_day = ((hour * 60 + minute) * 60 + second) * 1000 + milli;
    let millis = u64::from(days_from_civil(year, month, day)) * DAY_MS + u64::from(of_day);
    Ok(Timestamp::from_millis(millis.cast_signed() - EPOCH_MS))
}

fn put_two(digits: &mut [u8; 17], at: usize, value: u32) {
    digits[at] = digit(value / 10);
    digits[at + 1] = digit(value % 10);
}

fn digit(value: u32) -> u8 {
    #[expect(clippy::cast_possible_truncation, reason = "one decimal digit")]
    let digit = value as u8;
    b'0' + digit
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

// The year is counted from March, so that the leap day comes last and needs no special case; days from -0400-03-01.
fn days_from_civil(year: u32, month: u32, day: u32) -> u32 {
    let year = year + ERA - u32::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
}

fn civil_from_days(days: u32) -> (u32, u32, u32) {
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u32::from(month <= 2) - ERA, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ends_of_the_format_are_what_they_say() {
        assert_eq!(encode(Timestamp::from_millis(FIRST)), *b"00000101000000000");
        assert_eq!(encode(Timestamp::from_millis(LAST)), *b"99991231235959999");
        assert_eq!(encode(Timestamp::from_millis(i64::MAX)), *b"99991231235959999");
        assert_eq!(encode(Timestamp::from_millis(i64::MIN)), *b"00000101000000000");
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for refused in [
            b"20260230000000000",
            b"20261301000000000",
            b"20260001000000000",
            b"20260100000000000",
            b"20260101240000000",
            b"20260101006000000",
            b"20260101000061000",
            b"00000230000000000",
            b"00991301000000000",
            b"2026010100000 000",
            b"202601010000001e2",
        ] {
            assert_eq!(decode(refused), Err(InvalidExpiry), "{}", refused.escape_ascii());
        }
        assert_eq!(decode(b"20240229000060000"), decode(b"20240229000100000"));
    }

    #[test]
    fn every_date_of_the_years_0_to_9999_is_one_to_its_last_millisecond() {
        for (digits, millis) in [
            (b"00000101000000000", FIRST),
            (b"00000229235959999", FIRST + 60 * 86_400_000 - 1),
            (b"00000301000000000", FIRST + 60 * 86_400_000),
            (b"09991231235959999", -30_610_224_000_001),
            (b"19691231235959999", -1),
            (b"99991230220000000", 253_402_207_200_000),
            (b"99991231235959999", LAST),
        ] {
            assert_eq!(decode(digits), Ok(Timestamp::from_millis(millis)), "{}", digits.escape_ascii());
            assert_eq!(encode(Timestamp::from_millis(millis)), *digits);
        }
    }

    proptest! {
        #[test]
        fn digits_agree_with_an_independent_calendar(millis in FIRST..=LAST) {
            let instant = Timestamp::from_millis(millis);
            let text: String = instant.to_string().chars().filter(char::is_ascii_digit).collect();
            let digits = encode(instant);
            prop_assert_eq!(&digits[..], text.as_bytes());
            prop_assert_eq!(decode(&digits), Ok(instant));
        }
    }
}
