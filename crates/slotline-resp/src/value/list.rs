//! What an aggregate holds, however deep it is nested.

use std::ops::{Deref, DerefMut};

use super::Value;

/// The elements of an array, set or push, or the pairs of a map.
///
/// It is a `Vec` in all but name; the name is there because dropping the
/// deepest nest that a peer can send must not use the stack.
///
/// ```
/// use slotline_resp::Value;
///
/// let array = Value::Array([1, 2].map(Value::Int).into());
/// let Value::Array(elements) = array else { unreachable!() };
/// assert_eq!(elements.len(), 2);
/// assert_eq!(elements.into_iter().next(), Some(Value::Int(1)));
/// ```
#[derive(PartialEq)]
pub struct List<T: Part = Value>(Vec<T>);

/// What a [`List`] can hold: a value, or a pair of them.
pub trait Part: sealed::Part {}

impl Part for Value {}
impl Part for (Value, Value) {}

mod sealed {
    use crate::value::Value;

    pub trait Part: Sized {
        /// Drops what holds nothing else, and leaves the rest to be dropped later.
        fn shed(self, later: &mut Vec<Value>);
    }

    impl Part for Value {
        fn shed(self, later: &mut Vec<Value>) {
            if self.is_aggregate() {
                later.push(self);
            }
        }
    }

    impl Part for (Value, Value) {
        fn shed(self, later: &mut Vec<Value>) {
            self.0.shed(later);
            self.1.shed(later);
        }
    }
}

impl<T: Part> List<T> {
    /// The elements as a plain `Vec`.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<T> {
        std::mem::take(&mut self.0)
    }

    fn shed(&mut self, later: &mut Vec<Value>) {
        for part in self.0.drain(..) {
            part.shed(later);
        }
    }
}

impl<T: Part> Drop for List<T> {
    fn drop(&mut self) {
        let mut later = Vec::new();
        self.shed(&mut later);
        while let Some(value) = later.pop() {
            match value {
                Value::Array(mut all) | Value::Set(mut all) | Value::Push(mut all) => {
                    all.shed(&mut later);
                }
                Value::Map(mut pairs) => pairs.shed(&mut later),
                _ => {}
            }
        }
    }
}

impl<T: Part> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Part> Deref for List<T> {
    type Target = Vec<T>;
    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T: Part> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T: Part> From<Vec<T>> for List<T> {
    fn from(all: Vec<T>) -> Self {
        Self(all)
    }
}

impl<T: Part, const N: usize> From<[T; N]> for List<T> {
    fn from(all: [T; N]) -> Self {
        Self(all.into())
    }
}

impl<T: Part> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl<T: Part> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a, T: Part> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
