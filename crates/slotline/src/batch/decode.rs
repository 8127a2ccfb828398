use slotline_resp::FromReplyOwned;

use super::results::Results;
use crate::error::{Error, Result};

/// What the outcomes of a whole pipeline can become: a tuple with a type for each
/// command, or a `Vec` of one type for all. The first error is the error of the
/// whole; [`Pipeline`](super::Pipeline) gives each command's own.
#[diagnostic::on_unimplemented(
    message = "the replies of a pipeline cannot become `{Self}`",
    note = "annotate the result, as in `let (n, v): (i64, Option<String>) = …`; a tuple has a \
            type for each command, a `Vec<T>` one for all"
)]
pub trait FromReplies: Sized {
    /// Decodes all outcomes.
    ///
    /// # Errors
    /// The first that is an error or does not fit, or that there is another
    /// number of commands than types.
    fn from_replies(results: &Results) -> Result<Self>;
}

impl<T: FromReplyOwned> FromReplies for Vec<T> {
    fn from_replies(results: &Results) -> Result<Vec<T>> {
        (0..results.len())
            .map(|index| results.decode(index))
            .collect()
    }
}

macro_rules! tuple {
    ($len:literal: $($type:ident $index:literal),+) => {
        impl<$($type: FromReplyOwned),+> FromReplies for ($($type,)+) {
            fn from_replies(results: &Results) -> Result<Self> {
                if results.len() != $len {
                    let len = results.len();
                    return Err(Error::config(format!(
                        "the pipeline has {len} commands and its result {} places", $len
                    )));
                }
                Ok(($(results.decode::<$type>($index)?,)+))
            }
        }
    };
}

tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
