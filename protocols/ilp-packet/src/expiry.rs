//! The seventeen digits in which a Prepare says when it expires: `YYYYMMDDHHmmSSfff`, UTC (RFC 27).

use clock::Timestamp;

/// The digits are not a calendar instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an expiry is 17 digits YYYYMMDDHHmmSSfff of a date that exists")]
pub struct InvalidExpiry;

const DAY_MS: i64 = 86_400_000;
/// 1000-01-01T00:00:00.000Z, the first instant the format is used for.
const FIRST: i64 = -30_610_224_000_000;
/// 9999-12-31T23:59:59.999Z, the last.
const LAST: i64 = 253_402_300_799_999;

/// The digits of `expiry`.
///
/// The format ends at 9999-12-31T23:59:59.999Z and starts at 1000-01-01T00:00:00.000Z; what lies outside is written
/// as the nearer end, which for a deadline means the same: never, or long ago.
pub(crate) fn encode(expiry: Timestamp) -> [u8; 17] {
    let millis = expiry.as_millis().clamp(FIRST, LAST);
    let (year, month, day) = civil_from_days(millis.div_euclid(DAY_MS));
    let of_day = millis.rem_euclid(DAY_MS);
    let mut digits = [0; 17];
    put_digits(&mut digits[0..4], year);
    put_digits(&mut digits[4..6], month);
    put_digits(&mut digits[6..8], day);
    put_digits(&mut digits[8..10], of_day / 3_600_000);
    put_digits(&mut digits[10..12], of_day / 60_000 % 60);
    put_digits(&mut digits[12..14], of_day / 1000 % 60);
    put_digits(&mut digits[14..17], of_day % 1000);
    digits
}

/// The instant of seventeen digits. Second 60 is the following second; all other fields must exist in the calendar.
pub(crate) fn decode(digits: &[u8; 17]) -> Result<Timestamp, InvalidExpiry> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(InvalidExpiry);
    }
    let year = number(&digits[0..4]);
    let month = number(&digits[4..6]);
    let day = number(&digits[6..8]);
    let hour = number(&digits[8..10]);
    let minute = number(&digits[10..12]);
    let second = number(&digits[12..14]);
    let exists = year >= 1000
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !exists {
        return Err(InvalidExpiry);
    }
    let of_day = ((hour * 60 + minute) * 60 + second) * 1000 + number(&digits[14..17]);
    Ok(Timestamp::from_millis(days_from_civil(year, month, day) * DAY_MS + of_day))
}

fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
}

fn put_digits(digits: &mut [u8], mut value: i64) {
    for digit in digits.iter_mut().rev() {
        #[expect(clippy::cast_sign_loss, reason = "a remainder by ten of a field that is not negative")]
        let unit = (value % 10) as u8;
        *digit = b'0' + unit;
        value /= 10;
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

// The year is counted from March, so that the leap day comes last and needs no special case.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ends_of_the_format_are_what_they_say() {
        assert_eq!(encode(Timestamp::from_millis(FIRST)), *b"10000101000000000");
        assert_eq!(encode(Timestamp::from_millis(LAST)), *b"99991231235959999");
        assert_eq!(encode(Timestamp::from_millis(i64::MAX)), *b"99991231235959999");
        assert_eq!(encode(Timestamp::from_millis(i64::MIN)), *b"10000101000000000");
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
            b"00990101000000000",
            b"2026010100000 000",
            b"202601010000001e2",
        ] {
            assert_eq!(decode(refused), Err(InvalidExpiry), "{}", refused.escape_ascii());
        }
        assert_eq!(decode(b"20240229000060000"), decode(b"20240229000100000"));
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
