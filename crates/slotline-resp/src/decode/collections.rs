//! Arrays, sets and maps into the standard collections.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

use crate::decode::{FromReply, Reader, Sequence, Token};
use crate::error::Error;

/// Reads all elements of an aggregate into a collection that `with_capacity`
/// makes.
fn elements<'a, T, C>(
    reader: &mut Reader<'a>,
    with_capacity: impl FnOnce(usize) -> C,
    add: impl FnMut(&mut C, T),
) -> Result<C, Error>
where
    T: FromReply<'a>,
{
    let sequence = reader.sequence("an array")?;
    elements_of(reader, sequence, with_capacity, add)
}

/// The same for one that is open already.
fn elements_of<'a, T, C>(
    reader: &mut Reader<'a>,
    mut sequence: Sequence,
    with_capacity: impl FnOnce(usize) -> C,
    mut add: impl FnMut(&mut C, T),
) -> Result<C, Error>
where
    T: FromReply<'a>,
{
    let elements = reader.reserve::<T>(&sequence);
    let mut all = with_capacity(elements / T::elements_of_next(reader));
    let mut index = 0;
    while reader.has_next(&mut sequence)? {
        add(
            &mut all,
            T::from_element(reader, &mut sequence).map_err(|error| error.at(index))?,
        );
        index += 1;
    }
    Ok(all)
}

/// Reads all pairs of a map; the index in an error counts pairs.
fn pairs<'a, K, V, C>(
    reader: &mut Reader<'a>,
    with_capacity: impl FnOnce(usize) -> C,
    mut add: impl FnMut(&mut C, K, V),
) -> Result<C, Error>
where
    K: FromReply<'a>,
    V: FromReply<'a>,
{
    let mut pairs = reader.pairs("a map")?;
    let elements = reader.reserve::<(K, V)>(pairs.sequence());
    let mut all = with_capacity(if pairs.are_arrays() {
        elements
    } else {
        elements / 2
    });
    let mut index = 0;
    while reader
        .has_pair(&mut pairs)
        .map_err(|error| error.at(index))?
    {
        let key = K::from_reply(reader).map_err(|error| error.at(index))?;
        reader.begin_value(&mut pairs)?;
        let value = V::from_reply(reader).map_err(|error| error.at(index))?;
        add(&mut all, key, value);
        index += 1;
    }
    Ok(all)
}

/// A `Vec` of the elements of an aggregate.
pub(super) fn vec<'a, T: FromReply<'a>>(reader: &mut Reader<'a>) -> Result<Vec<T>, Error> {
    elements(reader, Vec::with_capacity, Vec::push)
}

/// A string's bytes, or the small numbers of an aggregate.
pub(super) fn bytes(reader: &mut Reader<'_>) -> Result<Vec<u8>, Error> {
    if let Some(bytes) = reader.quick_bulk() {
        return Ok(bytes.to_vec());
    }
    match reader.token()? {
        Token::Bulk(bytes) | Token::Simple(bytes) | Token::Verbatim { text: bytes, .. } => {
            Ok(bytes.to_vec())
        }
        Token::Chunks => reader.chunks(),
        Token::Aggregate(sequence) => elements_of(reader, sequence, Vec::with_capacity, Vec::push),
        other => Err(Reader::unexpected("bytes", &other)),
    }
}

impl<'a, T: FromReply<'a>> FromReply<'a> for Vec<T> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        T::vec_from_reply(reader)
    }
}

impl<'a, T: FromReply<'a>> FromReply<'a> for VecDeque<T> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Vec::from_reply(reader).map(VecDeque::from)
    }
}

impl<'a, T: FromReply<'a>> FromReply<'a> for Box<[T]> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Vec::from_reply(reader).map(Vec::into_boxed_slice)
    }
}

impl<'a, T, S> FromReply<'a> for HashSet<T, S>
where
    T: FromReply<'a> + Eq + Hash,
    S: BuildHasher + Default,
{
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        elements(
            reader,
            |capacity| HashSet::with_capacity_and_hasher(capacity, S::default()),
            |set, member| {
                set.insert(member);
            },
        )
    }
}

impl<'a, T: FromReply<'a> + Ord> FromReply<'a> for BTreeSet<T> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        elements(
            reader,
            |_| BTreeSet::new(),
            |set, member| {
                set.insert(member);
            },
        )
    }
}

impl<'a, K, V, S> FromReply<'a> for HashMap<K, V, S>
where
    K: FromReply<'a> + Eq + Hash,
    V: FromReply<'a>,
    S: BuildHasher + Default,
{
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        pairs(
            reader,
            |capacity| HashMap::with_capacity_and_hasher(capacity, S::default()),
            |map, key, value| {
                map.insert(key, value);
            },
        )
    }
}

impl<'a, K, V> FromReply<'a> for BTreeMap<K, V>
where
    K: FromReply<'a> + Ord,
    V: FromReply<'a>,
{
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        pairs(
            reader,
            |_| BTreeMap::new(),
            |map, key, value| {
                map.insert(key, value);
            },
        )
    }
}
