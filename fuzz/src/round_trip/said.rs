//! What was said to a command buffer, and whether its commands say the same.

use bytes::Bytes;
use slotline_resp::{CommandRef, Commands};

use crate::choices::roomy;
use crate::command::{args, decode};
use crate::cuts::Cuts;
use crate::key_positions::key_positions;

/// One command as it was said.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) args: Vec<Bytes>,
    /// Which of them were called keys.
    pub(super) keys: Vec<usize>,
    /// Whether whoever receives it can know it for the same command.
    pub(super) is_plain: bool,
}

impl Said {
    /// The bytes that it should be.
    fn to_vec(&self) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", self.args.len()).into_bytes();
        for arg in &self.args {
            bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            bytes.extend_from_slice(arg);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    fn check(&self, command: CommandRef<'_>) {
        assert!(command.args().eq(self.args.iter().map(|arg| &arg[..])));
        let keys = self.key_positions(command);
        let keys = keys.iter().map(|at| &self.args[*at][..]);
        assert!(command.keys().eq(keys), "keys of {command:?}");
        let bytes = self.to_vec();
        assert!(command.to_vec() == bytes, "bytes of {command:?}");
        assert_eq!(command.byte_len(), bytes.len());
    }

    /// Those that were called keys, or else those of the specification.
    fn key_positions(&self, command: CommandRef<'_>) -> Vec<usize> {
        match self.keys.is_empty() {
            true => key_positions(command.info().keys, &self.args),
            false => self.keys.clone(),
        }
    }

    /// The same once its buffer has been frozen: its keys are known.
    pub(super) fn frozen(&self, command: CommandRef<'_>) -> Said {
        Said {
            keys: self.key_positions(command),
            ..self.clone()
        }
    }
}

/// The commands are what was said, all together, in part, and to a server.
pub(super) fn check(commands: &Commands, said: &[Said], cuts: Cuts<'_>) {
    part(commands, said.iter());
    let half = said.len() / 2;
    part(&commands.slice(0..half), said[..half].iter());
    part(&commands.slice(half..usize::MAX), said[half..].iter());
    let backwards: Vec<u32> = (0..said.len() as u32).rev().collect();
    let picked = commands.pick(&backwards);
    part(&picked, said.iter().rev());
    part(
        &picked.slice(half..said.len()),
        said.iter().rev().skip(half),
    );
    let alternate: Vec<u32> = (0..said.len() as u32).step_by(2).collect();
    part(&commands.pick(&alternate), said.iter().step_by(2));

    let (received, end) = decode(roomy(), cuts.pieces(&commands.to_vec()));
    assert_eq!(end, Ok(0));
    assert_eq!(received.len(), said.len());
    for (at, (received, said)) in received.iter().zip(said).enumerate() {
        assert!(
            args(received)
                .into_iter()
                .eq(said.args.iter().map(|arg| &arg[..]))
        );
        let sent = commands.get(at).expect("as many as were said");
        if said.is_plain {
            assert_eq!(received.info(), sent.info());
            assert_eq!(received.name(), sent.name());
        }
    }
}

fn part<'s>(commands: &Commands, said: impl ExactSizeIterator<Item = &'s Said>) {
    assert_eq!(commands.len(), said.len());
    assert_eq!(commands.is_empty(), said.len() == 0);
    assert_eq!(commands.iter().count(), said.len());
    let mut bytes = Vec::new();
    for (command, said) in commands.iter().zip(said) {
        said.check(command);
        bytes.extend(command.to_vec());
    }
    assert!(commands.to_vec() == bytes, "not its commands' bytes");
    assert_eq!(commands.byte_len(), bytes.len());
}
