//! No cancellation, deadline or loss shifts a reply (R1, R2, R5).

use super::*;

#[test]
fn replies_find_their_requests_however_they_are_cut() {
    let pushes = b">2\r\n+invalidate\r\n*1\r\n+k\r\n";
    let mut stream = pushes.to_vec();
    stream.extend_from_slice(b"$1\r\na\r\n$1\r\nb\r\n");
    stream.extend_from_slice(b"|1\r\n+ttl\r\n:1\r\n");
    stream.extend_from_slice(b"$1\r\nc\r\n");
    stream.extend_from_slice(pushes);
    stream.extend_from_slice(b"$1\r\nd\r\n$1\r\ne\r\n");
    for first in 0..stream.len() {
        for second in first..stream.len() {
            let mut line = Line::new(roomy());
            let tickets = [
                line.send(&["a"]),
                line.send(&["b", "c", "d"]),
                line.send(&["e"]),
            ];
            line.write_all();
            for piece in [&stream[..first], &stream[first..second], &stream[second..]] {
                line.feed(piece).unwrap();
            }
            assert_eq!(line.texts(tickets[0]), ["a"]);
            assert_eq!(line.texts(tickets[1]), ["b", "c", "d"]);
            assert_eq!(line.texts(tickets[2]), ["e"]);
            line.assert_clean();
        }
    }
}

/// When a caller leaves, or its deadline passes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    Before,
    InHand,
    After,
    Answered,
}

/// Three requests, the first `written` bytes of which the socket takes at once;
/// those of `leavers` are dropped at `moment`.
fn leave(written: usize, leavers: u32, moment: Moment) {
    use Moment::*;
    let context = format!("{written} bytes, leavers {leavers:03b}, {moment:?}");
    let texts: [&[&str]; 3] = [&["a1", "a2"], &["b1"], &["c1", "c2"]];
    let mut line = Line::new(roomy());
    let tickets = texts.map(|texts| line.send(texts));
    let leaves = |index: usize| leavers & (1 << index) != 0;
    let leave = |line: &mut Line, now: Moment| {
        for index in (0..3).filter(|index| now == moment && leaves(*index)) {
            line.protocol.abandon(tickets[index]);
        }
    };
    leave(&mut line, Before);
    if let Some(chunk) = line.protocol.take() {
        leave(&mut line, InHand);
        let taken = chunk.to_vec().len().min(written);
        line.written.extend_from_slice(&chunk.to_vec()[..taken]);
        line.protocol.put_back(chunk, taken);
    }
    leave(&mut line, After);
    line.answer_all();
    leave(&mut line, Answered);
    line.write_all();
    line.answer_all();

    // A request runs as a whole or not at all, and not if its caller left before
    // a byte of it was written.
    let mut expected = Vec::new();
    let mut start = 0;
    for (index, texts) in texts.iter().enumerate() {
        let begun = match moment {
            Before => false,
            _ => start < written,
        };
        if !leaves(index) || begun || moment == Answered {
            expected.extend_from_slice(texts);
        }
        start += echoes(texts).byte_len();
    }
    if moment != Answered {
        assert_eq!(line.echoes_got(), expected, "{context}");
    }
    for index in (0..3).filter(|index| !leaves(*index)) {
        assert_eq!(line.texts(tickets[index]), texts[index], "{context}");
    }
    line.assert_clean();
}

#[test]
fn whoever_leaves_shifts_no_reply() {
    let whole = echoes(&["a1", "a2", "b1", "c1", "c2"]).byte_len();
    for written in 0..=whole {
        for leavers in 0..8 {
            for moment in [Moment::Before, Moment::InHand, Moment::After] {
                leave(written, leavers, moment);
            }
            if written == whole {
                leave(written, leavers, Moment::Answered);
            }
        }
    }
}

