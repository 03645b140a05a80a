//! Days of the receipts directory: UTC, written as `2026-11-23`.

use lazaret_core::time::{DAY_MS, Timestamp};

/// One day in UTC, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Day(u64);

impl Day {
    /// The day of an instant.
    pub(super) fn of(at: Timestamp) -> Day {
        Day(at.as_millis() / DAY_MS)
    }

    /// Reads `2026-11-23`, in this spelling only.
    pub(super) fn parse(text: &str) -> Option<Day> {
        let date: jiff::civil::Date = text.parse().ok()?;
        let at = date.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
        let day = Day::of(Timestamp::from_millis(u64::try_from(at).ok()?));
        (day.text() == text).then_some(day)
    }

    /// As it is written.
    pub(super) fn text(self) -> String {
        let full = crate::api::show::time_text(self.start());
        full.split('T').next().unwrap_or_default().to_owned()
    }

    /// Its first instant.
    pub(super) fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(DAY_MS))
    }

    /// The first instant after it.
    pub(super) fn end(self) -> Timestamp {
        self.start().plus_millis(DAY_MS)
    }

    /// So many days earlier.
    pub(super) fn before(self, days: u64) -> Day {
        Day(self.0.saturating_sub(days))
    }

    /// The day after.
    pub(super) fn next(self) -> Day {
        Day(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_one_spelling() {
        let day = Day::parse("2026-11-23").unwrap();
        assert_eq!(day.text(), "2026-11-23");
        assert_eq!(Day::of(day.start()), day);
        assert_eq!(Day::of(day.end()), day.next());
        assert_eq!(day.next().before(1), day);
        for other in
            ["2026-1-2", "20261123", "2026-02-30", "1969-12-31", "2026-11-23T00:00:00", "", "..", "+02026-11-23"]
        {
            assert_eq!(Day::parse(other), None, "{other}");
        }
    }
}
