//! Commands with keys of several slots (C12). With three primaries `a` is on 7002, `b`
//! on 7000, `c` on 7001 and `d` on 7002.

use slotline_pipeline::{ChunkLayer, ReadFrom, RetryLayer};

use crate::fake::Cut;
use crate::rig::Rig;

#[tokio::test(start_paused = true)]
async fn a_command_is_split_by_slot_and_its_answers_are_one() {
    let rig = Rig::new(3, 0);
    let lines = [
        "MSET a 1 b 2 c 3 {a}x 4",
        "MGET c none a {a}x b a",
        "EXISTS a a b none",
        "TOUCH a b c",
        "DEL a none b a",
        "UNLINK b c",
        "MGET a b c {a}x",
    ];
    let expected = [
        "OK",
        "*6 $1 3 $-1 $1 1 $1 4 $1 2 $1 1",
        "3",
        "3",
        "2",
        "1",
        "*4 $-1 $-1 $-1 $1 4",
    ];
    assert_eq!(rig.send_spread(&lines).await, expected);
    let all = rig.fake.lines();
    let mget: Vec<&str> = all
        .iter()
        .filter_map(|line| line.split_once(' ').map(|(_, command)| command))
        .filter(|command| command.starts_with("MSET") || command.starts_with("EXISTS"))
        .collect();
    for part in ["MSET a 1 {a}x 4", "MSET b 2", "MSET c 3", "EXISTS a a"] {
        assert!(mget.contains(&part), "{part} in {mget:?}");
    }
    assert_eq!(rig.fake.answered("-"), 0, "no node turned anything away");
}

#[tokio::test(start_paused = true)]
async fn keys_of_one_slot_go_as_they_are() {
    let rig = Rig::new(3, 0);
    assert_eq!(
        rig.send_spread(&["MGET {a}1 {a}2 {a}1"]).await,
        ["*3 $-1 $-1 $-1"]
    );
    assert_eq!(rig.send_spread(&["DEL a"]).await, ["0"]);
    assert_eq!(rig.fake.lines(), ["7002 MGET {a}1 {a}2 {a}1", "7002 DEL a"]);
}

/// MSETNX and MSETEX would no longer be all or nothing (C10), an intersection none at all, and an
/// MSET that lacks a value must not run in part.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_split_is_refused_unsent() {
    let rig = Rig::new(3, 0);
    for line in [
        "MSETNX a 1 b 2",
        "MSETEX 2 a 1 b 2 EX 5",
        "SINTER a b",
        "SUNIONSTORE a b",
        "RENAME a b",
        "MSET a 1 b",
        "SCAN 0",
        "NO.SUCH.COMMAND k",
    ] {
        let outcomes = rig.send_spread(&["SET a 1", line, "GET a"]).await;
        assert_eq!(outcomes, ["OK", "!not sent cluster", "1"], "{line}");
    }
    assert!(
        rig.fake
            .lines()
            .iter()
            .all(|line| line.contains("SET a") || line.contains("GET a"))
    );
}

#[tokio::test(start_paused = true)]
async fn in_a_transaction_nothing_is_spread() {
    let rig = Rig::new(3, 0);
    for line in ["DEL a b", "DBSIZE", "FLUSHALL"] {
        let request = rig.request(&["MULTI", line, "EXEC"]).transaction();
        let answer = crate::rig::call(rig.spread(), request).await.unwrap();
        let outcomes = crate::rig::outcomes(&answer);
        assert_eq!(outcomes, ["!not sent cluster"; 3], "{line}");
    }
    assert!(rig.fake.log().is_empty());
}

/// Fails when a redirect sends the whole command again, or its part is left as it was.
#[tokio::test(start_paused = true)]
async fn of_a_command_only_the_part_that_is_redirected_goes_again() {
    let rig = Rig::new(3, 0);
    rig.send_spread(&["MSET a 1 b 2 c 3"]).await;
    rig.fake.move_slot("a", 7001);
    rig.fake.migrate_slot("b", 7001);
    rig.fake.forget_log();
    let lines = ["DEL a b c", "MGET a b c"];
    assert_eq!(rig.send_spread(&lines).await, ["3", "*3 $-1 $-1 $-1"]);
    assert_eq!(rig.fake.ran("DEL a"), 1);
    assert_eq!(rig.fake.ran("DEL b"), 1);
    assert_eq!(rig.fake.ran("DEL c"), 1, "it was not redirected");
    assert_eq!(rig.fake.answered("-MOVED"), 2);
    assert_eq!(rig.fake.answered("-ASK"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_only_reads_goes_again_after_its_connection_is_lost() {
    let rig = Rig::new(3, 0);
    rig.send_spread(&["MSET a 1 b 2 c 3"]).await;
    let lost = Cut {
        runs: 1,
        answers: 0,
        first_unsent: 1,
    };
    rig.fake.cut(7001, lost);
    assert_eq!(
        rig.send_spread(&["MGET a b c"]).await,
        ["*3 $1 1 $1 2 $1 3"]
    );
    assert_eq!(rig.fake.ran("MGET a"), 1);
    assert_eq!(rig.fake.ran("MGET c"), 2);
}

/// O1 through a split: each part keeps its place among the commands for its keys.
#[tokio::test(start_paused = true)]
async fn parts_keep_their_order_among_the_commands_for_their_keys() {
    let chunk = ChunkLayer::new().commands(2).in_flight(4);
    let rig = Rig::with(3, 0, chunk, RetryLayer::default());
    rig.fake.move_slot("a", 7000);
    rig.fake.refuse(7001, "SET c", "LOADING for a moment", 2);
    let lines = [
        "SET a 1",
        "SET b 1",
        "SET c 1",
        "MGET a b c",
        "MSET a 2 b 2 c 2",
        "MGET c b a",
        "DEL a b c",
        "EXISTS a b c",
        "INCR c",
    ];
    let expected = [
        "OK",
        "OK",
        "OK",
        "*3 $1 1 $1 1 $1 1",
        "OK",
        "*3 $1 2 $1 2 $1 2",
        "3",
        "0",
        "1",
    ];
    assert_eq!(rig.send_spread(&lines).await, expected);
    assert!(rig.fake.answered("-MOVED") > 0 && rig.fake.answered("-LOADING") > 0);
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_read_go_where_reads_go_unless_the_slot_is_written_to() {
    let rig = Rig::new(3, 1).read_from(ReadFrom::PreferReplica);
    for key in ["a", "b", "c"] {
        rig.fake.put(key, "1");
    }
    let outcomes = rig.send_spread(&["SET b 2", "MGET a b c"]).await;
    assert_eq!(outcomes, ["OK", "*3 $1 1 $1 2 $1 1"]);
    let mut lines = rig.fake.lines();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "7000 MGET b",
            "7000 SET b 2",
            "7101r MGET c",
            "7102r MGET a"
        ]
    );
}
