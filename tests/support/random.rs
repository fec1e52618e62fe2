//! Marsaglia's xorshift: the same damage in each run.

pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `bound`; 0 where nothing is.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).expect("below a usize")
    }
}
