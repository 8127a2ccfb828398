//! What a node says of itself, as it comes over the wire.

use std::sync::Arc;

use slotline_resp::{Error, Reader, Reply};

use crate::cluster::Word;

/// The state of a replica that copies what its primary writes
/// ([ROLE](https://redis.io/docs/latest/commands/role/)).
const CONNECTED: &str = "connected";

/// Reads the reply to ROLE: `master`, offset, …, or `slave`, host, port, state,
/// offset. A replica that has never had its primary's data gives -1 for an offset.
pub(super) fn of_role(reply: &Reply) -> Result<Word, Error> {
    let mut reader = reply.reader();
    let mut parts = reader.sequence("the array of ROLE")?;
    let mut next = |reader: &mut Reader<'_>| -> Result<bool, Error> { reader.has_next(&mut parts) };
    let is_primary = next(&mut reader)? && reader.str()? != "slave";
    let mut is_up = true;
    if !is_primary {
        for _ in ["host", "port"] {
            if next(&mut reader)? {
                reader.skip()?;
            }
        }
        is_up = next(&mut reader)? && reader.str()? == CONNECTED;
    }
    let offset: i64 = match next(&mut reader)? {
        true => slotline_resp::FromReply::from_reply(&mut reader)?,
        false => -1,
    };
    Ok(Word {
        is_up: Some(is_up),
        offset: u64::try_from(offset).ok(),
        zone: None,
    })
}

/// Reads the zone out of the text of INFO, section `server`.
pub(super) fn of_info(text: &str) -> Word {
    let zone = text
        .lines()
        .find_map(|line| line.trim_end().strip_prefix("availability_zone:"));
    Word {
        zone: Some(zone.filter(|zone| !zone.is_empty()).map(Arc::from)),
        ..Word::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_tells_of_the_link_and_of_the_offset() {
        let check = |frame: &str, expected: Option<(bool, Option<u64>)>| {
            let reply = Reply::from_frame(frame.replace(' ', "\r\n").into()).unwrap();
            let word = of_role(&reply).ok();
            let told = word.map(|word| (word.is_up.unwrap(), word.offset));
            assert_eq!(told, expected, "{frame}");
        };
        let replica = |state: &str, offset: &str| {
            format!("*5 $5 slave $1 h :7000 ${} {state} :{offset} ", state.len())
        };
        check("*3 $6 master :42 *0 ", Some((true, Some(42))));
        check(
            "*3 $6 master :0 *1 *3 $1 h $4 7001 $1 0 ",
            Some((true, Some(0))),
        );
        check(&replica("connected", "7"), Some((true, Some(7))));
        for state in ["connect", "connecting", "sync", "handshake", "none"] {
            check(&replica(state, "7"), Some((false, Some(7))));
        }
        check(&replica("connect", "-1"), Some((false, None)));
        // Cut short, or something else.
        check("*2 $5 slave $1 h ", Some((false, None)));
        check("*1 $6 master ", Some((true, None)));
        check("*0 ", Some((false, None)));
        check("*2 $6 master $1 x ", None);
        check("+OK ", None);
        check("-NOPERM ", None);
    }

    #[test]
    fn a_zone_is_a_line_of_its_own() {
        let check = |text: &str, expected: Option<&str>| {
            let zone = of_info(text).zone.unwrap();
            assert_eq!(zone.as_deref(), expected, "{text}");
        };
        check(
            "# Server\r\navailability_zone:eu-1a\r\nlistener0:x\r\n",
            Some("eu-1a"),
        );
        check("# Server\navailability_zone:eu 1", Some("eu 1"));
        check("# Server\r\navailability_zone:\r\n", None);
        check("# Server\r\nredis_version:7.0.15\r\n", None);
        check("", None);
    }
}
