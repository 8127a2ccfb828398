//! Nests far deeper than any stack, on the stack of a small thread.

use slotline_resp::{Limits, Protocol, Reply, ReplyBuffer, Scanner, Value};

use crate::scan::scan_cut;

const LEVELS: usize = 100_000;

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(test).unwrap().join().unwrap();
}

/// Arrays, maps, sets and pushes around one integer.
fn nest() -> String {
    let levels = ["*1\r\n", "%1\r\n+k\r\n", "~1\r\n", ">1\r\n"];
    let opened: String = levels.into_iter().cycle().take(LEVELS).collect();
    opened + ":1\r\n"
}

#[test]
fn a_chain_of_100_000_is_an_error_unless_the_limit_allows_it() {
    on_a_small_stack(|| {
        let nest = nest();
        let error = scan_cut(Limits::default(), nest.as_bytes(), &[]).unwrap_err();
        assert!(error.is_limit(), "{error}");
        assert_eq!(error.offset(), Some(32 * (4 + 8 + 4 + 4)));
        let shallow = Limits::default().depth(LEVELS as u32 - 1);
        assert!(Scanner::new(shallow).scan(nest.as_bytes()).is_err());
        let enough = Limits::default().depth(LEVELS as u32);
        let scanned = Scanner::new(enough).scan(nest.as_bytes());
        assert_eq!(scanned, Ok(Some(nest.len())));
    });
}

#[test]
fn the_deepest_value_allowed_needs_no_stack() {
    on_a_small_stack(|| {
        let reply = Reply::from_scanned(nest().into());
        let value: Value = reply.decode().unwrap();
        let copy = value.clone();
        assert!(copy == value);
        let other = nest().replace(":1\r\n", ":2\r\n");
        assert!(copy != Reply::from_scanned(other.into()).value().unwrap());
        assert!(format!("{value:?} {value:#?}").contains('…'));
        let mut reader = reply.reader();
        reader.skip().unwrap();
        assert_eq!(reader.remaining(), 0);
        drop(copy);
        // Elements that are taken out leave a nest behind that is dropped by parts.
        let Value::Array(elements) = value else {
            panic!("not an array")
        };
        assert_eq!(elements.into_iter().count(), 1);
    });
}

#[test]
fn a_broken_nest_is_dropped_as_safely_as_a_whole_one() {
    on_a_small_stack(|| {
        let broken = nest().replace(":1\r\n", "");
        assert!(Reply::from_scanned(broken.into()).value().is_err());
        let odd = format!("{}%?\r\n+k\r\n.\r\n", "*1\r\n".repeat(LEVELS));
        assert!(Reply::from_scanned(odd.into()).value().is_err());
    });
}

#[test]
fn attributes_nest_as_deep() {
    on_a_small_stack(|| {
        let nest = format!("{}:1\r\n", "|1\r\n+k\r\n*1\r\n".repeat(LEVELS));
        // The attribute of an attribute …: each array's only element.
        let depth = Limits::default().depth(u32::MAX);
        let tail = ":2\r\n".repeat(LEVELS);
        let bytes = nest + &tail;
        assert_eq!(
            Scanner::new(depth).scan(bytes.as_bytes()),
            Ok(Some(bytes.len()))
        );
        assert_eq!(Reply::from_scanned(bytes.into()).value(), Ok(Value::Int(2)));
    });
}

#[test]
fn the_deepest_value_is_written_without_the_stack() {
    on_a_small_stack(|| {
        let value = Reply::from_scanned(nest().into()).value().unwrap();
        let mut replies = ReplyBuffer::new(Protocol::Resp3);
        assert!(replies.value(&value).as_bytes() == nest().as_bytes());
        let mut replies = ReplyBuffer::new(Protocol::Resp2);
        let flat = nest().replace("%1\r\n", "*2\r\n").replace(['~', '>'], "*");
        assert!(replies.value(&value).as_bytes() == flat.as_bytes());
    });
}
