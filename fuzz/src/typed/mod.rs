//! Any bytes as any type.

mod serde_types;
mod shown;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::BuildHasherDefault;

use bytes::Bytes;
use slotline_resp::{
    Error, FromReply, Microseconds, Milliseconds, Reader, ReplyKind, Scanner, Seconds, ServerTime,
    UnixMilliseconds, UnixSeconds, Value,
};

use crate::choices::roomy;
use shown::Shown;

/// A frame that was scanned, or bytes that no scanner let pass, as every type
/// there is.
pub(crate) fn typed(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let scanned = Scanner::new(roomy()).scan(&bytes).ok().flatten();
    let subject = Subject {
        end: scanned.unwrap_or(bytes.len()),
        is_scanned: scanned.is_some(),
        bytes: &bytes,
    };
    scalars(subject);
    times(subject);
    collections(subject);
    tuples(subject);
    serde_types::check(subject);
    nil(subject);
}

#[derive(Clone, Copy)]
struct Subject<'b> {
    bytes: &'b Bytes,
    end: usize,
    is_scanned: bool,
}

impl<'b> Subject<'b> {
    fn reader(self) -> Reader<'b> {
        Reader::new(self.bytes, 0..self.end)
    }

    /// Decodes twice. It comes out the same, takes exactly one element, and an
    /// error says nothing of what was received.
    fn check<T: FromReply<'b> + Debug>(self) {
        let mut reader = self.reader();
        let once = T::from_reply(&mut reader);
        let shown = match &once {
            Ok(value) => {
                assert!(!self.is_scanned || reader.remaining() == 0, "bytes left");
                Shown::debug(value)
            }
            Err(error) => {
                let fits = error.is_type_mismatch() || error.is_server() || error.is_limit();
                assert!(!self.is_scanned || fits, "what was scanned is {error}");
                shown::silent(error)
            }
        };
        let again = match &T::from_reply(&mut self.reader()) {
            Ok(value) => Shown::debug(value),
            Err(error) => Shown::debug(error),
        };
        assert_eq!(again, shown, "another result");
    }
}

/// Maps and sets that show their content in the same order every time.
type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;
type Set<T> = HashSet<T, BuildHasherDefault<DefaultHasher>>;

fn scalars(subject: Subject<'_>) {
    subject.check::<&str>();
    subject.check::<String>();
    subject.check::<Box<str>>();
    subject.check::<&[u8]>();
    subject.check::<Bytes>();
    subject.check::<i8>();
    subject.check::<u8>();
    subject.check::<i32>();
    subject.check::<u32>();
    subject.check::<i64>();
    subject.check::<u64>();
    subject.check::<i128>();
    subject.check::<u128>();
    subject.check::<usize>();
    subject.check::<f32>();
    subject.check::<f64>();
    subject.check::<bool>();
    subject.check::<Value>();
    subject.check::<Option<&str>>();
    subject.check::<Option<Option<i64>>>();
    subject.check::<Result<i64, Error>>();
    subject.check::<Result<Option<Value>, Error>>();
    subject.check::<Box<f64>>();
}

fn times(subject: Subject<'_>) {
    subject.check::<Seconds>();
    subject.check::<Milliseconds>();
    subject.check::<Microseconds>();
    subject.check::<UnixSeconds>();
    subject.check::<UnixMilliseconds>();
    subject.check::<ServerTime>();
    subject.check::<Vec<Option<Seconds>>>();
}

fn collections(subject: Subject<'_>) {
    subject.check::<Vec<i64>>();
    subject.check::<Vec<&str>>();
    subject.check::<Vec<Option<Bytes>>>();
    subject.check::<Vec<Value>>();
    subject.check::<Vec<Result<Value, Error>>>();
    subject.check::<Vec<Vec<Vec<Value>>>>();
    subject.check::<Vec<Result<Vec<Result<f64, Error>>, Error>>>();
    subject.check::<VecDeque<u8>>();
    subject.check::<Box<[bool]>>();
    subject.check::<Set<&[u8]>>();
    subject.check::<BTreeSet<String>>();
    subject.check::<Map<Bytes, Value>>();
    subject.check::<Map<&str, Option<f64>>>();
    subject.check::<Option<Map<i64, Vec<&str>>>>();
    subject.check::<BTreeMap<String, BTreeMap<String, i64>>>();
    subject.check::<BTreeMap<&[u8], Result<Vec<(&str, f64)>, Error>>>();
}

fn tuples(subject: Subject<'_>) {
    subject.check::<(i64,)>();
    subject.check::<(Value, Value)>();
    subject.check::<(&str, i64, Option<f64>)>();
    subject.check::<(Value, Value, Value, Value)>();
    subject.check::<(Value, Result<i64, Error>, (i64, i64), Vec<Value>, bool)>();
    subject.check::<(i8, i8, i8, i8, i8, i8)>();
    subject.check::<(Value, Value, Value, Value, Value, Value, Value)>();
    subject.check::<(i8, i8, i8, i8, i8, i8, i8, i8)>();
    subject.check::<Vec<(&str, f64)>>();
    subject.check::<Vec<(Value,)>>();
    subject.check::<Vec<(i64, Vec<(&str, Bytes)>)>>();
    subject.check::<Vec<Option<(Value, Value, Value)>>>();
    subject.check::<Map<&str, Vec<(&str, Map<&str, &str>)>>>();
}

/// Nil is `None` and nothing else is.
fn nil(subject: Subject<'_>) {
    if !subject.is_scanned {
        return;
    }
    let is_nil = subject.reader().kind() == Ok(ReplyKind::Null);
    let value: Option<Value> = match FromReply::from_reply(&mut subject.reader()) {
        Ok(value) => value,
        Err(error) => return assert!(error.is_server(), "{error}"),
    };
    assert_eq!(value.is_none(), is_nil);
    // A server's error within is no value; anything else is an element.
    let elements: Result<Vec<Value>, Error> = FromReply::from_reply(&mut subject.reader());
    let all = value.as_ref().and_then(Value::as_slice);
    if let (Ok(elements), Some(all)) = (elements, all) {
        assert_eq!(Shown::debug(&elements), Shown::debug(&all));
    }
}
