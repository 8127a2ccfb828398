//! From a name to a command's facts.

use super::info::{CommandInfo, Flags};
use super::table::TABLE;

static UNKNOWN: CommandInfo = CommandInfo::UNKNOWN;

/// The facts about the command called `name`, in any case; those of
/// [`CommandInfo::UNKNOWN`] if it is in no server's table.
///
/// ```
/// let info = slotline_resp::command_info("get");
/// assert!(info.is_readonly());
/// ```
#[must_use]
pub fn command_info(name: &str) -> &'static CommandInfo {
    find(name.bytes()).unwrap_or(&UNKNOWN)
}

/// The facts about a subcommand; those of its container if there is none of
/// that name.
pub(crate) fn subcommand_info(
    container: &'static CommandInfo,
    subcommand: &[u8],
) -> &'static CommandInfo {
    if !container.flags.contains(Flags::CONTAINER) {
        return container;
    }
    let spaced = container.name.bytes().chain([b' ']);
    find(spaced.chain(subcommand.iter().copied())).unwrap_or(container)
}

fn find(name: impl Iterator<Item = u8> + Clone) -> Option<&'static CommandInfo> {
    let upper = name.map(|byte| byte.to_ascii_uppercase());
    let at = TABLE
        .binary_search_by(|row| row.name.bytes().cmp(upper.clone()))
        .ok()?;
    TABLE.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(TABLE.is_sorted_by(|a, b| a.name < b.name));
        for row in TABLE {
            assert_eq!(command_info(row.name).name, row.name);
        }
    }

    #[test]
    fn a_name_is_found_in_any_case() {
        assert_eq!(command_info("hGetAll").name, "HGETALL");
        assert_eq!(command_info("NO.SUCH"), &CommandInfo::UNKNOWN);
        assert_eq!(command_info(""), &CommandInfo::UNKNOWN);
    }

    #[test]
    fn a_subcommand_has_facts_of_its_own() {
        let client = command_info("CLIENT");
        assert_eq!(subcommand_info(client, b"reply").name, "CLIENT REPLY");
        assert_eq!(subcommand_info(client, b"nonsense").name, "CLIENT");
        let get = command_info("GET");
        assert_eq!(subcommand_info(get, b"REPLY").name, "GET");
    }
}
