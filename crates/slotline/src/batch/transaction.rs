//! What becomes of a transaction.

use slotline_pipeline::{Executed, Response, Trouble};
use slotline_resp::Commands;

use super::results::Results;
use crate::error::{Error, Refused, Result};

/// Its name for the whole, in errors.
const EXEC: &str = "EXEC";

impl Results {
    /// Those of a transaction whose commands are `commands`, out of what came for them
    /// and for the MULTI and EXEC around them.
    pub(crate) fn of_transaction(commands: Commands, response: Response) -> Result<Results> {
        match response.executed() {
            Executed::Ran(response) => Ok(Results::new(commands, response)),
            Executed::Failed(error) => Err(Error::failed(error).of_command(EXEC)),
            Executed::Refused => Err(refused(&commands, &response)),
            _ => Err(Error::conflict().of_command(EXEC)),
        }
    }
}

/// EXEC's own error, and those of the commands that were not queued.
fn refused(commands: &Commands, response: &Response) -> Error {
    let exec = response.len().saturating_sub(1);
    let mut refused = Vec::new();
    let mut own = None;
    for (at, trouble) in response.troubles() {
        let Trouble::Error(line, asked) = trouble else {
            continue;
        };
        if at == exec {
            let node = asked.map(|asked| asked.node.clone());
            own = Some((line, node));
            continue;
        }
        let index = at.checked_sub(1);
        let command = index.and_then(|index| commands.get(index));
        let name = command.map_or("MULTI", |command| command.name());
        refused.push(Refused::new(index, name, line));
    }
    let (line, node) = own.unwrap_or_default();
    Error::aborted(line, refused).at(node).of_command(EXEC)
}
