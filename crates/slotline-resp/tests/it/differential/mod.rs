//! The same bytes through this crate, `redis-protocol` and the `redis` crate's
//! parser. Where they differ, the difference must be a known one.

mod alike;
mod known;
mod peers;
mod table;

use proptest::prelude::*;
use slotline_resp::{Protocol, ReplyBuffer, Value};

use crate::properties::{almost_resp, protocol, value};
use alike::alike;
use known::{DIFFERENCES, Difference, Seen, reason};
use peers::{Outcome, PEERS, Peer, slotline};

/// Fails if a peer makes something else of the front of `bytes`, and nobody
/// knows why. The tables of other tests are run through it too.
#[track_caller]
pub(crate) fn compare(bytes: &[u8]) {
    for peer in PEERS {
        let seen = look(peer, bytes);
        if !agree(peer, &seen) && reason(peer, &seen).is_none() {
            let Seen { ours, theirs, .. } = seen;
            let bytes = bytes.escape_ascii();
            panic!("{peer:?} differs on \"{bytes}\":\nours   {ours:?}\ntheirs {theirs:?}");
        }
    }
}

fn look(peer: Peer, bytes: &[u8]) -> Seen<'_> {
    let (ours, offset) = slotline(bytes);
    Seen {
        bytes,
        ours,
        offset,
        theirs: peer.decode(bytes),
    }
}

fn agree(peer: Peer, seen: &Seen<'_>) -> bool {
    match (&seen.ours, &seen.theirs) {
        (Outcome::Whole(ours, len), Outcome::Whole(theirs, their_len)) => {
            len == their_len && alike(ours, peer) == alike(theirs, peer)
        }
        (Outcome::Refused(_), Outcome::Refused(_)) | (Outcome::More, Outcome::More) => true,
        // Of a frame that is not whole nobody knows yet what we should make.
        (Outcome::More, Outcome::Refused(_)) => true,
        _ => false,
    }
}

impl Difference {
    fn bytes(&self) -> Vec<u8> {
        // What is not UTF-8 has no other place in a string.
        let example = self.example.replace('\u{fffd}', "\u{1}").into_bytes();
        let mut bytes = b"*1\r\n".repeat(self.nested);
        bytes.extend(example.into_iter().map(|b| if b == 1 { 0xff } else { b }));
        bytes
    }
}

#[test]
fn every_known_difference_is_still_there() {
    for known in DIFFERENCES {
        let bytes = known.bytes();
        compare(&bytes);
        for peer in known.peers {
            let seen = look(*peer, &bytes);
            let found = reason(*peer, &seen).map(|reason| reason.about);
            assert_eq!(found, Some(known.about), "{peer:?}");
            let Seen { ours, theirs, .. } = &seen;
            assert!(!agree(*peer, &seen), "{peer:?}: {theirs:?}, we {ours:?}");
        }
    }
}

fn encode(value: &Value, protocol: Protocol) -> Vec<u8> {
    let mut buffer = ReplyBuffer::new(protocol);
    buffer.value(value);
    buffer.as_bytes().to_vec()
}

/// A frame in which one byte has become another, or is too much or missing.
fn damaged(
    mut bytes: Vec<u8>,
    at: prop::sample::Index,
    byte: Option<u8>,
    instead: bool,
) -> Vec<u8> {
    let at = at.index(bytes.len());
    let replaced = at..at + usize::from(instead || byte.is_none());
    bytes.splice(replaced, byte);
    bytes
}

fn byte() -> impl Strategy<Value = Option<u8>> {
    let known = prop::sample::select(b"\r\n$*:+-_%~>|,#(=!;.?0123456789eE tfx ".to_vec());
    prop_oneof![1 => Just(None), 4 => known.prop_map(Some), 1 => any::<u8>().prop_map(Some)]
}

proptest! {
    #[test]
    fn a_value_is_the_same_to_all(value in value(), protocol in protocol()) {
        compare(&encode(&value, protocol));
    }

    #[test]
    fn a_damaged_frame_is_one_to_all_or_to_none(
        value in value(),
        protocol in protocol(),
        at in any::<prop::sample::Index>(),
        byte in byte(),
        instead in any::<bool>(),
    ) {
        compare(&damaged(encode(&value, protocol), at, byte, instead));
    }

    #[test]
    fn bytes_are_a_frame_to_all_or_to_none(bytes in almost_resp()) {
        compare(&bytes);
    }
}
