//! The exact bytes that every command sends, with each of its options.

use slotline_commands::{Batch, Direct};
use slotline_resp::{CommandBuffer, Commands, KeySpec};

/// All groups; each is written by `cargo xtask codegen`.
macro_rules! groups {
    ($($group:ident)*) => {$(
        #[rustfmt::skip]
        mod $group;
    )*};
}

groups!(
    bitmap bloom cluster connection count_min cuckoo generic geo hash hyperloglog json list pubsub
    scripting search server set sorted_set stream string t_digest time_series top_k vector_set
);

/// Nobody runs these.
fn direct() -> &'static Direct<()> {
    static DIRECT: std::sync::LazyLock<Direct<()>> = std::sync::LazyLock::new(|| Direct::new(()));
    &DIRECT
}

fn queued(fill: impl FnOnce(&mut Batch)) -> Commands {
    let mut batch = Batch::new();
    fill(&mut batch);
    batch.freeze().0
}

/// Wherever it is said, a command sends these words, and its keys are those that the words
/// alone would name.
#[track_caller]
fn check(words: &[&str], said: [Commands; 3]) {
    let mut plain = CommandBuffer::new();
    for (at, word) in words.iter().enumerate() {
        match at {
            0 => plain.begin_named(word),
            _ => plain.arg(word),
        };
    }
    let plain = plain.freeze();
    let expected = plain.get(0).map(|command| command.info());
    for commands in said {
        let sent = String::from_utf8_lossy(&commands.to_vec()).into_owned();
        let wanted = String::from_utf8_lossy(&plain.to_vec()).into_owned();
        assert_eq!(sent, wanted);
        let info = commands.get(0).map(|command| command.info());
        assert_eq!(info, expected);
        if info.is_some_and(|info| info.keys != KeySpec::Unknown) {
            let keys = |commands: &Commands| -> Vec<Vec<u8>> {
                let all = commands.iter().flat_map(|command| command.keys());
                let mut keys: Vec<_> = all.map(<[u8]>::to_vec).collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(&commands), keys(&plain), "{words:?}");
        }
    }
}
