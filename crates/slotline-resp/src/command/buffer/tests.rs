//! What comes out of a buffer, whatever goes in.

use super::*;
use crate::command::table as known;

fn text(buffer: &mut CommandBuffer) -> String {
    String::from_utf8_lossy(buffer.bytes.as_slice()).replace("\r\n", " ")
}

#[test]
fn a_command_is_an_array_of_bulk_strings() {
    let mut buffer = CommandBuffer::new();
    buffer.begin(&known::GET, 1).key("k");
    assert_eq!(text(&mut buffer), "*2 $3 GET $1 k ");
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("client reply").arg("ON");
    assert_eq!(text(&mut buffer), "*3 $6 client $5 reply $2 ON ");
}

#[test]
fn the_count_is_right_after_every_argument() {
    let mut buffer = CommandBuffer::new();
    buffer.begin(&known::GET, 1).key("before");
    buffer.begin(&known::MGET, 0);
    for args in 1..=1000 {
        buffer.key(&args);
        let bytes = buffer.bytes.as_slice().to_vec();
        let second = bytes.get(25..).unwrap_or_default();
        let header = format!("*{}\r\n$4\r\nMGET\r\n$1\r\n1\r\n", args + 1);
        assert!(second.starts_with(header.as_bytes()), "{args} arguments");
    }
    let commands = buffer.freeze();
    let mget = commands.get(1).unwrap();
    let keys: Vec<_> = mget.keys().map(|key| key.to_vec()).collect();
    let expected: Vec<_> = (1..=1000).map(|n| n.to_string().into_bytes()).collect();
    assert_eq!(keys, expected);
}

#[test]
fn a_command_that_got_too_few_arguments_is_still_a_command() {
    let mut buffer = CommandBuffer::new();
    buffer.begin(&known::MGET, 99).key("a");
    buffer.begin_named("no such thing").arg("b");
    let commands = buffer.freeze();
    let sent: Vec<Vec<u8>> = commands.iter().map(|c| c.to_vec()).collect();
    assert_eq!(sent[0], b"*2\r\n$4\r\nMGET\r\n$1\r\na\r\n");
    assert_eq!(sent[1], b"*2\r\n$13\r\nno such thing\r\n$1\r\nb\r\n");
    assert_eq!(commands.get(0).unwrap().keys().next(), Some(&b"a"[..]));
}

#[test]
fn a_copy_of_a_command_keeps_its_keys() {
    let mut all = CommandBuffer::new();
    all.begin(&known::GET, 1).key("other");
    all.begin(&known::MGET, 2).key("a").key("b");
    let all = all.freeze();
    let mut copy = CommandBuffer::new();
    copy.begin(&known::ASKING, 0);
    copy.append(all.get(1).unwrap());
    let copy = copy.freeze();
    let keys: Vec<&[u8]> = copy.iter().flat_map(|command| command.keys()).collect();
    assert_eq!(keys, [b"a", b"b"]);
    assert_eq!(copy.get(1).unwrap().to_vec(), all.get(1).unwrap().to_vec());
}

#[test]
fn a_subcommand_given_as_an_argument_is_recognised() {
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("CLIENT").arg("reply").arg("OFF");
    assert_eq!(buffer.freeze().get(0).unwrap().info(), &known::CLIENT_REPLY);
}

#[test]
fn keys_that_nobody_marked_are_found_by_the_key_specification() {
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("MGET").arg("a").arg("b");
    buffer.begin_named("PING");
    buffer.begin_named("GET").arg("c");
    let commands = buffer.freeze();
    let keys: Vec<Vec<&[u8]>> = commands.iter().map(|c| c.keys().collect()).collect();
    assert_eq!(keys, [vec![&b"a"[..], b"b"], vec![], vec![b"c"]]);
}

