//! Nests as deep as Lua and the server let them be.

use slotline_resp::{Limits, Reply, Value};

use crate::connection::{Connection, in_both};
use crate::cuts;
use crate::values::{array, int};

/// Deeper than any server goes.
const BEYOND: u32 = 20_000;

/// The default of [`Limits::depth`].
const DEFAULT: u32 = 128;

/// Scripts that wrap `t` once more each time, with how many bytes that adds.
const ARRAY: (&str, usize) = ("{t}", 4);
const MAP: (&str, usize) = ("{map = {a = t}}", 11);
const SET: (&str, usize) = ("{set = {[t] = true}}", 4);
const AMID: (&str, usize) = ("{1, t, 2}", 8);

fn script(wrap: &str, levels: u32) -> String {
    format!("local t = 1 for i = 1, {levels} do t = {wrap} end return t")
}

/// Finds how deep the server nests `wrap`, and what it says beyond.
async fn deepest(connection: &mut Connection, wrap: &str) -> (u32, Reply, Reply) {
    let (mut whole, mut refused) = (1, BEYOND);
    while refused - whole > 1 {
        let middle = whole + (refused - whole) / 2;
        match says_error(&nest(connection, wrap, middle).await) {
            true => refused = middle,
            false => whole = middle,
        }
    }
    let last = nest(connection, wrap, whole).await;
    let first = nest(connection, wrap, refused).await;
    (whole, last, first)
}

async fn nest(connection: &mut Connection, wrap: &str, levels: u32) -> Reply {
    connection.send(&["EVAL", &script(wrap, levels), "0"]).await;
    Reply::from_scanned(connection.record(1).await)
}

/// Whether there is an error in it; the nests hold no other text with a dash.
fn says_error(reply: &Reply) -> bool {
    reply.as_bytes().contains(&b'-')
}

/// How many levels there are around the innermost element, and that one.
fn unwrap(mut value: Value) -> (u32, Value) {
    let mut levels = 0;
    loop {
        let inner = match value {
            Value::Array(all) | Value::Set(all) => {
                // What is nested is the middle one of three, else the last.
                let at = all.len() / 2;
                all.into_iter().nth(at)
            }
            Value::Map(pairs) => pairs.into_iter().next().map(|(_, value)| value),
            other => return (levels, other),
        };
        value = inner.expect("no level is empty");
        levels += 1;
    }
}

async fn check(connection: &mut Connection, (wrap, bytes): (&str, usize)) {
    let (levels, last, first) = deepest(connection, wrap).await;
    println!("{wrap}: {levels} levels");
    assert!(levels > 1_000, "{levels}");

    // Just allowed, in every way of cutting; one level less, and it is refused
    // where the last one begins.
    let allowed = Limits::default().depth(levels);
    let ends = cuts::ends(allowed, last.as_bytes());
    assert_eq!(ends, Ok(vec![last.as_bytes().len()]));
    for depth in [levels - 1, DEFAULT] {
        let refused = cuts::ends(Limits::default().depth(depth), last.as_bytes());
        let refused = refused.expect_err("it is deeper");
        assert!(refused.is_limit(), "{refused}");
        let header = last.as_bytes().len().min(depth as usize * bytes);
        assert_eq!(refused.offset(), Some(header), "{refused}");
    }

    let value: Value = last.decode().expect("the deepest");
    assert!(value.clone() == value, "a copy is equal");
    assert!(format!("{value:?}").len() < 10_000, "it is shown in part");
    assert_eq!(unwrap(value), (levels, int(1)));
    let mut reader = last.reader();
    reader.skip().expect("it is one element");
    assert_eq!(reader.remaining(), 0);

    // Beyond, the innermost is an error, and the frame is sound all the same.
    cuts::ends(allowed.depth(BEYOND), first.as_bytes()).expect("one frame");
    let (_, innermost) = unwrap(first.value().expect("the frame is sound"));
    let error = innermost.to_error().expect("an error");
    println!("one more: {error}");
    assert_eq!(error.code(), Some("ERR"));
    assert!(error.message().contains("stack limit"), "{error}");
}

#[tokio::test]
async fn arrays_as_deep_as_the_server_goes() {
    in_both(async |connection| {
        check(connection, ARRAY).await;
        check(connection, AMID).await;
    })
    .await;
}

#[tokio::test]
async fn maps_and_sets_as_deep_as_the_server_goes() {
    in_both(async |connection| {
        check(connection, MAP).await;
        check(connection, SET).await;
    })
    .await;
}

#[tokio::test]
async fn the_default_limit_allows_128_levels_and_no_more() {
    in_both(async |connection| {
        for (wrap, bytes) in [ARRAY, SET, AMID] {
            let last = connection.ask(&["EVAL", &script(wrap, DEFAULT), "0"]).await;
            let value = last.value().expect("it was scanned");
            assert_eq!(unwrap(value), (DEFAULT, int(1)));
            let more = nest(connection, wrap, DEFAULT + 1).await;
            let refused = cuts::ends(Limits::default(), more.as_bytes());
            let refused = refused.expect_err("one level too many");
            assert!(refused.is_limit(), "{refused}");
            assert_eq!(refused.offset(), Some(DEFAULT as usize * bytes));
        }
        // A nest that was refused cost its own connection and nothing else.
        let after = connection.value(&["EVAL", "return {{1}}", "0"]).await;
        assert_eq!(after, array([array([int(1)])]));
    })
    .await;
}
