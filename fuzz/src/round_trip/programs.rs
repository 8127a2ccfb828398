//! Programs for a command buffer.

use bytes::Bytes;
use slotline_resp::{
    CommandBuffer, CommandInfo, Commands, Flags, KeySpec, RequestPolicy, ResponsePolicy, known,
};

use super::said::{self, Said};
use crate::choices::{Choices, roomy};
use crate::command::decode;
use crate::cuts::Cuts;

/// How long an argument is that is kept apart.
const LARGE: usize = 16 << 10;

/// What large arguments are cut out of, each from another byte on, so that none is
/// like another.
static LARGES: [u8; LARGE + MOST_LARGE] = {
    let mut bytes = [0; LARGE + MOST_LARGE];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = (at % 251) as u8;
        at += 1;
    }
    bytes
};

/// How many large arguments a program may have, and how many copies of commands:
/// what it takes to run it is to be bounded.
const MOST_LARGE: usize = 4;
const MOST_COPIES: usize = 4;

/// Too long for a head to be prepared.
static LENGTHY: CommandInfo = CommandInfo::new(
    "MODULE.WITH.A.NAME.THAT.IS.MUCH.LONGER.THAN.ANY.THAT.A.SERVER.HAS A.SUBCOMMAND.TOO",
    Flags::READONLY,
    KeySpec::Range {
        first: 2,
        last: -2,
        step: 3,
    },
    RequestPolicy::Default,
    ResponsePolicy::Default,
);

static INFOS: [&CommandInfo; 12] = [
    &known::GET,
    &known::SET,
    &known::MSET,
    &known::MGET,
    &known::EVAL,
    &known::ZUNIONSTORE,
    &known::BLPOP,
    &known::CLIENT,
    &known::CONFIG_GET,
    &known::OBJECT_ENCODING,
    &known::PING,
    &LENGTHY,
];

/// Names, and of how many words each is sent.
const NAMES: [(&str, usize); 10] = [
    ("mget", 1),
    ("MSET", 1),
    ("client", 1),
    ("config get", 2),
    ("CONFIG NO-SUCH", 2),
    ("get k", 2),
    ("NO.SUCH", 1),
    ("NO SUCH", 1),
    ("", 1),
    ("xread", 1),
];

/// A buffer under construction beside what was said to it.
#[derive(Default)]
struct Program {
    buffer: CommandBuffer,
    said: Vec<Said>,
    /// The last commands that were finished.
    finished: Option<(Commands, Vec<Said>)>,
    large: usize,
    copies: usize,
}

pub(super) fn check(mut choices: Choices<'_>, cuts: Cuts<'_>) {
    let mut program = Program::default();
    while !choices.is_empty() {
        program.step(&mut choices, cuts);
    }
    program.freeze(cuts);
}

impl Program {
    fn step(&mut self, choices: &mut Choices<'_>, cuts: Cuts<'_>) {
        match choices.byte() % 14 {
            0 => {
                let info = choices.one_of(&INFOS);
                self.buffer.begin(info, usize::from(choices.byte()));
                self.begun(info.name, 2, !std::ptr::eq(info, &LENGTHY));
            }
            1 => {
                let (name, words) = choices.one_of(&NAMES);
                self.buffer.begin_named(name);
                self.begun(name, words, name != "NO SUCH");
            }
            2 => self.freeze(cuts),
            3 => self.copy(choices),
            4 => self.copy_received(choices),
            // The rest are arguments, which take a command that has begun.
            other if !self.said.is_empty() => self.argument(other, choices),
            _ => {}
        }
    }

    fn begun(&mut self, name: &str, words: usize, is_plain: bool) {
        let words = name.splitn(words, ' ');
        self.said.push(Said {
            args: words
                .map(|word| Bytes::copy_from_slice(word.as_bytes()))
                .collect(),
            keys: Vec::new(),
            is_plain,
        });
    }

