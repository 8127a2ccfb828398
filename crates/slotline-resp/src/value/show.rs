//! A tree as text, to a bounded depth.

use std::fmt;

use super::list::Part;
use super::{List, Value};

/// Deeper aggregates are shown as `…`: formatting goes by recursion, and nobody
/// reads that far.
const SHOWN: u32 = 64;

/// Something with as many levels as may still be shown.
struct To<'v, T>(&'v T, u32);

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        To(self, SHOWN).fmt(f)
    }
}

impl<T: Part> fmt::Debug for List<T>
where
    for<'v> To<'v, T>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        To(self, SHOWN).fmt(f)
    }
}

impl fmt::Debug for To<'_, Value> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("Null"),
            Value::Simple(text) => f.debug_tuple("Simple").field(text).finish(),
            Value::Error { code, message } => {
                let mut shown = f.debug_struct("Error");
                shown.field("code", code).field("message", message).finish()
            }
            Value::Int(n) => f.debug_tuple("Int").field(n).finish(),
            Value::Double(n) => f.debug_tuple("Double").field(n).finish(),
            Value::Bool(truth) => f.debug_tuple("Bool").field(truth).finish(),
            Value::BigNumber(digits) => f.debug_tuple("BigNumber").field(digits).finish(),
            Value::Bulk(bytes) => f.debug_tuple("Bulk").field(bytes).finish(),
            Value::Verbatim { format, text } => {
                let mut shown = f.debug_struct("Verbatim");
                shown.field("format", format).field("text", text).finish()
            }
            Value::Array(all) => f.debug_tuple("Array").field(&To(all, self.1)).finish(),
            Value::Map(pairs) => f.debug_tuple("Map").field(&To(pairs, self.1)).finish(),
            Value::Set(all) => f.debug_tuple("Set").field(&To(all, self.1)).finish(),
            Value::Push(all) => f.debug_tuple("Push").field(&To(all, self.1)).finish(),
        }
    }
}

impl fmt::Debug for To<'_, (Value, Value)> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, value) = self.0;
        let mut pair = f.debug_tuple("");
        pair.field(&To(key, self.1)).field(&To(value, self.1));
        pair.finish()
    }
}

impl<T: Part> fmt::Debug for To<'_, List<T>>
where
    for<'v> To<'v, T>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1.checked_sub(1) {
            Some(deeper) => {
                let shown = self.0.iter().map(|part| To(part, deeper));
                f.debug_list().entries(shown).finish()
            }
            None => f.write_str("…"),
        }
    }
}
