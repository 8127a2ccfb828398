//! A lease that is dropped gives back a clean connection or closes it.

use super::*;

/// Answers as a server would as far as it matters here.
fn answer(command: &[String]) -> Option<Vec<u8>> {
    let line = command.join(" ");
    Some(match line.as_str() {
        "EXEC" => b"*1\r\n+OK\r\n".to_vec(),
        "GET queued" => b"+QUEUED\r\n".to_vec(),
        "GET never" | "BLPOP k 0" => Vec::new(),
        "DISCARD never" | "UNWATCH never" => Vec::new(),
        "RESET" => b"+RESET\r\n".to_vec(),
        "SUBSCRIBE c" => b">3\r\n+subscribe\r\n+c\r\n:1\r\n".to_vec(),
        "UNSUBSCRIBE c" => b">3\r\n+unsubscribe\r\n+c\r\n:0\r\n".to_vec(),
        "SELECT 99" => b"-ERR DB index is out of range\r\n".to_vec(),
        "BLPOP got 0" => b"*2\r\n+got\r\n+x\r\n".to_vec(),
        "HELLO 3" => hello(7),
        _ => return Some(usual(command)),
    })
}

#[derive(Debug, PartialEq)]
enum End {
    /// It lies ready, as it is.
    Kept,
    /// It lies ready, after these commands.
    Tidied(&'static [&'static str]),
    Closed,
}

/// What is sent, each line a batch, and what becomes of the connection when the
/// lease is dropped. A batch with `~` before it is dropped after it was written.
/// Fails on the lines that say `Closed` if `Session::condition` is always `Clean`, and
/// on those that are pending if `Connection::condition` does not ask for them.
#[tokio::test(start_paused = true)]
async fn a_lease_is_given_back_clean_or_closed() {
    use End::{Closed, Kept, Tidied};
    const BOTH: End = Tidied(&["DISCARD", "UNWATCH"]);
    const WATCH: End = Tidied(&["UNWATCH"]);
    for (batches, end) in [
        (&[][..], Kept),
        (&["GET k"], Kept),
        (&["GET k; SET k v", "DEL k"], Kept),
        (
            &["EVAL return 0", "XREAD COUNT 1 STREAMS s 0", "WAIT 0 0"],
            Kept,
        ),
        (&["BLPOP got 0"], Kept),
        (&["~GET k"], Closed),
        (&["~GET never"], Closed),
        (&["~BLPOP k 0"], Closed),
        (&["~GET k", "GET k"], Kept),
        (&["WATCH k"], WATCH),
        (&["WATCH k", "GET k", "UNWATCH"], Kept),
        (&["WATCH k", "MULTI; SET k v; EXEC"], Kept),
        (&["MULTI; SET k v; EXEC"], Kept),
        (&["MULTI; SET k v; DISCARD"], Kept),
        (&["MULTI"], BOTH),
        (&["WATCH k", "MULTI; GET queued"], BOTH),
        (&["MULTI; EXEC", "WATCH k"], WATCH),
        (&["WATCH k", "~GET never"], Closed),
        (&["MULTI; SELECT 1; DISCARD"], Closed),
        (&["SELECT 1"], Closed),
        (&["SELECT 99"], Closed),
        (&["SUBSCRIBE c"], Closed),
        (&["SUBSCRIBE c", "UNSUBSCRIBE c"], Closed),
        (&["~SUBSCRIBE c"], Closed),
        (&["MONITOR"], Closed),
        (&["AUTH p"], Closed),
        (&["HELLO 3"], Closed),
        (&["RESET"], Closed),
        (&["QUIT"], Closed),
        (&["READONLY", "READWRITE"], Closed),
        (&["ASKING; GET k"], Closed),
        (&["CLIENT TRACKING ON"], Closed),
        (&["CLIENT REPLY ON"], Closed),
        (&["CLIENT NO-EVICT ON"], Closed),
        (&["CLIENT SETNAME x"], Closed),
        (&["CLIENT ID", "CLIENT LIST"], Kept),
        (&["CLIENT SOMETHING-NEW"], Closed),
        (&["MODULE.COMMAND k"], Closed),
        (&["SCRIPT DEBUG NO"], Closed),
    ] {
        let (builder, peer) = Peer::start(|_, _, command| answer(command));
        let pool = builder.max_leases(1).build();
        let mut lease = lease(&pool).await;
        for batch in batches {
            let lines: Vec<&str> = batch.trim_start_matches('~').split("; ").collect();
            let mut call = lease.call(words(&lines), soon());
            if batch.starts_with('~') {
                assert!(
                    poll_once(Pin::new(&mut call)).await.is_none(),
                    "{batches:?}"
                );
            } else {
                let answer = call.await;
                assert!(answer.failure.is_none(), "{:?}", answer.failure);
            }
        }
        drop(lease);
        settle().await;
        let before: usize = batches.iter().map(|batch| batch.split("; ").count()).sum();
        let after = peer.heard(0)[before.min(peer.heard(0).len())..].to_vec();
        match end {
            Closed => assert_eq!(
                (state(&pool), peer.connections()),
                ((0, 0, 0, 0), (1, 0)),
                "{batches:?}"
            ),
            _ => assert_eq!(
                (state(&pool), peer.connections()),
                ((0, 1, 0, 0), (1, 1)),
                "{batches:?}"
            ),
        }
        match end {
            Tidied(commands) => assert_eq!(after, commands, "{batches:?}"),
            _ => assert_eq!(after, [""; 0], "{batches:?}"),
        }
        let counts = counts(&pool);
        assert_eq!(
            (counts.returned, counts.discarded + counts.lost),
            match end {
                Closed => (0, 1),
                _ => (1, 0),
            },
            "{batches:?}"
        );
        // Whatever became of it, the place is free.
        let mut next = self::lease(&pool).await;
        assert_eq!(ask(&mut next, &["GET k"]).await, ["k"], "{batches:?}");
    }
}

