//! What is read keeps no more memory than it should (B2).

use super::*;

/// Reads `bytes` in pieces of at most `piece`, and takes whole replies as they
/// come. Gives them with the room that was there at most ahead of the bytes.
fn read(bytes: &[u8], piece: usize) -> (Vec<bytes::Bytes>, usize) {
    let mut inbox = Inbox::new(Limits::default());
    let (mut replies, mut ahead) = (Vec::new(), 0);
    let mut at = 0;
    while at < bytes.len() {
        let room = inbox.room();
        ahead = ahead.max(room.capacity() - room.len());
        let most = piece
            .min(room.capacity() - room.len())
            .min(bytes.len() - at);
        assert!(most > 0);
        room.extend_from_slice(&bytes[at..at + most]);
        at += most;
        inbox.scan().unwrap();
        while inbox.next_is_push().is_some() {
            inbox.take_replies(usize::MAX, |segment, ends| {
                let mut start = 0;
                for end in ends {
                    replies.push(segment.slice(start..end));
                    start = end;
                }
            });
        }
    }
    (replies, ahead)
}

#[test]
fn frames_come_out_as_they_went_in() {
    let mut stream = Vec::new();
    let mut frames = Vec::new();
    for len in [1, 100, 70_000, 3, 200_000, 0, 65_536, 9, 1 << 20, 5, 5] {
        let frame = format!("${len}\r\n{}\r\n", "z".repeat(len));
        stream.extend_from_slice(frame.as_bytes());
        frames.push(frame);
    }
    for piece in [1000, 4096, 65_536, usize::MAX] {
        let (replies, ahead) = read(&stream, piece);
        assert_eq!(replies.len(), frames.len());
        assert!(
            replies
                .iter()
                .zip(&frames)
                .all(|(reply, frame)| reply == frame)
        );
        assert!(ahead <= (1 << 20) + 200_000, "{ahead}");
    }
}

/// Fails where every connection keeps a block of the usual size, or for ever what it once
/// needed.
#[test]
fn a_connection_begins_with_little_and_lets_go_of_what_it_no_longer_needs() {
    let mut inbox = Inbox::new(Limits::default());
    let feed = |inbox: &mut Inbox| {
        inbox.room().extend_from_slice(b"$5\r\nvalue\r\n");
        inbox.scan().unwrap();
        inbox.take_front().unwrap()
    };
    let room = |inbox: &mut Inbox| inbox.room().capacity();
    for _ in 0..10_000 {
        feed(&mut inbox);
    }
    assert!(room(&mut inbox) <= 16 << 10);
    let kept: Vec<bytes::Bytes> = (0..10_000).map(|_| feed(&mut inbox)).collect();
    assert!(room(&mut inbox) > 16 << 10);
    drop(kept);
    inbox.room().extend_from_slice(b"$5\r\nva");
    inbox.rest();
    inbox.room().extend_from_slice(b"lue\r\n");
    inbox.scan().unwrap();
    assert_eq!(inbox.take_front().unwrap(), "$5\r\nvalue\r\n");
    inbox.rest();
    assert!(room(&mut inbox) <= 16 << 10);
}

#[test]
fn an_announced_length_reserves_no_more_than_a_mebibyte_ahead() {
    let mut inbox = Inbox::new(Limits::default());
    inbox.room().extend_from_slice(b"$500000000\r\n");
    inbox.scan().unwrap();
    let mut arrived = 12;
    while arrived < 8 << 20 {
        let room = inbox.room();
        let ahead = room.capacity() - room.len();
        assert!(
            ahead <= arrived.max(1 << 20) + (64 << 10),
            "{ahead} after {arrived}"
        );
        let piece = vec![b'x'; ahead.min(100_000)];
        room.extend_from_slice(&piece);
        arrived += piece.len();
        inbox.scan().unwrap();
    }
}

#[test]
fn a_small_reply_does_not_keep_a_large_block() {
    // An array of unknown size grows its block beyond what it needs in the end,
    // and small replies then lie behind it.
    let mut stream = b"*20000\r\n".to_vec();
    for _ in 0..20_000 {
        stream.extend_from_slice(b"$4\r\nbody\r\n");
    }
    let small = b"+small\r\n";
    stream.extend_from_slice(&small.repeat(1000));
    let (replies, _) = read(&stream, usize::MAX);
    assert_eq!(replies.len(), 1001);
    for reply in &replies[1..] {
        assert_eq!(&reply[..], small);
    }
    assert!(
        replies[0].is_unique(),
        "a small reply lies in the large one's block"
    );
}

#[test]
fn bad_bytes_end_the_stream_behind_the_good_ones() {
    let mut line = Line::new(roomy());
    let tickets = [line.send(&["a"]), line.send(&["b"])];
    line.write_all();
    line.inbox
        .room()
        .extend_from_slice(b"$1\r\na\r\nHTTP/1.1 200\r\n");
    assert!(line.inbox.scan().unwrap_err().is_protocol());
    line.protocol.distribute(&mut line.inbox, false).unwrap();
    assert_eq!(line.texts(tickets[0]), ["a"]);
    assert!(line.outcome(tickets[1]).is_none());
}
