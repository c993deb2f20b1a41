//! Rolls that look random and are the same every time.

/// Splitmix64: the same rolls for the same seed, for ever.
pub struct Dice(u64);

impl Dice {
    /// Rolls that follow from the seed.
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// 64 even bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit` − 1; 0 when there is no choice.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit.max(1) as u64) as usize
    }
}
