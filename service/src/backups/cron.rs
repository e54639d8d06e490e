//! Cron expressions, in a time zone.
//!
//! The five fields of POSIX crontab: minute, hour, day of month, month, day of week (0 and 7 are
//! Sunday), each `*`, a number, a range, or a list of those, with `/step` after `*` or a range. If
//! day of month and day of week are both restricted, a day that matches either is enough. Names,
//! seconds and `@daily` are not supported.
//!
//! No crate is used: croner enables chrono's default features for the whole build, and the others
//! number the days of the week as Quartz does or can't search backwards, which is all that is
//! needed here.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Maximum number of days to search backwards: 29 February comes at least every eight years.
const DAYS: u64 = 8 * 366 + 1;

/// Instants that a cron expression names in a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// True if day of month and day of week are both restricted, so that matching either is enough.
    is_either_day: bool,
    zone: Tz,
}

impl Cron {
    /// Parses an expression, e.g. `30 2 * * *`, and the name of an IANA time zone, e.g.
    /// `Europe/Berlin`.
    ///
    /// # Errors
    /// A message that names the invalid field or time zone, or says that the expression matches no
    /// existing day.
    pub fn new(expression: &str, zone: &str) -> Result<Self, String> {
        let zone =
            zone.parse().map_err(|_| format!("{zone} is no time zone of the IANA database"))?;
        let fields: Vec<_> = expression.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!("{expression:?} must have five fields, has {}", fields.len()));
        };
        let weekdays = field(weekday, "day of week", (0, 7))?;
        let cron = Self {
            minutes: field(minute, "minute", (0, 59))?,
            hours: field(hour, "hour", (0, 23))?,
            days: field(day, "day of month", (1, 31))?,
            months: field(month, "month", (1, 12))?,
            weekdays: weekdays | weekdays >> 7,
            is_either_day: !day.starts_with('*') && !weekday.starts_with('*'),
            zone,
        };
        let ever = DateTime::from_timestamp(4_000_000_000, 0).and_then(|then| cron.last(then));
        ever.map(|_| cron).ok_or_else(|| format!("{expression:?} names no day that there is"))
    }

    /// Returns the last matching instant at or before `now`; none if there is none in eight years.
    #[must_use]
    pub fn last(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let today = now.with_timezone(&self.zone).date_naive();
        let days = (0..DAYS).filter_map(|back| today.checked_sub_days(Days::new(back)));
        days.filter(|day| self.has_day(*day)).find_map(|day| self.last_of(day, now))
    }

    fn has_day(&self, day: NaiveDate) -> bool {
        let is_day = has(self.days, day.day());
        let is_weekday = has(self.weekdays, day.weekday().num_days_from_sunday());
        let is_right = if self.is_either_day { is_day || is_weekday } else { is_day && is_weekday };
        is_right && has(self.months, day.month())
    }

    /// Returns the last matching instant of a day that is at or before `now`.
    fn last_of(&self, day: NaiveDate, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let minutes = (0..24 * 60)
            .rev()
            .filter(|minute| has(self.hours, minute / 60) && has(self.minutes, minute % 60));
        let mut instants = minutes.filter_map(|minute| {
            let time = day.and_hms_opt(minute / 60, minute % 60, 0)?;
            self.instant(time)
        });
        instants.find(|instant| *instant <= now)
    }

    /// Converts a local time to an instant. Returns the first of two instants if clocks are put
    /// back over that time, and the end of the gap if they are put forward over it.
    fn instant(&self, mut time: NaiveDateTime) -> Option<DateTime<Utc>> {
        // No time zone was ever put forward by more than a day.
        for _ in 0..=24 * 60 {
            if let Some(instant) = self.zone.from_local_datetime(&time).earliest() {
                return Some(instant.with_timezone(&Utc));
            }
            time = time.checked_add_signed(TimeDelta::minutes(1))?;
        }
        None
    }
}

fn has(set: u64, number: u32) -> bool {
    set >> number & 1 == 1
}

/// Parses a field into the set of numbers that it names, as bits.
fn field(text: &str, name: &str, (least, most): (u32, u32)) -> Result<u64, String> {
    let wrong =
        || format!("{text:?} is no {name}: numbers from {least} to {most}, e.g. 1,5-9 or */2");
    let number = |text: &str| {
        let number: u32 = text.parse().map_err(|_| wrong())?;
        if (least..=most).contains(&number) { Ok(number) } else { Err(wrong()) }
    };
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            None => (part, 1),
            Some((range, step)) => (range, step.parse().map_err(|_| wrong())?),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((first, last)) => (number(first)?, number(last)?),
            // A step needs something to step through.
            None if part.contains('/') => return Err(wrong()),
            None => (number(range)?, number(range)?),
        };
        if step == 0 || first > last {
            return Err(wrong());
        }
        for number in (first..=last).step_by(step) {
            set |= 1 << number;
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(expression: &str, zone: &str, now: &str) -> String {
        let now = now.parse().unwrap();
        Cron::new(expression, zone).unwrap().last(now).unwrap().to_rfc3339()
    }

    #[test]
    fn last_instant_is_found() {
        for (expression, zone, now, expected) in [
            ("30 2 * * *", "UTC", "2026-11-24T02:30:00Z", "2026-11-24T02:30:00+00:00"),
            ("30 2 * * *", "UTC", "2026-11-24T02:29:59Z", "2026-11-23T02:30:00+00:00"),
            ("30 2 * * *", "Europe/Berlin", "2026-11-24T12:00:00Z", "2026-11-24T01:30:00+00:00"),
            ("*/15 9-17 * * 1-5", "UTC", "2026-11-22T12:00:00Z", "2026-11-20T17:45:00+00:00"),
            ("0 0 * * 0", "UTC", "2026-11-24T00:00:00Z", "2026-11-22T00:00:00+00:00"),
            ("0 0 * * 7", "UTC", "2026-11-24T00:00:00Z", "2026-11-22T00:00:00+00:00"),
            ("0 0 13 * 5", "UTC", "2026-11-24T00:00:00Z", "2026-11-20T00:00:00+00:00"),
            ("0 0 29 2 *", "UTC", "2026-11-24T00:00:00Z", "2024-02-29T00:00:00+00:00"),
            // Put forward from 2:00 to 3:00, and put back from 3:00 to 2:00.
            ("30 2 * * *", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29T01:00:00+00:00"),
            ("30 2 * * *", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25T00:30:00+00:00"),
        ] {
            assert_eq!(
                last(expression, zone, now),
                expected,
                "{expression} in {zone} before {now}"
            );
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for expression in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "5/2 * * * *",
            "a * * * *",
            "1, * * * *",
            "0 0 30 2 *",
            "@daily",
            "-1 * * * *",
            "*/x * * * *",
        ] {
            assert!(Cron::new(expression, "UTC").is_err(), "{expression}");
        }
        assert!(Cron::new("0 0 * * *", "Mars/Olympus").is_err());
    }
}