#[test]
fn arguments_before_the_first_command_are_left_out() {
    type Add = fn(&mut CommandBuffer);
    let large = Bytes::from(vec![b'x'; LARGE]);
    let adds: [Add; 8] = [
        |it| {
            it.arg("x");
        },
        |it| {
            it.key("x");
        },
        |it| {
            it.args(&["x", "y"]);
        },
        |it| {
            it.keys(&["x", "y"]);
        },
        |it| {
            it.args(&None::<&str>);
        },
        |it| {
            it.arg(&Bytes::from(vec![b'x'; LARGE]));
        },
        |it| {
            it.args(&vec![Bytes::from(vec![b'x'; LARGE]); 3]);
        },
        |it| {
            it.args(&[7; 100]).key("x").arg("y");
        },
    ];
    let mut expected = CommandBuffer::new();
    expected.begin(&known::SET, 2).key("k").arg(&large);
    expected.begin_named("MGET").keys(&["a", "b"]);
    let expected = expected.freeze();
    let keys: Vec<_> = expected.iter().flat_map(|command| command.keys()).collect();
    for (index, add) in adds.iter().enumerate() {
        let mut nothing = CommandBuffer::with_capacity(index);
        add(&mut nothing);
        assert!(nothing.is_empty());
        let nothing = nothing.freeze();
        assert_eq!((nothing.len(), nothing.byte_len()), (0, 0), "{index}");

        let mut begun = CommandBuffer::with_capacity(index);
        add(&mut begun);
        begun.begin(&known::SET, 2).key("k").arg(&large);
        begun.begin_named("MGET").keys(&["a", "b"]);
        let begun = begun.freeze();
        assert_eq!(begun.to_vec(), expected.to_vec(), "{index}");
        let found = begun.iter().flat_map(|command| command.keys());
        assert!(found.eq(keys.iter().copied()), "{index}");

        // A lone small command, which has no table of where commands begin.
        let mut lone = CommandBuffer::new();
        add(&mut lone);
        lone.begin(&known::GET, 1).key("k");
        let lone = lone.freeze();
        assert_eq!(lone.to_vec(), b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "{index}");
        assert!(lone.get(0).unwrap().keys().eq([b"k"]), "{index}");

        let mut copied = CommandBuffer::new();
        add(&mut copied);
        for command in expected.iter() {
            copied.append(command);
        }
        assert_eq!(copied.freeze().to_vec(), expected.to_vec(), "{index}");
    }
}

#[test]
fn a_count_that_no_command_can_have_is_put_right() {
    for args in [usize::MAX, usize::MAX - 1] {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::GET, args).key("k");
        buffer.begin(&known::CLIENT_REPLY, args).arg("ON");
        assert_eq!(
            buffer.freeze().to_vec(),
            b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\
              *3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$2\r\nON\r\n"
        );
    }
}

/// Without the guard the count says what was said before, and everything behind
/// it is read as something else.
#[test]
fn what_was_added_before_a_panic_is_counted() {
    struct Moody;
    impl ToArgs for Moody {
        fn add_to(&self, arguments: &mut Arguments<'_>) {
            for n in 0..9 {
                arguments.add(&n);
            }
            panic!("meant to happen in this test");
        }
    }
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("DEL");
    let adding = std::panic::AssertUnwindSafe(|| {
        buffer.keys(&Moody);
    });
    assert!(std::panic::catch_unwind(adding).is_err());
    buffer.begin(&known::GET, 1).key("k");
    let commands = buffer.freeze();
    let first = commands.get(0).unwrap().to_vec();
    assert!(first.starts_with(b"*10\r\n$3\r\nDEL\r\n$1\r\n0\r\n"));
    assert_eq!(commands.get(0).unwrap().keys().count(), 9);
    let second = commands.get(1).unwrap().to_vec();
    assert_eq!(second, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
}

#[test]
fn debug_shows_how_much_it_is_and_not_what() {
    let mut buffer = CommandBuffer::new();
    let large = Bytes::from(vec![b'x'; LARGE]);
    buffer.begin(&known::SET, 2).key("k").arg(&large);
    let bytes = buffer.bytes.len() + LARGE;
    let expected = format!("CommandBuffer {{ commands: 1, bytes: {bytes} }}");
    assert_eq!(format!("{buffer:?}"), expected);
}

#[test]
fn any_argument_type_is_length_prefixed() {
    let mut buffer = CommandBuffer::new();
    buffer
        .begin_named("X")
        .arg(&-7i64)
        .arg(&1.5f64)
        .arg("a\r\nb")
        .args(&[("f", 1), ("g", 2)])
        .args(&None::<&str>);
    assert_eq!(
        buffer.freeze().to_vec(),
        b"*8\r\n$1\r\nX\r\n$2\r\n-7\r\n$3\r\n1.5\r\n$4\r\na\r\nb\r\n\
          $1\r\nf\r\n$1\r\n1\r\n$1\r\ng\r\n$1\r\n2\r\n"
    );
}

#[test]
fn a_count_that_is_known_costs_no_correction() {
    for args in [8, 9, 10, 99, 100] {
        let keys: Vec<String> = (0..args).map(|n| format!("key{n}")).collect();
        let mut one_by_one = CommandBuffer::new();
        one_by_one.begin(&known::MGET, args);
        for key in &keys {
            one_by_one.key(key);
        }
        let mut at_once = CommandBuffer::new();
        at_once.begin(&known::MGET, 0).keys(&keys);
        let (one_by_one, at_once) = (one_by_one.freeze(), at_once.freeze());
        assert_eq!(one_by_one.to_vec(), at_once.to_vec());
        let found = at_once.get(0).unwrap();
        assert!(found.keys().eq(keys.iter().map(|key| key.as_bytes())));
    }
}
