//! Where a program is not known: the second of two ways to say it.

use slotline_pipeline::{ReadFrom, Request};
use slotline_resp::{CommandBuffer, CommandInfo, Commands, FromReplyOwned, known};
use tokio::time::Instant;

use super::invocation::{Invocation, Program};
use super::library::FunctionLibrary;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::runner::decode_at;

/// What a server says that does not know a script. What a script says itself may begin
/// with NOSCRIPT too, and it may have written before.
const NO_SCRIPT: &str = "NOSCRIPT No matching script";
/// The same of a function.
const NO_FUNCTION: &str = "ERR Function not found";

impl Client {
    /// Runs a script or a function.
    ///
    /// A script is sent by the SHA1 of its source (EVALSHA), and with the source (EVAL) to
    /// a server that does not know it; a function by its name (FCALL), and again when its
    /// library is loaded where it was missing. Neither has run before that. Both attempts
    /// together have the client's [`timeout`](crate::ClientBuilder::timeout).
    ///
    /// # Errors
    /// As of any command; [`Error::delivery`] says what became of it. A script that may
    /// have run is not sent again.
    ///
    /// # Cancel safety
    /// As of any command: unless a byte of it was written, it never is.
    pub async fn invoke<R: FromReplyOwned>(&self, invocation: Invocation) -> Result<R> {
        let deadline = Instant::now() + self.runner().settings.timeout;
        let read_from = &self.runner().settings.read_from;
        let first = self.ask(invocation.by_name(), deadline, read_from).await;
        let Some(line) = first.as_ref().err().and_then(Error::server_line) else {
            return first;
        };
        match &invocation.program {
            Program::Script { .. } if line.starts_with(NO_SCRIPT) => {
                let again = invocation.with_source();
                self.ask(again, deadline, read_from).await
            }
            Program::Function { code, .. } if line.starts_with(NO_FUNCTION) => {
                self.load(code, deadline).await?;
                // A replica may hear of it later.
                let again = invocation.by_name();
                self.ask(again, deadline, &ReadFrom::Primary).await
            }
            _ => first,
        }
    }

    /// Loads a library on every primary, in place of what has its name; replicas have it
    /// from them.
    ///
    /// # Errors
    /// It is no library, or a primary could not be asked: others may have it all the same.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; some primaries may have it then, and others not. To load
    /// it once more does no harm.
    pub async fn load_library(&self, library: &FunctionLibrary) -> Result<()> {
        let deadline = Instant::now() + self.runner().settings.timeout;
        self.load(library.code(), deadline).await
    }

    async fn load(&self, code: &str, deadline: Instant) -> Result<()> {
        let mut buffer = CommandBuffer::new();
        let info = &known::FUNCTION_LOAD;
        buffer.begin(info, 2).arg("REPLACE").arg(code);
        let loaded: Result<String> = self
            .ask((info, buffer.freeze()), deadline, &ReadFrom::Primary)
            .await;
        loaded.map(drop)
    }

    async fn ask<R: FromReplyOwned>(
        &self,
        (info, commands): (&'static CommandInfo, Commands),
        deadline: Instant,
        read_from: &ReadFrom,
    ) -> Result<R> {
        let request = Request::new(commands, deadline).read_from(read_from.clone());
        let response = self.runner().send(request).await?;
        decode_at(&response, 0, info, |replies, at| replies.decode(at))
            .map_err(|error| error.of_command(info.name))
    }
}