/// What the end of a transaction does not answer in time, or not as it should, is
/// closed.
#[tokio::test(start_paused = true)]
async fn a_transaction_that_does_not_end_is_closed() {
    for (command, reply) in [
        ("UNWATCH", Some(&b""[..])),
        ("UNWATCH", Some(b"-LOADING x\r\n")),
        ("UNWATCH", Some(b"+QUEUED\r\n")),
        ("UNWATCH", Some(b"+OK\r\n+OK\r\n")),
        ("UNWATCH", None),
        ("DISCARD", Some(b"")),
        ("DISCARD", None),
    ] {
        let (builder, peer) = Peer::start(move |_, _, sent| match sent[0] == command {
            true => reply.map(<[u8]>::to_vec),
            false => Some(usual(sent)),
        });
        let pool = builder.max_leases(1).build();
        let mut held = lease(&pool).await;
        // Either alone says that nothing of it is left.
        let begun = if command == "UNWATCH" {
            "WATCH k"
        } else {
            "MULTI"
        };
        ask(&mut held, &[begun]).await;
        drop(held);
        assert_eq!((counts(&pool).in_use, counts(&pool).tidying), (0, 1));
        // It counts until it is closed: the next one waits for the end of it.
        let begun = Instant::now();
        let mut next = lease(&pool).await;
        assert!(begun.elapsed() <= SECOND);
        assert_eq!(peer.connections().0, 2, "{command} {reply:?}");
        assert_eq!(ask(&mut next, &["GET k"]).await, ["k"]);
        assert_eq!((state(&pool), counts(&pool).discarded), ((1, 0, 0, 0), 1));
    }
}

/// The next one does not see what the last one left unread.
#[tokio::test(start_paused = true)]
async fn pushes_of_one_lease_are_not_the_next_ones() {
    let (builder, peer) = Peer::usual();
    let pool = builder.build();
    let mut first = lease(&pool).await;
    ask(&mut first, &["GET k"]).await;
    peer.say(0, ">2\r\n+invalidate\r\n+mine\r\n");
    settle().await;
    ask(&mut first, &["GET k"]).await;
    drop(first);
    let mut second = lease(&pool).await;
    peer.say(0, ">2\r\n+invalidate\r\n+yours\r\n");
    let push = second.next_push().await.unwrap();
    assert_eq!(push.decode::<(String, String)>().unwrap().1, "yours");
    assert_eq!(peer.connections().0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_can_be_closed_by_hand() {
    let (builder, peer) = Peer::usual();
    let pool = builder.build();
    lease(&pool).await.close();
    settle().await;
    assert_eq!((state(&pool), peer.connections()), ((0, 0, 0, 0), (1, 0)));
    assert_eq!((counts(&pool).discarded, counts(&pool).lost), (1, 0));
}
