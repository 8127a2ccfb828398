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
/// [`ToArg`], a slice, a tuple of two or three, a map (field, value, field, value …), or an
/// `Option` (absent if `None`). With the feature `serde`, `to_args` makes one of
/// any serde type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be arguments of a command",
    note = "strings, bytes, numbers, and slices, pairs, maps and options of them can"
)]
pub trait ToArgs {
    /// Adds each argument to `arguments`.
    fn add_to(&self, arguments: &mut Arguments<'_>);
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
number_arg!(itoa: i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);
// Non-finite values come out as `inf`, `-inf` and `NaN`, which servers read too.
number_arg!(ryu: f32, f64);

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

sequence_args!(
    [T: ToArgs] [T],
    [T: ToArgs, const N: usize] [T; N],
    [T: ToArgs] Vec<T>,
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
