//! Structs, enums and what else serde makes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use slotline_resp::{Error, Serde, Value};

use super::Subject;

/// As a hash has it.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only shown")]
struct User<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    age: u8,
    admin: Option<bool>,
    #[serde(default)]
    score: f64,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only shown")]
struct Strict<'a> {
    id: u64,
    k: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only shown")]
enum Shape {
    A,
    B(i64),
    C(i64, String),
    D { x: i64, y: Option<f32> },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "t")]
#[expect(dead_code, reason = "only shown")]
enum Tagged {
    A,
    B { x: i64 },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "only shown")]
enum Untagged {
    Number(i64),
    Text(String),
    Pair(bool, f64),
    Fields { x: Value },
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only shown")]
struct Flat {
    id: Option<i64>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// As deep as the peer wants.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only shown")]
struct Tree(Vec<Tree>);

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only shown")]
struct Chain {
    next: Option<Box<Chain>>,
    shape: Option<Shape>,
}

pub(super) fn check(subject: Subject<'_>) {
    subject.check::<Serde<User<'_>>>();
    subject.check::<Vec<Serde<User<'_>>>>();
    subject.check::<Serde<Strict<'_>>>();
    subject.check::<Serde<Shape>>();
    subject.check::<Serde<BTreeMap<String, Shape>>>();
    subject.check::<Serde<Tagged>>();
    subject.check::<Serde<Vec<Untagged>>>();
    subject.check::<Serde<Flat>>();
    subject.check::<Serde<Tree>>();
    subject.check::<Serde<Chain>>();
    subject.check::<Serde<Value>>();
    subject.check::<Serde<IgnoredAny>>();
    subject.check::<Serde<(char, i128, u128, f32)>>();
    subject.check::<Serde<(i8, i16, u16, u32)>>();
    subject.check::<Serde<Vec<Option<()>>>>();
    subject.check::<Serde<[Option<bool>; 3]>>();
    subject.check::<Serde<&str>>();
    subject.check::<Serde<&[u8]>>();
    subject.check::<Vec<Result<Serde<Shape>, Error>>>();
}
