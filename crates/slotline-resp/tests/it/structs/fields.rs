use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::MapAccess;
use slotline_resp::{Error, FromReplyOwned, Serde, Value};

use super::{NIL, check, hash, refuse, reply};

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct User {
    name: String,
    age: u8,
    #[serde(default)]
    admin: bool,
    email: Option<String>,
}

fn ann() -> User {
    User {
        name: "Ann".into(),
        age: 30,
        admin: true,
        email: None,
    }
}

#[test]
fn a_hash_is_a_struct_in_either_version() {
    check(
        hash(&[("name", "Ann"), ("age", "30"), ("admin", "1")]),
        ann(),
    );
    // In another order, and with what the struct does not know.
    let more = [
        ("admin", &b"1"[..]),
        ("", b""),
        ("age", b"30"),
        ("blob", b"\xff\xfe"),
        ("name", b"Ann"),
    ];
    check(hash(&more), ann());
    let bob = User {
        name: String::new(),
        age: 0,
        admin: false,
        email: Some("b@example.com".into()),
    };
    check(
        hash(&[("name", ""), ("age", "0"), ("email", "b@example.com")]),
        bob,
    );
    // Typed values, as RESP3 has them, and nil for what is not there.
    let typed = "+name\r\n+Ann\r\n+age\r\n:30\r\n+admin\r\n#t\r\n+email\r\n_\r\n";
    check([format!("%4\r\n{typed}"), format!("*8\r\n{typed}")], ann());
    // An attribute is nobody's field.
    let attributed = "%2\r\n|1\r\n+ttl\r\n:5\r\n+name\r\n+Ann\r\n+age\r\n|1\r\n+a\r\n*0\r\n:30\r\n";
    check(
        [attributed],
        User {
            admin: false,
            ..ann()
        },
    );
}

#[test]
fn a_field_that_is_not_text_is_only_another_unknown_one() {
    let pairs = [(&b"\xff"[..], "x"), (b"name", "Ann"), (b"age", "1")];
    let expected = User {
        age: 1,
        admin: false,
        ..ann()
    };
    check(hash(&pairs), expected);
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[expect(dead_code, reason = "it is never made")]
        name: String,
    }
    refuse::<Strict>(
        hash(&pairs),
        "another name as one of the fields `name` at [0]",
    );
}

#[test]
fn what_is_unknown_is_skipped_whatever_it_is() {
    let unknown = [
        "*2\r\n*1\r\n:1\r\n%1\r\n+a\r\n_\r\n",
        "$?\r\n;1\r\na\r\n;0\r\n",
        "-ERR nobody asked\r\n",
        "*?\r\n:1\r\n.\r\n",
        "(123456789012345678901234567890\r\n",
    ];
    for unknown in unknown {
        let body = format!("+x\r\n{unknown}+name\r\n+Ann\r\n+age\r\n:30\r\n+admin\r\n:1\r\n");
        check([format!("*8\r\n{body}"), format!("%4\r\n{body}")], ann());
    }
}

#[test]
fn a_struct_is_made_of_pairs_only() {
    refuse::<User>(
        ["*3\r\n+name\r\n+Ann\r\n+age\r\n"],
        "an array of odd length as User",
    );
    refuse::<User>(
        ["*?\r\n+name\r\n+Ann\r\n+age\r\n.\r\n"],
        "an array of odd length as User",
    );
    refuse::<User>(
        ["*2\r\n+Ann\r\n:30\r\n"],
        "a map without the field `name` as a struct",
    );
    refuse::<User>(["~2\r\n+name\r\n+Ann\r\n"], "a set as User");
    refuse::<User>(["$3\r\nAnn\r\n"], "a bulk string as User");
    refuse::<User>(NIL, "nil (for nil, ask for an Option) as User");
    refuse::<User>(["%1\r\n:1\r\n:2\r\n"], "an integer as a string at [0]");
    refuse::<User>(
        hash::<&str, &str>(&[]),
        "a map without the field `name` as a struct",
    );
    refuse::<User>(
        hash(&[("name", "Ann")]),
        "a map without the field `age` as a struct",
    );
    let twice = [("name", "Ann"), ("name", "Bob"), ("age", "1")];
    refuse::<User>(
        hash(&twice),
        "a map with the field `name` twice as a struct",
    );
}

#[test]
fn a_type_that_stops_early_is_told_of_the_rest() {
    /// The first pair and no other.
    #[derive(Clone, Debug, PartialEq)]
    struct First(String, String);
    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Take;
            impl<'de> serde::de::Visitor<'de> for Take {
                type Value = First;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("one pair")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<First, A::Error> {
                    let pair = map.next_entry()?;
                    pair.map(|(key, value)| First(key, value))
                        .ok_or_else(|| serde::de::Error::invalid_length(0, &self))
                }
            }
            from.deserialize_map(Take)
        }
    }
    check(hash(&[("a", "b")]), First("a".into(), "b".into()));
    refuse::<First>(
        hash(&[("a", "b"), ("c", "d")]),
        "a map of another length as a map",
    );
    refuse::<First>(
        hash::<&str, &str>(&[]),
        "an array of another length as one pair",
    );
}

#[test]
fn an_error_names_the_field_or_counts_the_pair() {
    let number = "a string that is not one as a u8 at";
    let user = hash(&[("name", "Ann"), ("x", "y"), ("age", "x")]);
    refuse::<User>(user, &format!("{number} age"));
    refuse::<BTreeMap<String, u8>>(hash(&[("a", "1"), ("b", "x")]), &format!("{number} [1]"));
    // Nor is a key shown that a struct in one piece would have named.
    let flat = hash(&[("a", "1"), ("age", "x"), ("name", "Ann")]);
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is never made")]
    struct Flat {
        age: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, String>,
    }
    refuse::<Flat>(flat, &format!("{number} [1]"));
}

