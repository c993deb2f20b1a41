//! How fast one sign-in may ask: far beyond what a person and their phone ever do, and short of what a loop gone wrong does to others.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use uuid::Uuid;

use crate::error::{Code, Refused};

/// Requests a second in the long run; a phone that catches up after weeks sends some ten.
const STEADY: NonZeroU32 = NonZeroU32::new(100).expect("not zero");
/// Requests at once before that.
const BURST: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");
/// Sign-ins whose pace is remembered; those that have been quiet are forgotten beyond it.
const CAPACITY: usize = 10_000;

/// The paces of this process; cloning shares them.
#[derive(Clone)]
pub struct Pace(Arc<DefaultKeyedRateLimiter<Uuid>>);

impl Default for Pace {
    fn default() -> Self {
        Self::new(STEADY, BURST)
    }
}

impl Pace {
    /// So many requests a second in the long run, ten times as many at once.
    pub fn of(steady: u32) -> Self {
        let or_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self::new(or_one(steady), or_one(steady.saturating_mul(10)))
    }

    /// At most `steady` requests a second, `burst` at once.
    pub fn new(steady: NonZeroU32, burst: NonZeroU32) -> Self {
        Self(Arc::new(DefaultKeyedRateLimiter::keyed(
            Quota::per_second(steady).allow_burst(burst),
        )))
    }

    /// Counts a request of this sign-in; refuses `too_fast` with the seconds after which the next one is heard.
    pub fn admit(&self, sign_in: Uuid) -> Result<(), Refused> {
        if self.0.len() > CAPACITY {
            self.0.retain_recent();
        }
        self.0.check_key(&sign_in).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Refused(Code::TooFast {
                retry_after_s: u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sign_in_that_hurries_waits_and_the_others_do_not() {
        let two = NonZeroU32::new(2).expect("not zero");
        let pace = Pace::new(NonZeroU32::MIN, two);
        let (hasty, calm) = (Uuid::new_v4(), Uuid::new_v4());
        assert!(pace.admit(hasty).is_ok() && pace.admit(hasty).is_ok());
        let Err(Refused(Code::TooFast { retry_after_s })) = pace.admit(hasty) else {
            panic!("a third at once is too many");
        };
        assert!((1..=2).contains(&retry_after_s), "{retry_after_s}");
        assert!(pace.admit(calm).is_ok());
    }
}
