//! Every command that a server has, called as users call it, with each of its options: its
//! reply decodes as what its method says. The calls are written by `cargo xtask codegen`.

mod fixture;

use std::collections::{BTreeMap, BTreeSet};

use slotline::{Client, Result};
use slotline_testkit::{LocalServer, Value};
use slotline_tests::binary;

/// A test for each group.
macro_rules! groups {
    ($($group:ident)*) => {$(
        #[rustfmt::skip]
        mod $group;

        #[tokio::test]
        async fn $group() {
            let mut typed = Typed::start(stringify!($group)).await;
            $group::all(&mut typed).await;
            typed.judge();
        }
    )*};
}

groups!(
    bitmap cluster connection generic geo hash hyperloglog list pubsub scripting server set
    sorted_set stream string vector_set
);

/// A server, a client, and what became of the calls.
struct Typed {
    server: LocalServer,
    client: Client,
    /// The words that the server knows, by command.
    knows: BTreeMap<String, BTreeSet<String>>,
    now: String,
    allowed: Vec<&'static str>,
    group: &'static str,
    called: usize,
    wrong: Vec<String>,
}

impl Typed {
    async fn start(group: &'static str) -> Typed {
        let is_cluster = if group == "cluster" { "yes" } else { "no" };
        let server = LocalServer::builder(&binary())
            .option("cluster-enabled", is_cluster)
            .option("enable-module-command", "yes")
            .start()
            .await
            .unwrap();
        if group == "cluster" {
            let all = ["CLUSTER", "ADDSLOTSRANGE", "0", "16383"];
            server.call(&all).await.unwrap();
        }
        let docs = server.call(&["COMMAND", "DOCS"]).await.unwrap();
        let mut knows = BTreeMap::new();
        learn(&docs, &mut knows);
        Typed {
            client: Client::connect(server.node().url()).await.unwrap(),
            server,
            knows,
            now: String::new(),
            allowed: Vec::new(),
            group,
            called: 0,
            wrong: Vec::new(),
        }
    }

    /// Makes ready for a call; tells whether the server has the command and the option.
    async fn begin(
        &mut self,
        group: &'static str,
        command: &str,
        words: &[&str],
        fails: &[&'static str],
    ) -> bool {
        let Some(known) = self.knows.get(command) else {
            return false;
        };
        // A module documents no words at all.
        if !known.is_empty() && words.iter().any(|word| !known.contains(*word)) {
            return false;
        }
        for line in fixture::of(group) {
            let outcome = self.server.call(line).await;
            assert!(outcome.is_ok(), "{line:?}: {outcome:?}");
        }
        self.now = format!("{command} {}", words.join(" "));
        self.allowed = fails.to_vec();
        if group == "cluster" {
            // Most of them are about nodes, and there are no others.
            self.allowed.push("ERR");
        }
        true
    }

    /// The call is over.
    fn end(&mut self, outcome: Result<()>) {
        self.called += 1;
        let Err(error) = outcome else { return };
        let text = error.to_string();
        let is_allowed = error.is_server() && self.allowed.iter().any(|start| text.contains(start));
        if !is_allowed {
            self.wrong.push(format!("{}: {error}", self.now));
        }
    }

    fn judge(self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        // Vector sets are a module of some servers.
        let has_any = self.knows.contains_key("VADD") || !self.group.starts_with("vector");
        assert_eq!(self.called > 0, has_any);
    }
}

/// The words of all commands and subcommands.
fn learn(docs: &Value, knows: &mut BTreeMap<String, BTreeSet<String>>) {
    for pair in docs.as_slice().unwrap().chunks_exact(2) {
        let name = pair[0].as_str().unwrap().to_uppercase().replace('|', " ");
        let mut words = BTreeSet::new();
        for field in pair[1].as_slice().unwrap().chunks_exact(2) {
            match field[0].as_str() {
                Some("subcommands") => learn(&field[1], knows),
                Some("arguments") => tokens(&field[1], &mut words),
                _ => {}
            }
        }
        knows.insert(name, words);
    }
}

/// The words among a command's arguments. Some are told as names alone.
fn tokens(arguments: &Value, words: &mut BTreeSet<String>) {
    for argument in arguments.as_slice().unwrap() {
        for field in argument.as_slice().unwrap().chunks_exact(2) {
            match field[0].as_str() {
                Some("token" | "name") => {
                    words.insert(field[1].as_str().unwrap().to_uppercase());
                }
                Some("arguments") => tokens(&field[1], words),
                _ => {}
            }
        }
    }
}
