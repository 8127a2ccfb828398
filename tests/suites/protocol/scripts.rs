//! What Lua can make a server send: every type, from one conversion table.

use slotline_resp::Value;
use slotline_tests::server;
use std::collections::{BTreeMap, HashMap};

use crate::connection::{Connection, Resp2, Resp3, in_both};
use crate::values::{array, big, bulk, double, error, int, map, set, simple, verbatim};

async fn eval(connection: &mut Connection, script: &str) -> Value {
    connection.value(&["EVAL", script, "0"]).await
}

/// Each script, and what it gives in RESP2 and in RESP3.
async fn check(table: &[(&str, Value, Value)]) {
    in_both(async |connection| {
        for (script, resp2, resp3) in table {
            let expected = connection.either(resp2, resp3);
            assert_eq!(eval(connection, script).await, *expected, "{script}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_alike_in_both_versions() {
    let table = [
        ("return 3.99", int(3)),
        ("return -3.99", int(-3)),
        ("return 9007199254740992", int(1 << 53)),
        ("return -2^63", int(i64::MIN)),
        ("return ''", bulk("")),
        ("return '\\r\\n\\0'", bulk("\r\n\0")),
        ("return {ok = 'fine'}", simple("fine")),
        ("return {ok = ''}", simple("")),
        ("return {ok = 'two\\r\\nlines'}", simple("two  lines")),
        ("return {err = 'MY own'}", error("MY", "own")),
        ("return {err = 'MY\\r\\nown'}", error("MY", " own")),
        ("return redis.error_reply('')", error("ERR", "")),
        ("return {}", array([])),
        ("return {1, 2, nil, 4}", array([int(1), int(2)])),
        (
            "return {{}, {{}}, {err = 'ERR in'}, {ok = 'OK'}, 'x'}",
            array([
                array([]),
                array([array([])]),
                error("ERR", "in"),
                simple("OK"),
                bulk("x"),
            ]),
        ),
    ];
    let table = table.map(|(script, value)| (script, value.clone(), value));
    check(&table).await;
}

#[tokio::test]
async fn booleans_and_nil() {
    check(&[
        ("return nil", Value::Null, Value::Null),
        ("return false", Value::Null, Value::Null),
        ("return true", int(1), int(1)),
        (
            "return {1, false, 3}",
            array([int(1), Value::Null, int(3)]),
            array([int(1), Value::Null, int(3)]),
        ),
        // Scripts themselves speak RESP2 until they say otherwise.
        ("redis.setresp(3) return nil", Value::Null, Value::Null),
        ("redis.setresp(3) return true", int(1), Value::Bool(true)),
        ("redis.setresp(3) return false", int(0), Value::Bool(false)),
        (
            "redis.setresp(3) return {true, false, nil}",
            array([int(1), int(0)]),
            array([Value::Bool(true), Value::Bool(false)]),
        ),
    ])
    .await;
}

#[tokio::test]
async fn big_numbers_and_verbatim_strings() {
    let digits = "12".repeat(500);
    let long = format!("return {{big_number = '{digits}'}}");
    let text = |format: &str, body: &str| {
        format!("return {{verbatim_string = {{string = '{body}', format = '{format}'}}}}")
    };
    let (plain, empty) = (text("txt", "a\\nb"), text("mkd", ""));
    let (short, cut) = (text("a", "x"), text("toolong", "x"));
    check(&[
        ("return {big_number = '-5'}", bulk("-5"), big("-5")),
        (&long, bulk(&digits), big(&digits)),
        (&plain, bulk("a\nb"), verbatim("txt", "a\nb")),
        (&empty, bulk(""), verbatim("mkd", "")),
        // The server makes it three letters.
        (&short, bulk("x"), verbatim("a  ", "x")),
        (&cut, bulk("x"), verbatim("too", "x")),
    ])
    .await;
}

#[tokio::test]
async fn maps_and_sets_within_each_other() {
    check(&[
        ("return {map = {}}", array([]), map([])),
        ("return {set = {}}", array([]), set([])),
        (
            "return {set = {a = true}}",
            array([bulk("a")]),
            set([bulk("a")]),
        ),
        (
            "return {map = {a = {map = {b = {set = {[7] = true}}}}}}",
            array([bulk("a"), array([bulk("b"), array([int(7)])])]),
            map([(bulk("a"), map([(bulk("b"), set([int(7)]))]))]),
        ),
        (
            "return {map = {[{map = {k = 1}}] = {double = 0.5}}}",
            array([array([bulk("k"), int(1)]), bulk("0.5")]),
            map([(map([(bulk("k"), int(1))]), double(0.5))]),
        ),
        (
            "redis.setresp(3) return {{map = {a = true}}, {err = 'ERR x'}, {set = {b = true}}}",
            array([
                array([bulk("a"), int(1)]),
                error("ERR", "x"),
                array([bulk("b")]),
            ]),
            array([
                map([(bulk("a"), Value::Bool(true))]),
                error("ERR", "x"),
                set([bulk("b")]),
            ]),
        ),
    ])
    .await;
}

/// Version 7.0 prints 17 digits (`1.0000000000000001e+300`), later ones the fewest
/// that say the same number; `-nan` is 7.0's too.
#[tokio::test]
async fn doubles_are_the_same_numbers_however_a_server_prints_them() {
    in_both(async |connection| {
        for (lua, number) in [
            ("3.5", 3.5),
            ("3", 3.0),
            ("0.1", 0.1),
            ("-0.0", -0.0),
            ("1/0", f64::INFINITY),
            ("-1/0", f64::NEG_INFINITY),
            ("1e17", 1e17),
            ("1e300", 1e300),
            ("5e-324", 5e-324),
            ("1e-320", 1e-320),
            ("1.7976931348623157e308", f64::MAX),
            ("2.2250738585072014e-308", f64::MIN_POSITIVE),
            ("12345678901234567", 12_345_678_901_234_568.0),
        ] {
            let script = format!("return {{double = {lua}}}");
            let reply = connection.ask(&["EVAL", &script, "0"]).await;
            let got: f64 = reply
                .decode()
                .unwrap_or_else(|error| panic!("{lua}: {error}"));
            assert_eq!(got.to_bits(), number.to_bits(), "{lua}");
            if connection.protocol() == Resp3 {
                assert_eq!(reply.value(), Ok(double(number)), "{lua}");
            }
        }
        for lua in ["0/0", "-(0/0)"] {
            let script = format!("return {{double = {lua}}}");
            let got: f64 = connection.get(&["EVAL", &script, "0"]).await;
            assert!(got.is_nan(), "{lua}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_nested_map_decodes_into_nested_maps_in_both_versions() {
    in_both(async |connection| {
        let script = "local all = {} \
            for i = 1, 100 do \
                local one = {} \
                for j = 1, 10 do one['field:' .. j] = {double = i + j / 4} end \
                all['key:' .. i] = {map = one} \
            end \
            return {map = all}";
        let got: HashMap<String, BTreeMap<String, f64>> =
            connection.get(&["EVAL", script, "0"]).await;
        assert_eq!(got.len(), 100);
        for i in 1..=100_i32 {
            let one = &got[&format!("key:{i}")];
            assert_eq!(one.len(), 10);
            for j in 1..=10_i32 {
                let expected = f64::from(i) + f64::from(j) / 4.0;
                assert_eq!(one[&format!("field:{j}")], expected);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_script_gets_from_a_command_goes_on_as_it_came() {
    let fill = "redis.call('HSET', 'h', 'f', 'v') redis.call('SADD', 's', 'm') \
        redis.call('ZADD', 'z', 'inf', 'a')";
    let script = format!(
        "redis.setresp(3) {fill} return {{redis.call('HGETALL', 'h'), \
         redis.call('SMEMBERS', 's'), redis.call('ZSCORE', 'z', 'a'), redis.call('GET', 'none')}}"
    );
    check(&[(
        &script,
        array([
            array([bulk("f"), bulk("v")]),
            array([bulk("m")]),
            bulk("inf"),
        ]),
        array([
            map([(bulk("f"), bulk("v"))]),
            set([bulk("m")]),
            double(f64::INFINITY),
        ]),
    )])
    .await;
}

/// No server looks at what a script calls a big number, so that any line of text
/// can follow the `(`. It ends no connection: it is only no number.
#[tokio::test]
async fn a_big_number_that_a_script_made_up_harms_nobody_else() {
    let server = server().await;
    for made_up in ["abc", "12\\r\\nx", "", "1.5", "0x10"] {
        let script = format!("return {{big_number = '{made_up}'}}");
        let sent = made_up.replace("\\r\\n", "  ");
        let mut connection = Connection::open(&server, Resp3).await;
        let got = eval(&mut connection, &script).await;
        assert_eq!(got, Value::BigNumber(sent.clone()));
        assert_eq!(eval(&mut connection, "return 7").await, Value::Int(7));
        let mut connection = Connection::open(&server, Resp2).await;
        assert_eq!(eval(&mut connection, &script).await, bulk(sent));
    }
}
