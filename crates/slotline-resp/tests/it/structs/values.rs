use proptest::prelude::*;
use serde::de::value::{I128Deserializer, U64Deserializer};
use serde::{Deserialize, de::value::Error as Plain};
use slotline_resp::Value;

use super::reply;

#[track_caller]
fn check(frame: &str, json: &str) {
    let value = reply(frame).value().unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), json, "{frame:?}");
}

#[test]
fn each_kind_is_the_serde_type_nearest_to_it() {
    for nil in ["_\r\n", "$-1\r\n", "*-1\r\n"] {
        check(nil, "null");
    }
    check("#t\r\n", "true");
    check(":-5\r\n", "-5");
    check(",1.5\r\n", "1.5");
    check("+OK\r\n", r#""OK""#);
    check("$2\r\nOK\r\n", r#""OK""#);
    check("=6\r\ntxt:OK\r\n", r#""OK""#);
    check(
        "(123456789012345678901234567890\r\n",
        r#""123456789012345678901234567890""#,
    );
    check("*2\r\n:1\r\n*0\r\n", "[1,[]]");
    check("~1\r\n:1\r\n", "[1]");
    check(">2\r\n+pong\r\n:1\r\n", r#"["pong",1]"#);
    check("%2\r\n+a\r\n:1\r\n:2\r\n_\r\n", r#"{"a":1,"2":null}"#);
    check(
        "*1\r\n-ERR no such key\r\n",
        r#"[{"error":"ERR no such key"}]"#,
    );
    check("-OOM\r\n", r#"{"error":"OOM"}"#);
    let raw = Value::Bulk((&b"\xff\x00"[..]).into());
    assert_eq!(serde_json::to_string(&raw).unwrap(), "[255,0]");
    // JSON's own rule, not ours.
    let keyed = reply("%1\r\n*0\r\n:1\r\n").value().unwrap();
    assert!(serde_json::to_string(&keyed).is_err());
}

#[test]
fn a_value_comes_from_any_format_that_says_what_it_holds() {
    let value: Value = serde_json::from_str(
        r#"{"n": null, "t": true, "i": -1, "u": 18446744073709551615, "f": 1.5, "s": "é", "a": [1, {}]}"#,
    )
    .unwrap();
    let array = [Value::Int(1), Value::Map([].into())];
    for (key, expected) in [
        ("n", Value::Null),
        ("t", Value::Bool(true)),
        ("i", Value::Int(-1)),
        ("u", Value::BigNumber("18446744073709551615".into())),
        ("f", Value::Double(1.5)),
        ("s", Value::Bulk("é".into())),
        ("a", Value::Array(array.into())),
    ] {
        assert_eq!(value.get(key), Some(&expected), "{key}");
    }
    let n = |n| Value::deserialize(I128Deserializer::<Plain>::new(n)).unwrap();
    assert_eq!(n(-5), Value::Int(-5));
    assert_eq!(n(i128::MIN), Value::BigNumber(i128::MIN.to_string()));
    let n = |n| Value::deserialize(U64Deserializer::<Plain>::new(n)).unwrap();
    assert_eq!(n(1 << 63), Value::BigNumber("9223372036854775808".into()));
}

#[test]
fn a_field_may_be_a_value_of_any_kind() {
    #[derive(Debug, PartialEq, serde::Serialize, Deserialize)]
    struct Row {
        id: u8,
        rest: Value,
    }
    let reply = reply("%2\r\n+id\r\n:1\r\n+rest\r\n*2\r\n:2\r\n$1\r\na\r\n");
    let row: Row = reply.deserialize().unwrap();
    let json = serde_json::to_string(&row).unwrap();
    assert_eq!(json, r#"{"id":1,"rest":[2,"a"]}"#);
    assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), row);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value as Json;
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e9..1e9).prop_map(|n: f64| Json::from(n)),
        "[ -~é]{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::btree_map("[a-z]{0,4}", inner, 0..8)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_in_and_out_of_a_value_is_the_same(json in json()) {
        let value: Value = serde_json::from_value(json.clone()).unwrap();
        prop_assert_eq!(serde_json::to_value(&value).unwrap(), json);
    }
}
