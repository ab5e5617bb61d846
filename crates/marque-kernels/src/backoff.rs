//! When the caller of a region works alone for a while.
//!
//! A helper whose core another process takes keeps the piece that it has begun until the scheduler gives the core back, some
//! milliseconds later, and the caller waits for it. One such wait costs more than the helper had gained. So after a long wait the
//! caller leaves the helpers alone for a multiple of it, and for longer multiples while it happens again and again (exponential
//! back-off): the time lost is then a small share of all, and a machine that falls quiet is used in full soon afterwards.

use std::time::{Duration, Instant};

/// What a wait may take beside a few pieces' time: less than a scheduler gives to another process, and more than the system takes to
/// clear the memory that a thread writes for the first time.
const TOLERATED: Duration = Duration::from_micros(500);
/// How many pieces' time a wait may take. Pieces of a region differ: those at the borders of a map are smaller.
const TOLERATED_PIECES: u32 = 3;
/// How many times as long as the wait the caller works alone.
const SHORTEST: u32 = 8;
/// The same after many waits in a row.
const LONGEST: u32 = 64;
/// However long a wait was, the caller looks for its helpers again after so long.
const AT_MOST: Duration = Duration::from_millis(500);

/// A caller's experience with its helpers.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// Until when the caller works alone, and how long that is altogether.
    alone: Option<(Instant, Duration)>,
    multiple: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            alone: None,
            multiple: SHORTEST,
        }
    }
}

impl Backoff {
    /// Whether the caller works alone now.
    pub(crate) fn is_alone(&self, now: Instant) -> bool {
        self.alone.is_some_and(|(until, _)| now < until)
    }

    /// Takes note of a region in which the caller has done `pieces` of its own in `worked`, then `waited` until `now` for those that
    /// helpers had begun.
    pub(crate) fn record(&mut self, pieces: u32, worked: Duration, waited: Duration, now: Instant) {
        // Who has done none knows nothing of what a piece takes.
        if pieces == 0 || waited <= TOLERATED + worked / pieces * TOLERATED_PIECES {
            return;
        }
        self.multiple = match self.alone {
            // The helpers were of use for less time than they were left alone.
            Some((until, length)) if now < until + length => (self.multiple * 2).min(LONGEST),
            _ => SHORTEST,
        };
        let length = (waited * self.multiple).min(AT_MOST);
        self.alone = Some((now + length, length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Ten pieces of a tenth of a millisecond, then a wait.
    fn record(backoff: &mut Backoff, waited: Duration, now: Instant) {
        backoff.record(10, ms(1), waited, now);
    }

    #[test]
    fn ordinary_waits_change_nothing() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        record(&mut backoff, Duration::from_micros(799), now);
        backoff.record(0, Duration::ZERO, ms(50), now);
        assert!(!backoff.is_alone(now));
    }

    #[test]
    fn a_long_wait_is_followed_by_a_time_alone() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        record(&mut backoff, ms(2), now);
        assert!(backoff.is_alone(now + ms(15)));
        assert!(!backoff.is_alone(now + ms(16)));
    }

    #[test]
    fn waits_that_follow_each_other_are_followed_by_longer_times_up_to_a_limit() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        for length in [16, 32, 64, 128, 128] {
            record(&mut backoff, ms(2), now);
            assert!(backoff.is_alone(now + ms(length - 1)));
            now += ms(length);
            assert!(!backoff.is_alone(now));
        }
        record(&mut backoff, ms(100), now);
        assert!(!backoff.is_alone(now + AT_MOST));
        // The helpers are of use for as long as they were left alone.
        now += 2 * AT_MOST;
        record(&mut backoff, ms(2), now);
        assert!(!backoff.is_alone(now + ms(16)));
    }
}
