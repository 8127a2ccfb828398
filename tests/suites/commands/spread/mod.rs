//! Commands that one node of a cluster cannot answer: split by slot, or asked of every
//! node, and answered as one.

mod moving;
mod slotless;
mod steady;

use slotline::{Client, FromReplyOwned, Result};

/// One command, its arguments as they are.
async fn say<T: FromReplyOwned>(client: &Client, words: &[&str]) -> Result<T> {
    let (name, args) = words.split_first().expect("a name");
    let mut command = client.command(name);
    for arg in args {
        command = command.arg(*arg);
    }
    command.returning::<T>().await
}

/// A command whose arguments behind the name are these.
async fn of<T: FromReplyOwned>(client: &Client, name: &str, args: &[String]) -> Result<T> {
    let mut words = vec![name];
    words.extend(args.iter().map(String::as_str));
    say(client, &words).await
}

/// Keys and their values in turn, as MSET takes them.
fn pairs(keys: &[String]) -> Vec<String> {
    let pairs = keys.iter().map(|key| [key.clone(), format!("v:{key}")]);
    pairs.flatten().collect()
}
