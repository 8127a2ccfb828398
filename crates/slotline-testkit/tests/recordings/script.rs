//! Recordings: what a cluster was asked and did, step by step, and what it answered.
//!
//! A line that begins with `#` is a remark, with `=` something that happens to the
//! cluster, with `>` a command over a named connection, with `<` its answer. Nodes
//! are letters: `A`, `B`, `C` the primaries at the beginning, in the order of their
//! slots, `a`, `b`, `c` their replicas. A connection's name begins with its node's.

use bytes::BytesMut;
use slotline_resp::{Limits, Scanner};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One step of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Remark(String),
    Act(Vec<String>),
    Ask {
        connection: String,
        command: Vec<String>,
        answer: String,
    },
}

pub(crate) fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let words = |rest: &str| rest.split_whitespace().map(str::to_owned).collect();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("= ") {
            steps.push(Step::Act(words(rest)));
        } else if let Some(rest) = line.strip_prefix("> ") {
            let mut all: Vec<String> = words(rest);
            steps.push(Step::Ask {
                connection: all.remove(0),
                command: all,
                answer: String::new(),
            });
        } else if let Some(rest) = line.strip_prefix("< ") {
            if let Some(Step::Ask { answer, .. }) = steps.last_mut() {
                *answer = rest.to_owned();
            }
        } else {
            steps.push(Step::Remark(line.to_owned()));
        }
    }
    steps
}

pub(crate) fn render(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        text += &match step {
            Step::Remark(line) => format!("{line}\n"),
            Step::Act(words) => format!("= {}\n", words.join(" ")),
            Step::Ask {
                connection,
                command,
                answer,
            } => format!("> {connection} {}\n< {answer}\n", command.join(" ")),
        };
    }
    text
}

/// A node as recordings name it, and as its cluster does.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) letter: char,
    pub(crate) port: u16,
    pub(crate) id: String,
}

/// Sends a command, and reads its one reply as it is recorded.
pub(crate) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    command: &[String],
    nodes: &[Named],
) -> String {
    let mut bytes = format!("*{}\r\n", command.len());
    for word in command {
        bytes += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut reply = BytesMut::new();
    let mut scanner = Scanner::new(Limits::default());
    loop {
        stream.read_buf(&mut reply).await.unwrap();
        if let Some(len) = scanner.scan(&reply).unwrap() {
            assert_eq!(len, reply.len(), "one reply to one command");
            return normalised(command, &reply, nodes);
        }
    }
}

/// A reply without what differs from cluster to cluster: addresses and names
/// become letters, times and epochs nothing.
fn normalised(command: &[String], reply: &[u8], nodes: &[Named]) -> String {
    let mut text = String::from_utf8_lossy(reply).into_owned();
    if command.join(" ") == "CLUSTER NODES" {
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| line.contains('@'))
            .map(|line| {
                let kept = line.split(' ').enumerate();
                let kept = kept.filter(|(at, _)| ![4, 5, 6].contains(at));
                kept.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
            })
            .map(|line| named(&line, nodes))
            .collect();
        lines.sort();
        return lines.join(" / ");
    }
    text = named(&text, nodes);
    text.trim_end().replace("\r\n", " ")
}

fn named(text: &str, nodes: &[Named]) -> String {
    let mut text = text.to_owned();
    for node in nodes {
        let Named { letter, port, id } = node;
        let bus = text.find(&format!(":{port}@")).map(|at| {
            let rest = &text[at + format!(":{port}@").len()..];
            rest.chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
        });
        if let Some(bus) = bus {
            text = text.replace(&format!(":{port}@{bus}"), &format!(":{port}"));
        }
        text = text.replace(&format!("127.0.0.1:{port}"), &format!("@{letter}"));
        text = text.replace(&format!(":{port}\r\n"), &format!(":@{letter}\r\n"));
        text = text.replace(id, &format!("#{letter}"));
    }
    text
}
