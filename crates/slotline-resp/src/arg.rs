//! What can be an argument of a command.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::command::CommandBuffer;

/// A value that is exactly one argument.
///
/// It hands over its bytes; they are only ever sent with their length before
/// them, so CRLF in a key is just a part of the key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a command",
    note = "strings, bytes and numbers can; for another type implement `ToArg`"
)]
pub trait ToArg {
    /// Calls `take` once with the argument's bytes.
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R;

    /// The same bytes, if they are such as can be kept without a copy.
    fn as_shared(&self) -> Option<&Bytes> {
        None
    }
}

/// One value or several that are the arguments of a command in a row: a
/// [`ToArg`], a slice (of bytes it is one), a tuple of two or three, a map (field, value, field, value …), or an
/// `Option` (absent if `None`). With the feature `serde`, `to_args` makes one of
/// any serde type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be arguments of a command",
    note = "strings, bytes, numbers, and slices, pairs, maps and options of them can"
)]
pub trait ToArgs {
    /// Adds each argument to `arguments`.
    fn add_to(&self, arguments: &mut Arguments<'_>);

    /// Adds several in a row. Bytes in a row are one argument, as a `Vec<u8>` is.
    #[doc(hidden)]
    fn add_all(all: &[Self], arguments: &mut Arguments<'_>)
    where
        Self: Sized,
    {
        for item in all {
            item.add_to(arguments);
        }
    }
}

/// Where [`ToArgs`] puts arguments: the end of the last command of a buffer.
#[derive(Debug)]
pub struct Arguments<'b> {
    buffer: &'b mut CommandBuffer,
    are_keys: bool,
}

impl<'b> Arguments<'b> {
    pub(crate) fn new(buffer: &'b mut CommandBuffer, are_keys: bool) -> Arguments<'b> {
        Arguments { buffer, are_keys }
    }

    /// Adds one argument.
    pub fn add(&mut self, arg: &(impl ToArg + ?Sized)) {
        if self.are_keys {
            self.buffer.key(arg);
        } else {
            self.buffer.arg(arg);
        }
    }
}

macro_rules! bytes_arg {
    ($($type:ty),*) => {$(
        impl ToArg for $type {
            fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
                take(self.as_ref())
            }
        }
        one_arg!($type);
    )*};
}

macro_rules! number_arg {
    ($format:ident: $($type:ty),*) => {$(
        impl ToArg for $type {
            fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
                take($format::Buffer::new().format(*self).as_bytes())
            }
        }
        one_arg!($type);
    )*};
}

// A blanket `impl<T: ToArg> ToArgs for T` would forbid the impl for slices.
macro_rules! one_arg {
    ($type:ty) => {
        impl ToArgs for $type {
            fn add_to(&self, arguments: &mut Arguments<'_>) {
                arguments.add(self);
            }
        }
    };
}

bytes_arg!(str, String, BytesMut);
number_arg!(itoa: i8, i16, i32, i64, i128, isize, u16, u32, u64, u128, usize);
// Non-finite values come out as `inf`, `-inf` and `NaN`, which servers read too.
number_arg!(ryu: f32, f64);

impl ToArg for u8 {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        take(itoa::Buffer::new().format(*self).as_bytes())
    }
}

impl ToArgs for u8 {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        arguments.add(self);
    }

    fn add_all(all: &[u8], arguments: &mut Arguments<'_>) {
        arguments.add(all);
    }
}

impl ToArg for Bytes {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        take(self)
    }
    fn as_shared(&self) -> Option<&Bytes> {
        Some(self)
    }
}
one_arg!(Bytes);

impl ToArg for [u8] {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        take(self)
    }
}

impl<const N: usize> ToArg for [u8; N] {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        take(self)
    }
}

impl ToArg for Vec<u8> {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        take(self)
    }
}

/// What points to an argument is one.
macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<T: ToArg + ?Sized> ToArg for $pointer {
            fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
                (**self).with_bytes(take)
            }
            fn as_shared(&self) -> Option<&Bytes> {
                (**self).as_shared()
            }
        }
        impl<T: ToArgs + ?Sized> ToArgs for $pointer {
            fn add_to(&self, arguments: &mut Arguments<'_>) {
                (**self).add_to(arguments);
            }
        }
    )*};
}

pointers!(&T, Box<T>, Arc<T>);

impl<T: ToArg + ToOwned + ?Sized> ToArg for Cow<'_, T> {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        (**self).with_bytes(take)
    }
}

impl<T: ToArgs + ToOwned + ?Sized> ToArgs for Cow<'_, T> {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        (**self).add_to(arguments);
    }
}

impl<T: ToArgs> ToArgs for Option<T> {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        if let Some(value) = self {
            value.add_to(arguments);
        }
    }
}

impl<A: ToArgs, B: ToArgs> ToArgs for (A, B) {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        self.0.add_to(arguments);
        self.1.add_to(arguments);
    }
}

impl<A: ToArgs, B: ToArgs, C: ToArgs> ToArgs for (A, B, C) {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        self.0.add_to(arguments);
        self.1.add_to(arguments);
        self.2.add_to(arguments);
    }
}

macro_rules! sequence_args {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> ToArgs for $type {
            fn add_to(&self, arguments: &mut Arguments<'_>) {
                for item in self {
                    item.add_to(arguments);
                }
            }
        }
    )*};
}

macro_rules! slice_args {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> ToArgs for $type {
            fn add_to(&self, arguments: &mut Arguments<'_>) {
                T::add_all(self, arguments);
            }
        }
    )*};
}

slice_args!(
    [T: ToArgs] [T],
    [T: ToArgs, const N: usize] [T; N],
    [T: ToArgs] Vec<T>,
);

sequence_args!(
    [T: ToArgs] VecDeque<T>,
    [T: ToArgs] BTreeSet<T>,
    [T: ToArgs, S] HashSet<T, S>,
);

macro_rules! map_args {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> ToArgs for $type {
            fn add_to(&self, arguments: &mut Arguments<'_>) {
                for (field, value) in self {
                    field.add_to(arguments);
                    value.add_to(arguments);
                }
            }
        }
    )*};
}

map_args!(
    [K: ToArgs, V: ToArgs, S] HashMap<K, V, S>,
    [K: ToArgs, V: ToArgs] BTreeMap<K, V>,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::known;

    #[test]
    fn bytes_in_a_row_are_one_argument() {
        let check = |keys: &dyn Fn(&mut CommandBuffer), expected: &[&str]| {
            let mut buffer = CommandBuffer::new();
            buffer.begin(&known::MGET, 1);
            keys(&mut buffer);
            let commands = buffer.freeze();
            let sent = commands.get(0).unwrap().keys();
            let sent: Vec<&str> = sent.map(|key| std::str::from_utf8(key).unwrap()).collect();
            assert_eq!(sent, expected);
        };
        let several = vec![b"ab".to_vec(), b"c".to_vec()];
        check(&|buffer| _ = buffer.keys(&several), &["ab", "c"]);
        check(&|buffer| _ = buffer.keys(&several[0]), &["ab"]);
        check(&|buffer| _ = buffer.keys(b"ab"), &["ab"]);
        check(&|buffer| _ = buffer.keys(&[b"ab", b"cd"]), &["ab", "cd"]);
        check(&|buffer| _ = buffer.keys(&[1_u16, 2]), &["1", "2"]);
    }
}
