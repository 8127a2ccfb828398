use slotline::slot_of;

/// A hash tag of a slot: `{tag}` in a key puts the key there.
pub fn tag_of(slot: u16) -> String {
    let mut tags = (0_u64..).map(|n| n.to_string());
    let found = tags.find(|tag| slot_of(tag).get() == slot);
    found.unwrap_or_default()
}

/// So many keys of a slot, each beginning with `prefix`.
pub fn keys_of_slot(prefix: &str, slot: u16, count: usize) -> Vec<String> {
    let tag = tag_of(slot);
    (0..count)
        .map(|n| format!("{prefix}:{{{tag}}}:{n}"))
        .collect()
}
