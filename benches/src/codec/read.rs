//! A read buffer, filled as a client fills it from a socket.

use bytes::BytesMut;

use super::wire::Wire;

/// The capacity that a connection's buffer begins with.
const ROOM: usize = 64 << 10;
/// How far ahead of what has arrived a peer's word alone makes one reserve.
const TRUSTED: usize = 1 << 20;

/// Copies each piece into a read buffer and has `take` make of it what it can.
/// `take` tells how many bytes it knows to be missing, 0 if it does not know.
pub(super) fn receive(wire: &Wire, mut take: impl FnMut(&mut BytesMut) -> usize) {
    let mut buffer = BytesMut::with_capacity(ROOM);
    let mut missing = 0;
    for piece in wire.pieces() {
        if buffer.capacity() - buffer.len() < piece.len() {
            let ahead = missing.min(buffer.len().max(TRUSTED));
            buffer.reserve(ahead.max(piece.len()));
        }
        buffer.extend_from_slice(piece);
        missing = take(&mut buffer);
    }
}
