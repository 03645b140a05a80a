//! Dates as protocols write them: the proleptic Gregorian calendar in UTC, without leap seconds (POSIX time).
//!
//! Only what headers and listings need; nothing here reads a clock.

/// Seconds of a day.
const DAY_S: u64 = 86_400;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// An instant taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: u64,
    /// 1 to 12.
    pub(crate) month: u8,
    /// 1 to 31.
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    /// Days since a Thursday: the first of January 1970 was one.
    weekday: u8,
}

impl Civil {
    /// Takes an instant apart, given in seconds since 1970-01-01T00:00:00Z.
    pub(crate) fn of_unix(seconds: u64) -> Civil {
        let (days, rest) = (seconds / DAY_S, seconds % DAY_S);
        // Eras of 400 years that begin on the first of March, so that the leap day is the last of its year.
        let from_march_0000 = days + 719_468;
        let (era, day_of_era) = (from_march_0000 / 146_097, from_march_0000 % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Civil {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month: small(month),
            day: small(day),
            hour: small(rest / 3_600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
            weekday: small(days % 7),
        }
    }

    /// `Jan` to `Dec`.
    pub(crate) fn month_name(&self) -> &'static str {
        MONTHS.get(usize::from(self.month).saturating_sub(1)).copied().unwrap_or_default()
    }

    fn weekday_name(&self) -> &'static str {
        WEEKDAYS.get(usize::from(self.weekday)).copied().unwrap_or_default()
    }
}

/// All callers pass a value below 100 by their arithmetic.
fn small(value: u64) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: the form in which HTTP writes dates (RFC 9110 section 5.6.7, IMF-fixdate).
pub fn http_date(seconds: u64) -> String {
    let at = Civil::of_unix(seconds);
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        at.weekday_name(),
        at.day,
        at.month_name(),
        at.year,
        at.hour,
        at.minute,
        at.second
    )
}

/// Whether a calendar has this day.
pub fn is_date(year: u16, month: u8, day: u8) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(leap),
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_those_of_the_standard() {
        // RFC 9110 section 5.6.7.
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(http_date(1_709_251_199), "Thu, 29 Feb 2024 23:59:59 GMT");
        assert_eq!(http_date(4_107_542_399), "Sun, 28 Feb 2100 23:59:59 GMT");
        assert_eq!(http_date(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 GMT");
        assert_eq!(http_date(253_402_300_799), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn any_number_of_seconds_is_some_date() {
        Civil::of_unix(u64::MAX);
        for day in 0..200_000 {
            let at = Civil::of_unix(day * DAY_S);
            assert!(u16::try_from(at.year).is_ok_and(|year| is_date(year, at.month, at.day)), "{at:?}");
        }
    }

    #[test]
    fn the_leap_day_exists_in_leap_years_only() {
        assert!(is_date(2024, 2, 29) && is_date(2000, 2, 29) && !is_date(2100, 2, 29) && !is_date(2023, 2, 29));
        assert!(!is_date(2024, 0, 1) && !is_date(2024, 13, 1) && !is_date(2024, 4, 31) && !is_date(2024, 4, 0));
    }
}
