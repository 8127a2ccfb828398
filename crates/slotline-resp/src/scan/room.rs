//! Room for what has been announced and has not arrived.

use bytes::BytesMut;

use crate::limits::TRUSTED;

/// A buffer with less room than this is about to grow in any case.
const LEAST_ROOM: usize = 8 << 10;

/// Reserves what a long string still lacks, so that its bytes need not be moved
/// often while they arrive: on the peer's word alone never more than has arrived
/// already, or [`TRUSTED`].
pub(crate) fn make_room(buffer: &mut BytesMut, missing: usize) {
    let spare = buffer.capacity() - buffer.len();
    if spare < missing.min(LEAST_ROOM) {
        buffer.reserve(missing.min(buffer.len().max(TRUSTED)));
    }
}
