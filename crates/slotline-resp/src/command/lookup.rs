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

/// The facts about a command that was received: `name` and the argument after it
/// are a word each, so that a name with a space in it is nobody's.
pub(crate) fn received_info(name: &[u8], subcommand: Option<&[u8]>) -> &'static CommandInfo {
    let word = Some(name).filter(|name| !name.contains(&b' '));
    let info = word.and_then(|name| find(name.iter().copied()));
    let info = info.unwrap_or(&UNKNOWN);
    subcommand.map_or(info, |subcommand| subcommand_info(info, subcommand))
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

    #[test]
    fn a_received_name_is_one_word() {
        assert_eq!(received_info(b"get", Some(b"k")).name, "GET");
        assert_eq!(received_info(b"config", Some(b"get")).name, "CONFIG GET");
        assert_eq!(received_info(b"config", None).name, "CONFIG");
        assert!(!received_info(b"CONFIG GET", Some(b"x")).is_known());
        assert!(!received_info(b"", Some(b"GET")).is_known());
    }
}
