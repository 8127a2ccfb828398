//! Yes and no, as servers want it.

use slotline_resp::ToArg;

/// `YES` or `NO`.
pub(crate) struct YesNo(pub(crate) bool);

impl ToArg for YesNo {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        take(if self.0 { b"YES" } else { b"NO" })
    }
}
