use std::fmt;
use std::sync::Arc;

use super::invocation::{Invocation, Program};

/// A library of functions, as its source: its first line names it, as in
/// `#!lua name=mylib`.
///
/// [`load_library`](crate::Client::load_library) loads it on every primary, which hand it on
/// to their replicas. A function of it that is [invoked](crate::Client::invoke) where it is
/// missing, as on a node that has joined since, is loaded then. A clone is another handle on
/// the same.
///
/// Source: [functions](https://redis.io/docs/latest/develop/programmability/functions-intro/).
///
/// ```no_run
/// # async fn example(client: slotline::Client) -> slotline::Result<()> {
/// use slotline::FunctionLibrary;
///
/// let counters = FunctionLibrary::new(
///     "#!lua name=counters
///     redis.register_function('add', function(keys, args)
///         return redis.call('INCRBY', keys[1], args[1])
///     end)",
/// );
/// client.load_library(&counters).await?;
/// let sum: i64 = client.invoke(counters.function("add").key("n").arg(5)).await?;
/// # let _ = sum; Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct FunctionLibrary {
    code: Arc<str>,
}

impl FunctionLibrary {
    /// A library of this source.
    pub fn new(code: impl AsRef<str>) -> FunctionLibrary {
        FunctionLibrary {
            code: code.as_ref().into(),
        }
    }

    /// Its source.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// One of its functions, by FCALL.
    pub fn function(&self, name: &str) -> Invocation {
        self.invocation(name, false)
    }

    /// One of its functions that is flagged `no-writes`, by FCALL_RO: it goes where reads
    /// go, and may be sent again when its answer is lost.
    pub fn read_only_function(&self, name: &str) -> Invocation {
        self.invocation(name, true)
    }

    fn invocation(&self, name: &str, is_read_only: bool) -> Invocation {
        let program = Program::Function {
            name: name.into(),
            code: Arc::clone(&self.code),
        };
        Invocation::new(program, is_read_only)
    }
}

impl fmt::Debug for FunctionLibrary {
    /// Without the source, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionLibrary")
            .field("bytes", &self.code.len())
            .finish_non_exhaustive()
    }
}
