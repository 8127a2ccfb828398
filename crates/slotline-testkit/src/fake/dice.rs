//! Chance that repeats itself.

/// A generator of numbers that a seed decides, today and in every later version
/// (SplitMix64): what it decided once, a seed decides again.
///
/// ```
/// use slotline_testkit::Dice;
///
/// let mut dice = Dice::new(7);
/// let first: Vec<u64> = (0..4).map(|_| dice.below(6)).collect();
/// let mut again = Dice::new(7);
/// assert!(first.iter().all(|number| *number == again.below(6)));
/// ```
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A generator that `seed` decides.
    #[must_use]
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number less than `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number().checked_rem(end).unwrap_or(0)
    }

    /// Whether something happens that happens `times` in `of` times.
    pub fn chance(&mut self, times: u64, of: u64) -> bool {
        self.below(of) < times
    }

    /// One of them; `None` if there is none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let at = self.below(of.len() as u64);
        of.get(usize::try_from(at).unwrap_or(0))
    }

    /// Another generator, whose numbers have nothing to do with the next of this.
    #[must_use]
    pub fn fork(&mut self) -> Dice {
        Dice(self.number())
    }
}
