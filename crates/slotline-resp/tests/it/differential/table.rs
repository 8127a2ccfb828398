//! The known differences as the crate's documentation shows them.

use super::known::{DIFFERENCES, Difference, is_resp3};
use super::look;
use super::peers::{Outcome, PEERS, Peer, slotline};

const HEADING: &str = "| | the bytes | slotline-resp | redis-protocol, RESP2 | redis-protocol, RESP3 | redis | why |\n\
                       |---|---|---|---|---|---|---|\n";

fn row(known: &Difference) -> String {
    let bytes = known.bytes();
    let mut cells = vec![known.about.to_owned(), shown_bytes(known)];
    cells.push(shown(known, &slotline(&bytes).0));
    for peer in PEERS {
        let seen = look(peer, &bytes);
        let other_version = peer == Peer::ProtocolResp2 && is_resp3(&seen);
        cells.push(if other_version && !known.peers.contains(&peer) {
            "–".to_owned()
        } else {
            shown(known, &seen.theirs)
        });
    }
    cells.push(known.why.to_owned());
    format!("| {} |\n", cells.join(" | "))
}

fn shown_bytes(known: &Difference) -> String {
    let own = known.bytes().split_off(4 * known.nested);
    // A bar would end the cell.
    let own = own.escape_ascii().to_string().replace('|', "\\|");
    match known.nested {
        0 => format!("`{own}`"),
        times => format!("`*1\\r\\n` {times} times, `{own}`"),
    }
}

fn shown(known: &Difference, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Whole(..) if known.nested > 0 => "the nest".to_owned(),
        Outcome::Whole(value, _) => format!("`{value:?}`"),
        Outcome::More => "waits for more".to_owned(),
        Outcome::Refused(_) => "refuses".to_owned(),
        Outcome::Panicked => "panics".to_owned(),
    }
}

#[test]
fn the_documentation_shows_every_known_difference_as_it_is() {
    let rows: String = DIFFERENCES.iter().map(row).collect();
    let table = HEADING.to_owned() + &rows;
    let shown = include_str!("../../../docs/differences.md");
    assert!(
        shown.contains(&table),
        "docs/differences.md is to contain:\n\n{table}"
    );
}
