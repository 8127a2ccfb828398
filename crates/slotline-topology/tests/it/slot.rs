use proptest::prelude::*;
use slotline_topology::{Slot, SlotSet, hash_tag, slot_of};

#[test]
fn hash_tags_are_those_of_the_specification() {
    for (key, tag) in [
        ("foo", "foo"),
        ("", ""),
        ("{user1000}.following", "user1000"),
        ("foo{}{bar}", "foo{}{bar}"),
        ("foo{{bar}}zap", "{bar"),
        ("foo{bar}{zap}", "bar"),
        ("foo{bar", "foo{bar"),
        ("foo}bar{", "foo}bar{"),
        ("}{a}", "a"),
        ("{}", "{}"),
        ("{a}", "a"),
    ] {
        assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key:?}");
    }
}

#[test]
fn slots_are_those_of_a_server() {
    // By CLUSTER KEYSLOT; "123456789" is the specification's own CRC example.
    for (key, slot) in [
        ("", 0),
        ("foo", 12182),
        ("bar", 5061),
        ("hello", 866),
        ("123456789", 0x31C3),
        ("somekey", 11058),
        ("{foo}bar", 12182),
    ] {
        assert_eq!(slot_of(key).get(), slot, "{key:?}");
    }
}

#[test]
fn numbers_beyond_the_last_slot_are_none() {
    assert_eq!(Slot::new(16_383).map(Slot::get), Some(16_383));
    assert_eq!(Slot::new(16_384), None);
    let error = Slot::try_from(u16::MAX).unwrap_err();
    assert!(error.is_slot());
    assert_eq!(
        error.to_string(),
        "65535 is not a slot: there are 16384, counted from 0"
    );
    assert_eq!(Slot::all().len(), 16_384);
}

proptest! {
    #[test]
    fn any_key_has_a_slot_and_its_tag_the_same(key in prop::collection::vec(any::<u8>(), 0..20)) {
        let slot = Slot::of_key(&key);
        prop_assert!(slot.get() < Slot::COUNT);
        let tag = hash_tag(&key);
        if tag.len() < key.len() {
            let other = [b"x{".as_slice(), tag, b"}y"].concat();
            prop_assert_eq!(Slot::of_key(&other), slot);
        }
    }

    #[test]
    fn a_slot_set_is_a_set(numbers in prop::collection::vec(0..Slot::COUNT, 0..60), out in 0..Slot::COUNT) {
        let slots: Vec<Slot> = numbers.iter().filter_map(|&n| Slot::new(n)).collect();
        let mut model: std::collections::BTreeSet<Slot> = slots.iter().copied().collect();
        let mut set: SlotSet = slots.into_iter().collect();
        let out = Slot::new(out).unwrap();
        prop_assert_eq!(set.remove(out), model.remove(&out));
        prop_assert_eq!(set.len(), model.len());
        prop_assert_eq!(set.is_empty(), model.is_empty());
        prop_assert!(set.iter().eq(model.iter().copied()));
        prop_assert!(Slot::all().all(|slot| set.contains(slot) == model.contains(&slot)));
        let mut both = SlotSet::from_iter([out]);
        both.union(&set);
        prop_assert_eq!(both.len(), set.len() + 1);
    }
}
