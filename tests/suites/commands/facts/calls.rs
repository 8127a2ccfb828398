//! Calls of every command, made of what COMMAND DOCS says of its arguments.

use slotline_resp::Value;

/// How a tree of arguments becomes words.
#[derive(Clone, Copy)]
struct Form {
    /// Everything that may be left out is there, and of several forms the last.
    whole: bool,
    /// So many values of what may have several.
    times: usize,
}

/// A field of a map, which RESP2 writes as names and values in turn.
fn field<'v>(map: &'v Value, name: &str) -> Option<&'v Value> {
    let mut pairs = map.as_slice()?.chunks_exact(2);
    let found = pairs.find(|pair| pair[0].as_str() == Some(name));
    found.map(|pair| &pair[1])
}

fn text<'v>(map: &'v Value, name: &str) -> &'v str {
    field(map, name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(map: &'v Value, name: &str) -> &'v [Value] {
    field(map, name)
        .and_then(Value::as_slice)
        .unwrap_or_default()
}

fn has(argument: &Value, flag: &str) -> bool {
    let mut flags = list(argument, "flags").iter();
    flags.any(|own| own.as_str() == Some(flag))
}

/// The commands that COMMAND DOCS describes, subcommands in place of what holds them:
/// the words of the name, and their arguments.
pub(super) fn commands(docs: &Value) -> Vec<(Vec<String>, &[Value])> {
    let mut all = Vec::new();
    for pair in docs.as_slice().unwrap().chunks_exact(2) {
        let (name, about) = (pair[0].as_str().unwrap(), &pair[1]);
        let subcommands = list(about, "subcommands");
        if subcommands.is_empty() {
            all.push((vec![name.to_owned()], list(about, "arguments")));
        }
        for pair in subcommands.chunks_exact(2) {
            let words = pair[0].as_str().unwrap().split('|');
            let arguments = list(&pair[1], "arguments");
            all.push((words.map(str::to_owned).collect(), arguments));
        }
    }
    all
}

/// Calls in which every argument of the tree is somewhere: what must be there alone,
/// each argument that may be left out with what it needs, each of several forms, and
/// everything together; with one value and with three of what may have several.
pub(super) fn calls(arguments: &[Value]) -> Vec<Vec<String>> {
    let mut paths = vec![Vec::new()];
    collect(arguments, &mut Vec::new(), &mut paths);
    let mut all = Vec::new();
    for times in [1, 3] {
        let whole = Form { whole: true, times };
        all.push(words_of(arguments, &[], whole));
        let form = Form {
            whole: false,
            times,
        };
        all.extend(paths.iter().map(|path| words_of(arguments, path, form)));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// The places of all arguments in the tree: the place in each list on the way.
fn collect(arguments: &[Value], path: &mut Vec<usize>, paths: &mut Vec<Vec<usize>>) {
    for (index, argument) in arguments.iter().enumerate() {
        path.push(index);
        paths.push(path.clone());
        collect(list(argument, "arguments"), path, paths);
        path.pop();
    }
}

fn words_of(arguments: &[Value], towards: &[usize], form: Form) -> Vec<String> {
    let mut call = Call {
        form,
        keys: 0,
        words: Vec::new(),
    };
    call.list(arguments, towards);
    call.words
}

/// The words so far, and how many of them are keys.
struct Call {
    form: Form,
    keys: usize,
    words: Vec<String>,
}

impl Call {
    /// Those of the list that must be there, and the one that the way leads to.
    fn list(&mut self, arguments: &[Value], towards: &[usize]) {
        for index in 0..arguments.len() {
            if self.is_there(arguments, index, towards) {
                let rest = towards.split_first().filter(|(next, _)| **next == index);
                let rest = rest.map_or(&[][..], |(_, rest)| rest);
                self.argument(arguments, index, towards, rest);
            }
        }
    }

    fn is_there(&self, arguments: &[Value], index: usize, towards: &[usize]) -> bool {
        let is_next = towards.first() == Some(&index);
        self.form.whole || is_next || !has(&arguments[index], "optional")
    }

    fn times(&self, argument: &Value) -> usize {
        match has(argument, "multiple") {
            true => self.form.times,
            false => 1,
        }
    }

    /// One argument. The way goes through its list by `towards`, and from it on by `rest`.
    fn argument(&mut self, arguments: &[Value], index: usize, towards: &[usize], rest: &[usize]) {
        let argument = &arguments[index];
        let own = list(argument, "arguments");
        let token = field(argument, "token").and_then(Value::as_str);
        for turn in 0..self.times(argument) {
            if turn == 0 || has(argument, "multiple_token") {
                // Redis writes "" for an argument that is no other, MIGRATE's for one.
                let is_word =
                    |token: &&str| !token.is_empty() || text(argument, "type") == "pure-token";
                self.words.extend(token.filter(is_word).map(str::to_owned));
            }
            let word = match text(argument, "type") {
                "key" => {
                    self.keys += 1;
                    format!("key:{}", self.keys)
                }
                "block" => {
                    self.list(own, rest);
                    continue;
                }
                "oneof" => {
                    let default = if self.form.whole { own.len() - 1 } else { 0 };
                    let chosen = rest.first().copied().unwrap_or(default);
                    self.argument(own, chosen, rest, rest.get(1..).unwrap_or_default());
                    continue;
                }
                "pure-token" => continue,
                "integer" if text(argument, "name") == "numkeys" => {
                    let mut behind = (index..arguments.len())
                        .filter(|at| self.is_there(arguments, *at, towards));
                    let keys = behind.find(|at| text(&arguments[*at], "type") == "key");
                    let count = keys.map_or(0, |at| self.times(&arguments[at]));
                    count.to_string()
                }
                "integer" | "double" | "unix-time" => "1".to_owned(),
                _ => "word".to_owned(),
            };
            self.words.push(word);
        }
    }
}