#[test]
fn structs_in_structs() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Entry {
        fields: User,
        #[serde(rename = "seen-at")]
        seen_at: Vec<u64>,
    }
    let expected = Entry {
        fields: ann(),
        seen_at: vec![1, 2],
    };
    let inner = "+name\r\n+Ann\r\n+age\r\n:30\r\n+admin\r\n:1\r\n";
    let seen = "+seen-at\r\n*2\r\n:1\r\n:2\r\n";
    check(
        [
            format!("*4\r\n+fields\r\n*6\r\n{inner}{seen}"),
            format!("%2\r\n+fields\r\n%3\r\n{inner}{seen}"),
        ],
        expected,
    );
    // As XRANGE replies: an identity and its fields.
    check(
        [
            format!("*1\r\n*2\r\n$3\r\n1-0\r\n*6\r\n{inner}"),
            format!("*1\r\n*2\r\n$3\r\n1-0\r\n%3\r\n{inner}"),
        ],
        vec![("1-0".to_owned(), ann())],
    );
    // As GEOSEARCH WITHCOORD replies: strings in RESP2, doubles in RESP3.
    check(
        [
            "*1\r\n*2\r\n$1\r\na\r\n*2\r\n$3\r\n1.5\r\n$2\r\n-2\r\n",
            "*1\r\n*2\r\n$1\r\na\r\n*2\r\n,1.5\r\n,-2\r\n",
        ],
        vec![("a".to_owned(), (1.5, -2.0))],
    );
}

#[test]
fn a_struct_within_a_struct_may_lie_flat() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Outer {
        id: u64,
        #[serde(flatten)]
        names: Names,
        #[serde(flatten)]
        rest: BTreeMap<String, String>,
    }
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Names {
        first: String,
    }
    check(
        hash(&[("more", "1"), ("id", "7"), ("first", "Ann")]),
        Outer {
            id: 7,
            names: Names {
                first: "Ann".into(),
            },
            rest: BTreeMap::from([("more".to_owned(), "1".to_owned())]),
        },
    );
}

#[test]
fn a_servers_error_is_err_for_every_type() {
    #[derive(Debug)]
    struct Blind;
    impl<'de> Deserialize<'de> for Blind {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Ok(Self)
        }
    }
    let reply = reply("-WRONGTYPE not a hash\r\n");
    for error in [
        reply.deserialize::<User>().unwrap_err(),
        reply.deserialize::<Option<User>>().unwrap_err(),
        reply.deserialize::<Vec<User>>().unwrap_err(),
        reply.deserialize::<(User, User)>().unwrap_err(),
        reply.deserialize::<String>().unwrap_err(),
        reply.deserialize::<u8>().unwrap_err(),
        reply.deserialize::<bool>().unwrap_err(),
        reply.deserialize::<()>().unwrap_err(),
        reply.deserialize::<Value>().unwrap_err(),
        reply.deserialize::<Result<u8, String>>().unwrap_err(),
        reply.deserialize::<serde_json::Value>().unwrap_err(),
        reply.deserialize::<serde::de::IgnoredAny>().unwrap_err(),
        reply.deserialize::<Blind>().unwrap_err(),
    ] {
        assert!(error.is_server());
        assert_eq!(error.to_string(), "WRONGTYPE not a hash");
    }
    // Also within, but for who asks for a Result.
    let mixed = super::reply("*2\r\n%2\r\n+name\r\n+A\r\n+age\r\n:1\r\n-ERR no\r\n");
    assert_eq!(
        mixed.deserialize::<Vec<User>>().unwrap_err().code(),
        Some("ERR")
    );
    let each: Vec<Result<Serde<User>, Error>> = mixed.decode().unwrap();
    assert_eq!(each[0].as_ref().unwrap().0.name, "A");
    assert_eq!(each[1].as_ref().unwrap_err().code(), Some("ERR"));
    // A type that reads nothing leaves the next element its own.
    let pair = super::reply("*2\r\n*1\r\n:1\r\n:2\r\n");
    let (_, two): (Blind, u8) = pair.deserialize().unwrap();
    assert_eq!(two, 2);
}

#[test]
fn serde_types_stand_where_reply_types_do() {
    // What a client asks of the type that it returns.
    fn owned<T: FromReplyOwned>() {}
    owned::<Option<Serde<User>>>();
    owned::<HashMap<String, Vec<Serde<User>>>>();
    let users = "*2\r\n%2\r\n+name\r\n+A\r\n+age\r\n:1\r\n_\r\n";
    let (some, none): (Option<Serde<User>>, Option<Serde<User>>) = reply(users).decode().unwrap();
    assert_eq!(some.unwrap().0.age, 1);
    assert_eq!(none, None);
    let by_name = reply("%1\r\n+a\r\n*4\r\n+name\r\n+A\r\n+age\r\n:1\r\n");
    let by_name: HashMap<&str, Serde<User>> = by_name.decode().unwrap();
    assert_eq!(by_name["a"].0.name, "A");
    // The place goes on through both.
    let wrong = "*2\r\n*0\r\n*1\r\n%2\r\n+age\r\n+x\r\n+name\r\n+A\r\n";
    let error = reply(wrong).decode::<Vec<Vec<Serde<User>>>>().unwrap_err();
    let text = "cannot decode a string that is not one as a u8 at [1][0].age";
    assert_eq!(error.to_string(), text);
}
