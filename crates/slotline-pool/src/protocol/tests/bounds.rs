//! Every queue is bounded, and room that is given up is used (B1).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Wake;

use super::*;

fn narrow(commands: usize, bytes: usize) -> Bounds {
    Bounds {
        commands,
        bytes,
        refuse: false,
        writes: None,
    }
}

#[test]
fn those_who_wait_for_room_go_in_their_order() {
    let one = echoes(&["a"]).byte_len();
    for bounds in [narrow(2, 1 << 20), narrow(1000, 2 * one)] {
        let mut line = Line::new(bounds);
        let names = ["a", "b", "c", "d", "e"];
        let tickets = names.map(|name| line.send(&[name]));
        assert_eq!(line.protocol.load(), (2, 2 * one, 3));
        for _ in 0..5 {
            line.write(one);
            line.answer_all();
        }
        assert_eq!(line.echoes_got(), names);
        for (name, ticket) in names.into_iter().zip(tickets) {
            assert_eq!(line.texts(ticket), [name]);
        }
        line.assert_clean();
    }
}

#[test]
fn a_small_request_does_not_overtake_a_large_one() {
    let mut line = Line::new(narrow(4, 1 << 20));
    let tickets = [
        line.send(&["a", "b", "c"]),
        line.send(&["d", "e"]),
        line.send(&["f"]),
    ];
    assert_eq!(line.protocol.load().2, 2);
    line.write_all();
    line.answer_all();
    line.write_all();
    line.answer_all();
    assert_eq!(line.echoes_got(), ["a", "b", "c", "d", "e", "f"]);
    for ticket in tickets {
        line.outcome(ticket).unwrap();
    }
    line.assert_clean();
}

#[test]
fn a_request_beyond_the_bound_goes_when_there_is_nothing_else() {
    let mut line = Line::new(narrow(2, 10));
    let first = line.send(&["a"]);
    let large = line.send(&["b", "c", "d"]);
    assert_eq!(line.protocol.load().2, 1);
    line.write_all();
    line.answer_all();
    assert_eq!(line.protocol.load().2, 0);
    line.write_all();
    line.answer_all();
    assert_eq!(line.texts(first), ["a"]);
    assert_eq!(line.texts(large), ["b", "c", "d"]);
    line.assert_clean();
}

#[test]
fn whoever_leaves_makes_room_at_once() {
    let mut line = Line::new(narrow(2, 1 << 20));
    let tickets = ["a", "b", "c", "d", "e", "f"].map(|name| line.send(&[name]));
    // One that waits, one in the middle of those, one that had its place.
    line.protocol.abandon(tickets[3]);
    line.protocol.abandon(tickets[2]);
    assert_eq!(line.protocol.load(), (2, 2 * echoes(&["a"]).byte_len(), 2));
    line.protocol.abandon(tickets[0]);
    assert_eq!(line.protocol.load().2, 1);
    for _ in 0..3 {
        line.write_all();
        line.answer_all();
    }
    assert_eq!(line.echoes_got(), ["b", "e", "f"]);
    for index in [1, 4, 5] {
        line.texts(tickets[index]);
    }
    line.assert_clean();
}

#[test]
fn a_deadline_ends_the_wait_for_room() {
    let mut line = Line::new(narrow(1, 1 << 20));
    let first = line.send(&["a"]);
    let second = line.send_until(&["b"], 3);
    let third = line.send(&["c"]);
    line.expire(3);
    let loss = line.outcome(second).unwrap().loss.unwrap();
    assert!(loss.error.is_timeout() && loss.error.is_overloaded());
    assert_eq!(loss.written, Written::Nothing);
    for _ in 0..2 {
        line.write_all();
        line.answer_all();
    }
    assert_eq!(
        (line.texts(first), line.texts(third)),
        (vec!["a".into()], vec!["c".into()])
    );
    line.assert_clean();
}

#[test]
fn a_full_queue_can_refuse_instead() {
    let mut line = Line::new(Bounds {
        refuse: true,
        ..narrow(1, 1 << 20)
    });
    let ticket = line.send(&["a"]);
    let deadline = line.after(9);
    let more = line
        .protocol
        .submit(&echoes(&["b"]), deadline, WhileAway::Wait);
    assert!(more.is_none());
    line.write_all();
    line.answer_all();
    line.texts(ticket);
    line.assert_clean();
}

/// A node that takes nothing, and callers that come and go: what is held stays
/// in proportion to what is wanted.
#[test]
fn what_was_given_up_does_not_pile_up() {
    let mut line = Line::new(roomy());
    let kept = line.send_until(&["kept"], 9999);
    line.write(3);
    let body = "x".repeat(1000);
    for round in 0..2000 {
        let ticket = line.send_until(&[&body], round + 1);
        if round % 2 == 0 {
            line.protocol.abandon(ticket);
        } else {
            line.expire(round + 1);
            line.outcome(ticket).unwrap();
        }
    }
    assert!(
        line.protocol.batches.len() < 200,
        "{}",
        line.protocol.batches.len()
    );
    assert!(
        line.protocol.slots.len() < 200,
        "{}",
        line.protocol.slots.len()
    );
    assert!(line.protocol.dead_bytes < 200_000);
    let last = line.send(&["last"]);
    line.write_all();
    line.answer_all();
    assert_eq!(line.echoes_got(), ["kept", "last"]);
    assert_eq!(
        (line.texts(kept), line.texts(last)),
        (vec!["kept".into()], vec!["last".into()])
    );
    line.assert_clean();
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_batch_wakes_its_caller_once() {
    let mut line = Line::new(roomy());
    let ticket = line.send(&["a", "b", "c"]);
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    assert!(line.protocol.poll(ticket, &waker).is_none());
    line.write_all();
    for byte in line.answers() {
        line.feed(&[byte]).unwrap();
        line.protocol.woken.drain(..).for_each(Waker::wake);
    }
    assert_eq!(count.0.load(SeqCst), 1);
    assert_eq!(line.texts(ticket), ["a", "b", "c"]);
}

/// Fails where every command goes out by itself however many do, and where what is
/// gathered is not let go by a reply, or by being much.
#[test]
fn behind_so_many_writes_without_an_answer_commands_are_gathered() {
    let mut line = Line::new(Bounds {
        writes: Some(2),
        ..narrow(1000, 1 << 20)
    });
    let mut tickets = Vec::new();
    for text in ["a", "b"] {
        assert!(!line.protocol.gathers());
        tickets.push(line.send(&[text]));
        line.write_all();
    }
    assert!(line.protocol.gathers());
    tickets.push(line.send(&["c"]));
    tickets.push(line.send(&["d"]));
    assert!(line.protocol.gathers() && line.protocol.has_unwritten());
    line.feed(b"$1\r\na\r\n").unwrap();
    line.answered = 1;
    assert!(!line.protocol.gathers());
    assert!(line.write(usize::MAX) > 0, "c and d go together");
    assert!(line.protocol.gathers());
    tickets.push(line.send(&["x".repeat(20_000).as_str()]));
    assert!(!line.protocol.gathers());
    line.write_all();
    line.answer_all();
    for ticket in tickets {
        line.outcome(ticket).unwrap();
    }
    // What a connection did not answer is not owed by the next.
    for text in ["e", "f"] {
        line.send(&[text]);
        line.write_all();
    }
    assert!(line.protocol.gathers());
    line.protocol.lost(&gone());
    assert!(!line.protocol.gathers());
}