#[test]
fn a_deadline_ends_a_request_and_shifts_no_reply() {
    let whole = echoes(&["a", "b", "c"]).byte_len();
    let each = whole / 3;
    for written in 0..=whole {
        let mut line = Line::new(roomy());
        let tickets = [
            line.send(&["a"]),
            line.send_until(&["b"], 5),
            line.send(&["c"]),
        ];
        line.write(written);
        line.expire(4);
        assert!(line.outcome(tickets[1]).is_none());
        line.expire(5);
        let begun = written > each;
        let outcome = line.outcome(tickets[1]).unwrap();
        let loss = outcome.loss.unwrap();
        assert!(loss.error.is_timeout() && outcome.replies.is_empty());
        let expected = if begun {
            Written::Everything
        } else {
            Written::Nothing
        };
        assert_eq!(loss.written, expected, "{written} bytes");
        line.write_all();
        line.answer_all();
        let ran: &[&str] = if begun { &["a", "b", "c"] } else { &["a", "c"] };
        assert_eq!(line.echoes_got(), ran, "{written} bytes");
        assert_eq!(
            (line.texts(tickets[0]), line.texts(tickets[2])),
            (vec!["a".into()], vec!["c".into()])
        );
        line.assert_clean();
    }
}

#[test]
fn a_lost_connection_takes_only_what_was_written() {
    let lens = [echoes(&["a"]).byte_len(), echoes(&["b1", "b2"]).byte_len()];
    let whole = lens[0] + lens[1] + echoes(&["c"]).byte_len();
    for written in 0..=whole {
        for answered in 0..2 {
            let mut line = Line::new(roomy());
            let tickets = [
                line.send(&["a"]),
                line.send(&["b1", "b2"]),
                line.send(&["c"]),
            ];
            line.write(written);
            let has_answer = answered == 1 && written >= lens[0];
            if has_answer {
                line.feed(b"$1\r\na\r\n").unwrap();
            }
            line.protocol.lost(&gone());
            if has_answer {
                assert_eq!(line.texts(tickets[0]), ["a"]);
            }
            // The next connection gets what the first one had not a byte of.
            line.written.clear();
            line.answered = 0;
            line.inbox = Inbox::new(Limits::default());
            line.write_all();
            line.answer_all();
            let mut start = 0;
            for (index, texts) in [&["a"][..], &["b1", "b2"], &["c"]].iter().enumerate() {
                let end = start + echoes(texts).byte_len();
                if !(index == 0 && has_answer) {
                    if written <= start {
                        assert_eq!(line.texts(tickets[index]), *texts, "{written} bytes");
                    } else {
                        let known = match end <= written {
                            true => Written::Everything,
                            false => Written::Bytes(written - start),
                        };
                        assert_eq!(line.loss(tickets[index]), (0, known), "{written} bytes");
                    }
                }
                start = end;
            }
            line.assert_clean();
        }
    }
}

#[test]
fn the_replies_that_came_before_a_loss_are_kept() {
    let mut line = Line::new(roomy());
    let ticket = line.send(&["a", "b", "c"]);
    line.write_all();
    line.feed(b"$1\r\na\r\n$1\r\nb\r\n$1\r\n").unwrap();
    line.protocol.lost(&gone());
    assert_eq!(line.loss(ticket), (2, Written::Everything));
    line.assert_clean();
}

#[test]
fn a_reply_without_a_request_is_told() {
    let mut line = Line::new(roomy());
    assert_eq!(line.feed(b">1\r\n+hello\r\n"), Ok(()));
    assert_eq!(line.feed(b"+OK\r\n"), Err(Unsolicited));

    // Two replies to one request.
    let mut line = Line::new(roomy());
    let ticket = line.send(&["a"]);
    line.write_all();
    assert_eq!(line.feed(b"$1\r\na\r\n$1\r\na\r\n"), Err(Unsolicited));
    assert_eq!(line.texts(ticket), ["a"]);

    // A reply to what has not been written, or not to its end.
    for written in [0, 5] {
        let mut line = Line::new(roomy());
        let ticket = line.send(&["a"]);
        line.write(written);
        assert_eq!(
            line.feed(b"$1\r\na\r\n"),
            Err(Unsolicited),
            "{written} bytes"
        );
        line.protocol.lost(&gone());
        line.written.clear();
        if written > 0 {
            // It is taken for the answer that it claims to be.
            assert_eq!(line.texts(ticket), ["a"]);
        } else {
            line.inbox = Inbox::new(Limits::default());
            line.write_all();
            line.answer_all();
            assert_eq!(line.texts(ticket), ["a"]);
        }
        line.assert_clean();
    }
}

