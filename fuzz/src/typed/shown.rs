//! What `Debug` and `Display` show, without keeping it.

use std::fmt::{Debug, Display, Write};

use slotline_resp::Error;

/// The longest place that a nest of so many levels can have, and the words before.
const LONGEST: usize = 400 + 128 * 24;

/// The letters of which our own texts are made. Most values have others, so one
/// that gets into an error is soon found.
const OURS: [bool; 256] = {
    let mut ours = [false; 256];
    let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:-_`'\"()[]{}";
    let mut at = 0;
    while at < letters.len() {
        ours[letters[at] as usize] = true;
        at += 1;
    }
    ours
};

/// A text by its length and a number that another text hardly has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shown {
    len: usize,
    digest: u64,
    is_ours: bool,
}

impl Shown {
    fn new() -> Self {
        Self {
            len: 0,
            digest: 0,
            is_ours: true,
        }
    }

    pub(super) fn debug(value: &impl Debug) -> Self {
        let mut shown = Self::new();
        write!(shown, "{value:?}").expect("it takes any text");
        shown
    }

    fn display(value: &impl Display) -> Self {
        let mut shown = Self::new();
        write!(shown, "{value}").expect("it takes any text");
        shown
    }

    fn says_nothing(&self) -> bool {
        self.is_ours && self.len <= LONGEST
    }
}

impl Write for Shown {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            self.is_ours &= OURS[usize::from(byte)];
        }
        self.len += text.len();
        Ok(())
    }
}

/// What the `Debug` of an error shows, which says nothing of what was received, nor
/// do its `Display` and its causes.
///
/// # Panics
///
/// One of them does. A server's error is its own words, and is not looked at.
pub(super) fn silent(error: &Error) -> Shown {
    let shown = Shown::debug(error);
    if error.is_server() {
        return shown;
    }
    assert!(shown.says_nothing(), "it shows {error:?}");
    assert!(Shown::display(error).says_nothing(), "it shows {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let texts = [Shown::display(&inner), Shown::debug(&inner)];
        assert!(
            texts.iter().all(Shown::says_nothing),
            "a cause shows {inner:?}"
        );
        cause = inner.source();
    }
    shown
}
