//! A key for each slot.

use slotline::{Slot, slot_of};

/// A key for each slot. Its value is the key itself, so it can be written again
/// at any time without changing anything.
pub(crate) struct Samples(Vec<String>);

impl Samples {
    pub(crate) fn new() -> Self {
        let mut samples = vec![String::new(); usize::from(Slot::COUNT)];
        let mut missing = samples.len();
        for number in 0_u32.. {
            let key = format!("s:{number}");
            if let Some(sample) = samples.get_mut(slot_of(&key).index())
                && sample.is_empty()
            {
                *sample = key;
                missing -= 1;
                if missing == 0 {
                    break;
                }
            }
        }
        Self(samples)
    }

    pub(crate) fn of(&self, slot: u16) -> &str {
        self.0.get(usize::from(slot)).map_or("", String::as_str)
    }

    pub(crate) fn all(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_a_sample() {
        let samples = Samples::new();
        assert!((0..Slot::COUNT).all(|slot| slot_of(samples.of(slot)).get() == slot));
    }
}
