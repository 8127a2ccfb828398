//! Trees out of replies and out of other trees, without recursion: a nest costs
//! heap, never stack.

use super::walk::{Step, Walk};
use super::{List, Value};
use crate::decode::{Reader, ReplyKind, Sequence, Token};
use crate::error::{Error, error_code};

/// An aggregate that is still being filled.
struct Open {
    kind: ReplyKind,
    filled: Filled,
}

enum Filled {
    Elements(Vec<Value>),
    /// The pairs, and a key that waits for its value.
    Pairs(Vec<(Value, Value)>, Option<Value>),
}

impl Open {
    fn new(kind: ReplyKind, capacity: usize) -> Self {
        let filled = match kind {
            ReplyKind::Map => Filled::Pairs(Vec::with_capacity(capacity / 2), None),
            _ => Filled::Elements(Vec::with_capacity(capacity)),
        };
        Self { kind, filled }
    }

    fn put(&mut self, value: Value) {
        match &mut self.filled {
            Filled::Elements(all) => all.push(value),
            Filled::Pairs(pairs, key) => match key.take() {
                Some(key) => pairs.push((key, value)),
                None => *key = Some(value),
            },
        }
    }

    /// `None`: a key was left without a value.
    fn close(self) -> Option<Value> {
        Some(match self.filled {
            Filled::Elements(all) => {
                let all = List::from(all);
                match self.kind {
                    ReplyKind::Set => Value::Set(all),
                    ReplyKind::Push => Value::Push(all),
                    _ => Value::Array(all),
                }
            }
            Filled::Pairs(pairs, None) => Value::Map(pairs.into()),
            Filled::Pairs(_, Some(_)) => return None,
        })
    }
}

/// The tree of the next element, an error included.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Value, Error> {
    let token = reader.token()?;
    grow(reader, token)
}

/// The tree that begins with a token that has been read.
pub(super) fn grow<'a>(reader: &mut Reader<'a>, token: Token<'a>) -> Result<Value, Error> {
    match token {
        Token::Aggregate(sequence) => aggregate(reader, sequence),
        token => leaf(reader, token),
    }
}

fn aggregate(reader: &mut Reader<'_>, outer: Sequence) -> Result<Value, Error> {
    // What may be reserved, over all aggregates: as many elements as the bytes
    // can hold. Nests of bytes that nobody scanned could each announce as many.
    let mut spare = reader.remaining() / 3;
    let mut begin = |reader: &Reader<'_>, sequence: &Sequence| {
        let capacity = reader.reserve::<Value>(sequence).min(spare);
        spare -= capacity;
        Open::new(sequence.kind(), capacity)
    };
    let mut open = vec![(begin(reader, &outer), outer)];
    while let Some((top, sequence)) = open.last_mut() {
        if reader.has_next(sequence)? {
            match reader.token()? {
                Token::Aggregate(inner) => open.push((begin(reader, &inner), inner)),
                token => top.put(leaf(reader, token)?),
            }
            continue;
        }
        let whole = open.pop().and_then(|(top, _)| top.close());
        let Some(whole) = whole else {
            let what = "odd number of elements in a map";
            return Err(Error::protocol(what, reader.position()));
        };
        match open.last_mut() {
            Some((outer, _)) => outer.put(whole),
            None => return Ok(whole),
        }
    }
    Ok(Value::Null)
}

fn leaf<'a>(reader: &mut Reader<'a>, token: Token<'a>) -> Result<Value, Error> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(match token {
        Token::Null => Value::Null,
        Token::Simple(line) => Value::Simple(text(line)),
        Token::Error(line) => error(line),
        Token::Integer(n) => Value::Int(n),
        Token::Double(n) => Value::Double(n),
        Token::Bool(truth) => Value::Bool(truth),
        Token::BigNumber(digits) => Value::BigNumber(text(digits)),
        Token::Bulk(bytes) => Value::Bulk(reader.share(bytes)),
        Token::Chunks => Value::Bulk(reader.chunks()?.into()),
        Token::Verbatim { format, text: body } => Value::Verbatim {
            format: text(format),
            text: text(body),
        },
        Token::Aggregate(sequence) => aggregate(reader, sequence)?,
    })
}

fn error(line: &[u8]) -> Value {
    let line = String::from_utf8_lossy(line);
    let (code, rest) = line.split_at(error_code(&line).len());
    let message = rest.strip_prefix("\r\n");
    let message = message.or_else(|| rest.strip_prefix([' ', '\n']));
    Value::Error {
        code: code.to_owned(),
        message: message.unwrap_or(rest).to_owned(),
    }
}

impl Clone for Value {
    fn clone(&self) -> Value {
        let mut open: Vec<Open> = Vec::new();
        for step in Walk::new(self) {
            let whole = match step {
                Step::Open(kind, len) => {
                    open.push(Open::new(kind, len));
                    continue;
                }
                Step::Leaf(leaf) => leaf.clone_leaf(),
                Step::Close => open.pop().and_then(Open::close).unwrap_or(Value::Null),
            };
            match open.last_mut() {
                Some(outer) => outer.put(whole),
                None => return whole,
            }
        }
        Value::Null
    }
}

impl Clone for List<Value> {
    fn clone(&self) -> Self {
        self.iter().cloned().collect()
    }
}

impl Clone for List<(Value, Value)> {
    fn clone(&self) -> Self {
        self.iter().cloned().collect()
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        let (mut left, mut right) = (Walk::new(self), Walk::new(other));
        loop {
            let same = match (left.next(), right.next()) {
                (None, None) => return true,
                (Some(Step::Leaf(one)), Some(Step::Leaf(two))) => one.is_same_leaf(two),
                (Some(Step::Open(kind, len)), Some(Step::Open(other_kind, other_len))) => {
                    (kind, len) == (other_kind, other_len)
                }
                (Some(Step::Close), Some(Step::Close)) => true,
                _ => false,
            };
            if !same {
                return false;
            }
        }
    }
}
