//! Registrations come by the thousand: so many of a second are told one by one, the others by their
//! number.

/// Those of a second that are told one by one.
const SINGLY: usize = 10;

/// What came within a second.
#[derive(Default)]
pub(super) struct Many {
    told: usize,
    untold: usize,
}

impl Many {
    /// One more; true when it is told by itself.
    pub(super) fn one(&mut self) -> bool {
        let told = self.told < SINGLY;
        match told {
            true => self.told += 1,
            false => self.untold += 1,
        }
        told
    }

    /// The second is over: how many were not told by themselves.
    pub(super) fn over(&mut self) -> usize {
        std::mem::take(self).untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_second_some_are_told_and_the_others_counted() {
        let mut many = Many::default();
        for _ in 0..2 {
            let told = (0..1_000).filter(|_| many.one()).count();
            assert_eq!((told, many.over()), (10, 990));
        }
        assert!(many.one());
        assert_eq!(many.over(), 0);
    }
}