    fn argument(&mut self, kind: u8, choices: &mut Choices<'_>) {
        match kind {
            5 => {
                let arg = Bytes::copy_from_slice(choices.string());
                self.buffer.arg(&arg);
                self.arg(arg);
            }
            6 => {
                let key = Bytes::copy_from_slice(choices.string());
                self.buffer.key(&key);
                self.key(key);
            }
            7 => {
                let number = i64::from_be_bytes(choices.number());
                self.buffer.arg(&number);
                self.arg(number.to_string().into());
            }
            8 => {
                let arg = self.large(choices);
                self.buffer.arg(&arg);
                self.arg(arg);
            }
            // Large ones that are no `Bytes`, and large keys, are copied.
            9 => {
                let arg = self.large(choices);
                self.buffer.arg(&arg[..]);
                self.arg(arg);
            }
            10 => {
                let key = self.large(choices);
                self.buffer.key(&key);
                self.key(key);
            }
            11 => {
                let args = self.several(choices);
                self.buffer.args(&args);
                args.into_iter().for_each(|arg| self.arg(arg));
            }
            12 => {
                let keys = self.several(choices);
                self.buffer.keys(&keys);
                keys.into_iter().for_each(|key| self.key(key));
            }
            // Absent.
            _ => {
                self.buffer.args(&None::<&str>);
            }
        }
    }

    fn arg(&mut self, arg: Bytes) {
        if let Some(said) = self.said.last_mut() {
            said.args.push(arg);
        }
    }

    fn key(&mut self, key: Bytes) {
        if let Some(said) = self.said.last_mut() {
            said.keys.push(said.args.len());
            // A subcommand that was called a key is no subcommand for us.
            said.is_plain &= said.args.len() > 1;
            said.args.push(key);
        }
    }

    /// Just large enough to be kept apart, or one byte less.
    fn large(&mut self, choices: &mut Choices<'_>) -> Bytes {
        let less = usize::from(choices.byte()) % 2;
        let start = self.large;
        if start == MOST_LARGE {
            return Bytes::new();
        }
        self.large += 1;
        Bytes::from_static(&LARGES[start..start + LARGE - less])
    }

    fn several(&mut self, choices: &mut Choices<'_>) -> Vec<Bytes> {
        let len = choices.byte() % 16;
        let mut all = Vec::new();
        for _ in 0..len {
            all.push(match choices.byte() {
                255 => self.large(choices),
                len => Bytes::copy_from_slice(choices.bytes(usize::from(len))),
            });
        }
        all
    }

    fn freeze(&mut self, cuts: Cuts<'_>) {
        let commands = std::mem::take(&mut self.buffer).freeze();
        let said = std::mem::take(&mut self.said);
        said::check(&commands, &said, cuts);
        self.finished = Some((commands, said));
    }

    /// A copy of a command that was finished; more arguments may follow.
    fn copy(&mut self, choices: &mut Choices<'_>) {
        if let Some((commands, index)) = self.one_finished(choices)
            && let Some((_, said)) = &self.finished
            && let Some(command) = commands.get(index)
        {
            self.buffer.append(command);
            self.said.push(said[index].frozen(command));
        }
    }

    /// The same by way of a server.
    fn copy_received(&mut self, choices: &mut Choices<'_>) {
        if let Some((commands, index)) = self.one_finished(choices)
            && let Some((_, said)) = &self.finished
        {
            let (received, _) = decode(roomy(), [&commands.to_vec()[..]]);
            self.buffer.append_received(&received[index]);
            self.said.push(Said {
                keys: Vec::new(),
                is_plain: true,
                ..said[index].clone()
            });
        }
    }

    /// The last commands that were finished, and which of them, as long as there
    /// may be more copies.
    fn one_finished(&mut self, choices: &mut Choices<'_>) -> Option<(Commands, usize)> {
        let index = usize::from(choices.byte());
        let (commands, _) = self.finished.as_ref()?;
        self.copies += 1;
        let index = index.checked_rem(commands.len())?;
        (self.copies <= MOST_COPIES).then(|| (commands.clone(), index))
    }
}
