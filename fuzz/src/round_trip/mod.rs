//! What is written is read.

mod programs;
mod said;
mod spelling;
mod structs;
mod values;

use crate::choices::Choices;

/// Values, commands or a struct, as the first byte says, made of those that
/// follow: each comes back however its bytes are cut.
pub(crate) fn round_trip(data: &[u8]) {
    let mut choices = Choices::new(data);
    let what = choices.one_of(&[0, 1, 2]);
    let cuts = choices.cuts();
    match what {
        0 => values::check(choices, cuts),
        1 => programs::check(choices, cuts),
        _ => structs::check(choices, cuts),
    }
}