#[test]
fn what_is_given_back_is_what_was_not_written() {
    let whole = echoes(&["a", "b", "c"]).byte_len();
    for written in 0..=whole {
        for in_hand in [false, true] {
            let mut line = Line::new(roomy());
            let tickets = [line.send(&["a"]), line.send(&["b"]), line.send(&["c"])];
            let chunk = line.protocol.take().unwrap();
            if in_hand {
                line.protocol.give_back(&gone());
            }
            line.written.extend_from_slice(&chunk.to_vec()[..written]);
            line.protocol.put_back(chunk, written);
            if !in_hand {
                line.protocol.give_back(&gone());
            }
            line.write_all();
            line.answer_all();
            for (index, ticket) in tickets.into_iter().enumerate() {
                if index * whole / 3 < written {
                    assert_eq!(line.texts(ticket).len(), 1, "{written} bytes");
                } else {
                    assert_eq!(line.loss(ticket), (0, Written::Nothing), "{written} bytes");
                }
            }
            line.assert_clean();
        }
    }
}

#[test]
fn closing_fails_everything_and_leaves_nothing() {
    for stage in 0..4 {
        let mut line = Line::new(Bounds {
            commands: 2,
            ..roomy()
        });
        let tickets = [line.send(&["a"]), line.send(&["b"]), line.send(&["c"])];
        let abandoned = line.send(&["d"]);
        line.protocol.abandon(abandoned);
        let expected = match stage {
            0 => [Written::Nothing; 3],
            1 => {
                line.write(3);
                [Written::Bytes(3), Written::Nothing, Written::Nothing]
            }
            _ => {
                if stage == 2 {
                    line.write_all();
                }
                [Written::Everything, Written::Everything, Written::Nothing]
            }
        };
        let hand = (stage == 3).then(|| line.protocol.take().unwrap());
        line.protocol.fail_all(&gone());
        if let Some(chunk) = hand {
            line.protocol.put_back(chunk, 7);
        }
        for (ticket, expected) in tickets.into_iter().zip(expected) {
            assert_eq!(line.loss(ticket), (0, expected), "stage {stage}");
        }
        line.assert_clean();
    }
}

/// A caller may be writing when the driver learns that the connection is gone.
#[test]
fn what_is_being_written_when_the_connection_is_lost_is_in_doubt() {
    for left_before in [false, true] {
        for written in [0, 5, usize::MAX] {
            let mut line = Line::new(roomy());
            let lost = line.send(&["a"]);
            let leaver = line.send(&["b"]);
            let chunk = line.protocol.take().unwrap();
            if left_before {
                line.protocol.abandon(leaver);
            }
            let waits = line.send(&["c"]);
            assert!(line.protocol.take().is_none(), "two writers at once");
            assert!(!line.protocol.has_unwritten());
            line.protocol.lost(&gone());
            // The next connection is served before the late writer comes back.
            let next = line.protocol.take().unwrap();
            line.written.extend_from_slice(&next.to_vec());
            line.protocol.put_back(chunk, written.min(40));
            line.protocol.put_back(next, usize::MAX);
            line.answer_all();
            assert_eq!(line.loss(lost), (0, Written::Everything));
            assert_eq!(line.texts(waits), ["c"]);
            if !left_before {
                assert_eq!(line.loss(leaver), (0, Written::Everything));
            }
            line.assert_clean();
        }
    }
}

/// A server may answer before the caller that wrote has said that it did.
#[test]
fn an_answer_that_overtakes_its_writer_waits_for_it() {
    for expires in [false, true] {
        let mut line = Line::new(roomy());
        let (first, other) = (line.send_until(&["a", "b"], 5), line.send(&["c"]));
        let chunk = line.protocol.take().unwrap();
        line.written.extend_from_slice(&chunk.to_vec());
        line.answer_all();
        assert!(line.outcome(first).is_none() && !line.inbox.is_drained());
        if expires {
            line.expire(6);
            assert_eq!(line.loss(first), (0, Written::Everything), "it was written");
        }
        line.protocol.put_back(chunk, usize::MAX);
        line.feed(b"").unwrap();
        assert!(line.inbox.is_drained());
        if !expires {
            assert_eq!(line.texts(first), ["a", "b"]);
        }
        assert_eq!(line.texts(other), ["c"]);
        line.assert_clean();
    }
}
