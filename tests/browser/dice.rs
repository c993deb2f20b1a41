//! Chance that can be repeated: the seed is printed, and `DUXING_SEED` sets it.

/// A small generator (SplitMix64); good enough to choose a moment.
pub struct Dice(u64);

impl Dice {
    /// Seeded by `DUXING_SEED`, else by chance; says which.
    pub fn new(story: &str) -> Self {
        let seed = std::env::var("DUXING_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(rand::random);
        println!("{story}: to see it again, set DUXING_SEED={seed}");
        Dice(seed)
    }

    /// A number from `low` up to and with `high`.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        low + usize::try_from(mixed % (high - low + 1) as u64).expect("a small number")
    }
}
