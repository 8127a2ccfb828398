//! `scale …`: prints one figure, or lines of JSON, for `cargo xtask bench scale`.
#![forbid(unsafe_code)]

use std::env;

use slotline_gate::Work;
use slotline_scale::cost::{self, Operation};
use slotline_scale::{fleet, memory};

const USAGE: &str = "scale [cost NODES TASKS get|COMMANDS PIECE OPERATIONS | idle NODES SECONDS | \
                     memory | answers | fleet [quick]]";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let lines = match arguments.as_slice() {
        ["cost", nodes, tasks, work, piece, operations] => {
            let operation = Operation {
                nodes: number(nodes),
                tasks: number(tasks),
                work: match *work {
                    "get" => Work::Get,
                    commands => Work::Gets(number(commands)),
                },
                piece: number(piece),
            };
            println!("{}", operation.run(number(operations)));
            return;
        }
        ["idle", nodes, seconds] => {
            println!("{}", cost::idle(number(nodes), number(seconds) as u64));
            return;
        }
        ["memory"] => memory::all(),
        ["answers"] => fleet::answers(),
        ["fleet"] => fleet::all(false),
        ["fleet", "quick"] => fleet::all(true),
        _ => panic!("{USAGE}"),
    };
    for line in lines {
        println!("{line}");
    }
}

fn number(word: &str) -> usize {
    word.parse().expect("a number")
}
