//! Numbers from a seed: SplitMix64 (Steele, Lea, Flood 2014). Nothing here is secret, everything is repeatable.

use lazaret_core::id::Id;

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of this seed; `of` keeps streams for different uses apart.
    pub(crate) fn new(seed: u64, of: u64) -> Random {
        let mut random = Random(seed ^ of.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        random
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if `end` is.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// True so many times in a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let place = self.below(u64::try_from(all.len()).unwrap_or(u64::MAX));
        all.get(usize::try_from(place).unwrap_or(usize::MAX))
    }

    /// One of these, by weight.
    pub(crate) fn weighed<T: Copy>(&mut self, all: &[(u64, T)], otherwise: T) -> T {
        let mut place = self.below(all.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in all {
            match place.checked_sub(*weight) {
                Some(rest) => place = rest,
                None => return *value,
            }
        }
        otherwise
    }

    /// Bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_be_bytes()[0])
    }

    /// A new id.
    pub(crate) fn id<T>(&mut self) -> Id<T> {
        Id::from_bytes(self.bytes())
    }
}
