//! A stream of commands, whole and cut.

use bytes::BytesMut;
use slotline_resp::{
    CommandBuffer, CommandDecoder, Commands, Error, Limits, ReceivedCommand, Scanner,
};

use crate::choices::{Choices, roomy};
use crate::key_positions::key_positions;

/// The first bytes choose limits and cuts, the rest is the stream: the commands,
/// the error and its offset are the same however it was cut, and what is sent on
/// says the same again.
pub(crate) fn command(data: &[u8]) {
    let mut choices = Choices::new(data);
    let limits = choices.limits();
    let cuts = choices.cuts();
    let stream = choices.rest();
    let (commands, end) = decode(limits, [stream]);
    let (again, cut_end) = decode(limits, cuts.pieces(stream));
    assert_eq!(cut_end, end, "cut");
    assert_eq!(offset(&cut_end), offset(&end), "cut");
    assert!(again.iter().map(args).eq(commands.iter().map(args)), "cut");
    for command in &commands {
        received(command);
    }
    sent_on(&commands, cuts);
}

fn offset(end: &Result<usize, Error>) -> Option<usize> {
    end.as_ref().err().and_then(Error::offset)
}

/// The commands of a stream, and how many bytes are left over or what is wrong
/// with them.
pub(crate) fn decode<'s>(
    limits: Limits,
    pieces: impl IntoIterator<Item = &'s [u8]>,
) -> (Vec<ReceivedCommand>, Result<usize, Error>) {
    let mut decoder = CommandDecoder::new(limits);
    let mut buffer = BytesMut::new();
    let mut commands = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(command)) => commands.push(command),
                Ok(None) => break,
                Err(error) => {
                    assert!(error.is_protocol() != error.is_limit(), "{error}");
                    let again = decoder.decode(&mut buffer).map(|_| ());
                    assert_eq!(again.as_ref(), Err(&error), "it stays");
                    return (commands, Err(error));
                }
            }
        }
    }
    (commands, Ok(buffer.len()))
}

pub(crate) fn args(command: &ReceivedCommand) -> Vec<&[u8]> {
    command.args().collect()
}

fn received(command: &ReceivedCommand) {
    assert!(!command.is_empty());
    assert_eq!(command.len(), command.args().len());
    for (index, arg) in command.args().enumerate() {
        assert_eq!(command.arg(index).as_deref(), Some(arg));
    }
    assert_eq!(command.arg(command.len()), None);
    assert_eq!(format!("{command:?}"), command.name());
    let frame = command.as_bytes();
    match command.is_inline() {
        true => assert_eq!(frame.last(), Some(&b'\n')),
        false => {
            let scanned = Scanner::new(roomy()).scan(frame);
            assert_eq!(scanned, Ok(Some(frame.len())), "no frame");
        }
    }
}

/// Through a buffer and a decoder once more.
fn sent_on(commands: &[ReceivedCommand], cuts: crate::cuts::Cuts<'_>) {
    let mut buffer = CommandBuffer::new();
    for command in commands {
        buffer.append_received(command);
    }
    let sent = buffer.freeze();
    assert_eq!(sent.len(), commands.len());
    keys(&sent);
    let bytes = sent.to_vec();
    let (again, end) = decode(roomy(), cuts.pieces(&bytes));
    assert_eq!(end, Ok(0), "what was sent on is whole");
    assert!(again.iter().map(args).eq(commands.iter().map(args)), "sent");
    for (command, sent) in commands.iter().zip(sent.iter()) {
        assert!(sent.args().eq(command.args()));
        assert_eq!(sent.info(), command.info());
        assert_eq!(sent.name(), command.name());
    }
}

/// Nobody marked a key, so they are where the specification says.
fn keys(commands: &Commands) {
    for command in commands.iter() {
        let args: Vec<&[u8]> = command.args().collect();
        let places = key_positions(command.info().keys, &args);
        let expected = places.iter().map(|at| args[*at]);
        assert!(command.keys().eq(expected), "keys of {command:?}");
    }
}
