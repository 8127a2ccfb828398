//! The pool's own commands, before those that wait and behind those under way.

use super::*;

impl Line {
    fn own(&mut self, text: &str) -> Option<Ticket> {
        let deadline = self.after(1000);
        self.protocol.submit_own(&echoes(&[text]), deadline)
    }

    /// What is written next, and how often it takes a write to do so.
    fn next_write(&mut self) -> Vec<String> {
        let before = self.echoes_got().len();
        self.write(usize::MAX);
        self.echoes_got().split_off(before)
    }
}

#[test]
fn what_is_the_pools_own_goes_first_and_in_a_write_of_its_own() {
    let mut line = Line::new(roomy());
    let waiting = [line.send(&["a"]), line.send(&["b"])];
    let own = line.own("own").unwrap();
    let behind = line.send(&["c"]);
    assert_eq!(line.next_write(), ["own"]);
    assert_eq!(line.next_write(), ["a", "b", "c"]);
    line.answer_all();
    assert_eq!(line.texts(own), ["own"]);
    for (ticket, text) in waiting.into_iter().chain([behind]).zip(["a", "b", "c"]) {
        assert_eq!(line.texts(ticket), [text]);
    }
    // Nothing is appended to it either when it is alone.
    let own = line.own("own").unwrap();
    let behind = line.send(&["d"]);
    assert_eq!(line.next_write(), ["own"]);
    assert_eq!(line.next_write(), ["d"]);
    line.answer_all();
    assert_eq!(line.texts(own), ["own"]);
    assert_eq!(line.texts(behind), ["d"]);
    line.assert_clean();
}

#[test]
fn it_has_no_place_while_something_is_on_its_way() {
    let mut line = Line::new(roomy());
    let first = line.send(&["first"]);
    line.write(3);
    assert!(line.own("own").is_none(), "amid a request");
    line.write_all();
    assert!(line.own("own").is_none(), "a reply is due");
    line.protocol.abandon(first);
    assert!(line.own("own").is_none(), "a reply is due, if to nobody");
    line.answer_all();
    let second = line.send(&["second"]);
    let chunk = line.protocol.take().unwrap();
    assert!(line.own("own").is_none(), "it is being written");
    line.protocol.put_back(chunk, 0);
    let own = line.own("own").unwrap();
    assert_eq!(line.next_write(), ["own"]);
    line.write_all();
    line.answer_all();
    assert_eq!(
        (line.texts(own), line.texts(second)),
        (vec!["own".into()], vec!["second".into()])
    );
    line.assert_clean();
}

/// Its connection is lost at any stage of it; those who wait go on.
#[test]
fn it_ends_with_its_connection() {
    for written in [0, 1, 10, usize::MAX] {
        let mut line = Line::new(roomy());
        let own = line.own("own").unwrap();
        let waiting = line.send(&["a"]);
        line.write(written);
        line.protocol.abandon(own);
        line.protocol.lost(&gone());
        assert!(line.protocol.wants_connection());
        line.written.clear();
        assert_eq!(line.next_write(), ["a"], "after {written} bytes");
        line.answer_all();
        assert_eq!(line.texts(waiting), ["a"]);
        assert!(!line.protocol.wants_connection());
        line.assert_clean();
    }
}

/// Much is cut out around it; it is written whole, and alone.
#[test]
fn what_is_cut_out_around_it_leaves_it_whole() {
    let mut line = Line::new(roomy());
    let long = "x".repeat(200_000);
    let dead = [line.send(&[&long]), line.send(&["a"])];
    let own = line.own("own").unwrap();
    let last = line.send(&["b"]);
    for ticket in dead {
        line.protocol.abandon(ticket);
    }
    assert_eq!(line.next_write(), ["own"]);
    assert_eq!(line.next_write(), ["b"]);
    line.answer_all();
    assert_eq!(
        (line.texts(own), line.texts(last)),
        (vec!["own".into()], vec!["b".into()])
    );
    line.assert_clean();
}
