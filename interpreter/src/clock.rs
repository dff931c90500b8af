//! Clocks, in the units and from the epochs that images expect. Keeps no state of its own.
//!
//! Source: `sqUnixHeartbeat.c` of the OpenSmalltalk VM, `InterpreterPrimitives` (clock primitives).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::time::{ClockId, clock_gettime};

/// Seconds from the Smalltalk epoch (1901-01-01) to the Unix epoch (1970-01-01).
pub const EPOCH_SECONDS: i64 = 2_177_452_800;
/// The millisecond clock wraps at this mask, so that sums of two of its values are SmallIntegers in
/// every image.
pub const MILLISECOND_MASK: i64 = 0x1FFF_FFFF;

/// Microseconds since the Unix epoch, UTC.
pub fn unix_microseconds() -> i64 {
    let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()),
        Err(before) => i64::try_from(before.duration().as_micros()).map(|micros| -micros),
    };
    micros.unwrap_or(0)
}

/// Microseconds since the Smalltalk epoch, UTC.
pub fn utc_microseconds() -> i64 {
    unix_microseconds() + EPOCH_SECONDS * 1_000_000
}

/// Microseconds since the Smalltalk epoch, in local time.
pub fn local_microseconds() -> i64 {
    utc_microseconds() + local_offset_seconds() * 1_000_000
}

/// By how many seconds local time is ahead of UTC now.
pub fn local_offset_seconds() -> i64 {
    offset_seconds_at(Timestamp::now().as_second())
}

/// By how many seconds local time is ahead of UTC at a time given in Unix seconds.
pub fn offset_seconds_at(unix_seconds: i64) -> i64 {
    let timestamp = Timestamp::from_second(unix_seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    i64::from(TimeZone::system().to_offset(timestamp).seconds())
}

/// Milliseconds of a clock that never goes back, wrapping at [`MILLISECOND_MASK`].
pub fn milliseconds() -> i64 {
    (nanoseconds() / 1_000_000) & MILLISECOND_MASK
}

/// Nanoseconds of a clock that never goes back.
pub fn nanoseconds() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec)
}

/// Processor time that this thread has taken.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_differ_by_69_years_and_local_time_by_whole_quarters_of_an_hour() {
        let years_2024_to_2100 = 3_881_000_000..6_280_000_000;
        assert!(years_2024_to_2100.contains(&(utc_microseconds() / 1_000_000)));
        let offset = local_offset_seconds();
        assert_eq!(offset % 900, 0);
        assert!(offset.abs() <= 14 * 3600);
    }

    #[test]
    fn the_millisecond_clock_goes_on() {
        let first = nanoseconds();
        std::thread::sleep(std::time::Duration::from_millis(3));
        assert!(nanoseconds() - first >= 3_000_000);
        assert!((0..=MILLISECOND_MASK).contains(&milliseconds()));
    }
}
