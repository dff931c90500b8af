//! The numbers that mark handles of one session: an image that was saved, or a copy of it in another isolate, has
//! handles that mean nothing here, and must not fit.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that hardly any other session has; above 0.
pub(crate) fn number() -> i32 {
    let random = RandomState::new().build_hasher().finish();
    (random as i32 & i32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn sessions_that_begin_at_the_same_time_have_different_numbers() {
        let numbers: HashSet<i32> = (0..100).map(|_| number()).collect();
        assert!(numbers.len() > 98 && numbers.iter().all(|number| *number > 0), "{numbers:?}");
    }
}
