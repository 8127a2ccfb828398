use serde::Deserialize;

use super::{check, hash, refuse};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shape {
    Empty,
    Circle(f64),
    Line(i64, i64),
    Rect { w: u32, h: u32 },
    Named(Option<String>),
}

#[test]
fn a_string_is_a_variant_without_content() {
    let spellings = [
        "$5\r\nempty\r\n",
        "+empty\r\n",
        "$?\r\n;5\r\nempty\r\n;0\r\n",
    ];
    check(spellings, Shape::Empty);
    check(
        ["*2\r\n+empty\r\n_\r\n", "%1\r\n+empty\r\n$-1\r\n"],
        Shape::Empty,
    );
    refuse::<Shape>(
        ["$6\r\nsecret\r\n"],
        "another name as one of the variants `empty`, `circle`, `line`, `rect`, `named`",
    );
    refuse::<Shape>(
        ["+circle\r\n"],
        "a variant without content as newtype variant",
    );
    refuse::<Shape>([":0\r\n"], "an integer as Shape");
    refuse::<Shape>(["_\r\n"], "nil (for nil, ask for an Option) as Shape");
    refuse::<Shape>(["*2\r\n+empty\r\n:1\r\n"], "an integer as nil at empty");
}

#[test]
fn a_pair_is_a_variant_with_its_content() {
    for open in ["*2\r\n", "%1\r\n"] {
        let pair = |rest: &str| [format!("{open}{rest}")];
        check(pair("+circle\r\n$3\r\n1.5\r\n"), Shape::Circle(1.5));
        check(pair("+line\r\n*2\r\n:1\r\n:2\r\n"), Shape::Line(1, 2));
        let rect = Shape::Rect { w: 1, h: 2 };
        check(
            pair("+rect\r\n*4\r\n+h\r\n:2\r\n+w\r\n$1\r\n1\r\n"),
            rect.clone(),
        );
        check(pair("+rect\r\n%2\r\n+h\r\n:2\r\n+w\r\n$1\r\n1\r\n"), rect);
        check(pair("+named\r\n_\r\n"), Shape::Named(None));
        check(pair("+named\r\n+x\r\n"), Shape::Named(Some("x".into())));
        refuse::<Shape>(
            pair("+circle\r\n+x\r\n"),
            "a string that is not one as an f64 at circle",
        );
        refuse::<Shape>(
            pair("+rect\r\n%1\r\n+w\r\n:-1\r\n"),
            "an integer out of its range as a u32 at rect.w",
        );
        refuse::<Shape>(
            pair("+line\r\n*1\r\n:1\r\n"),
            "an array of another length as a tuple at line",
        );
        refuse::<Shape>(pair(":1\r\n:1\r\n"), "an integer as a string at [0]");
    }
    check(
        [
            "%?\r\n+circle\r\n:1\r\n.\r\n",
            "*?\r\n+circle\r\n:1\r\n.\r\n",
        ],
        Shape::Circle(1.0),
    );
    let other = "an array of other than two elements as Shape";
    refuse::<Shape>(
        ["*0\r\n", "*1\r\n+empty\r\n", "*3\r\n+line\r\n:1\r\n:2\r\n"],
        other,
    );
    refuse::<Shape>(["*?\r\n.\r\n", "*?\r\n+circle\r\n.\r\n"], other);
    refuse::<Shape>(["*?\r\n+circle\r\n:1\r\n:1\r\n.\r\n"], other);
    let other = "a map of other than one pair as Shape";
    refuse::<Shape>(
        ["%0\r\n", "%2\r\n+circle\r\n:1\r\n+circle\r\n:1\r\n"],
        other,
    );
    refuse::<Shape>(["%?\r\n.\r\n"], other);
    refuse::<Shape>(["~2\r\n+circle\r\n:1\r\n"], "a set as Shape");
}

#[test]
fn a_variant_may_be_a_field_and_a_field_may_say_the_variant() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Row {
        shape: Shape,
    }
    check(
        hash(&[("shape", "empty")]),
        Row {
            shape: Shape::Empty,
        },
    );

    #[derive(Clone, Debug, PartialEq, Deserialize)]
    #[serde(tag = "type", content = "data")]
    enum Event {
        Text(String),
        Count(u64),
    }
    check(hash(&[("type", "Count"), ("data", "7")]), Event::Count(7));
    check(
        hash(&[("type", "Text"), ("data", "7")]),
        Event::Text("7".into()),
    );
}

#[test]
fn what_serde_keeps_aside_is_what_the_bytes_say() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    #[serde(tag = "type")]
    enum Event {
        Text { body: String },
        Count { n: u64 },
    }
    let text = |open: &str, n: &str| [format!("{open}+type\r\n+Count\r\n+n\r\n{n}")];
    check(text("%2\r\n", ":7\r\n"), Event::Count { n: 7 });
    check(
        ["%2\r\n+body\r\n+7\r\n+type\r\n+Text\r\n"],
        Event::Text { body: "7".into() },
    );
    refuse::<Event>(text("%2\r\n", "+7\r\n"), "a string as u64");

    #[derive(Clone, Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
        List(Vec<Either>),
    }
    let all = vec![
        Either::Number(1),
        Either::Text("1".into()),
        Either::List(vec![]),
    ];
    check(["*3\r\n:1\r\n$1\r\n1\r\n*0\r\n"], Either::List(all));
    refuse::<Either>(
        ["#t\r\n"],
        "a value that its type refuses as what its type allows",
    );
}
