//! D10: a thousand nodes, their slots in 16,384 fragments.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use slotline::{Client, slot_of};
use slotline_resp::{CommandDecoder, Limits};
use slotline_tests::in_time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const NODES: usize = 1_000;
const SHARDS: usize = 500;

/// Every node is an address of this machine's own, and all of them are this listener.
fn address(node: usize) -> String {
    format!("127.1.{}.{}", node / 250, node % 250 + 1)
}

/// The answer to CLUSTER SLOTS: each slot is a range of its own, neighbours belong to
/// different shards, and each shard has a replica.
fn view(port: u16) -> String {
    let node = |out: &mut String, node: usize| {
        let host = address(node);
        let _ = write!(
            out,
            "*3\r\n${}\r\n{host}\r\n:{port}\r\n$40\r\n{node:040}\r\n",
            host.len()
        );
    };
    let mut out = String::from("*16384\r\n");
    for slot in 0..16_384 {
        let _ = write!(out, "*4\r\n:{slot}\r\n:{slot}\r\n");
        node(&mut out, slot % SHARDS);
        node(&mut out, slot % SHARDS + SHARDS);
    }
    out
}

/// What CLUSTER NODES says of the same, but for the slots.
fn nodes(port: u16) -> String {
    let mut text = String::new();
    for node in 0..NODES {
        let (role, primary) = match node.checked_sub(SHARDS) {
            Some(primary) => ("slave", format!("{primary:040}")),
            None => ("master", "-".to_owned()),
        };
        let _ = writeln!(
            text,
            "{node:040} {}:{port}@1 {role} {primary} 0 0 {} connected",
            address(node),
            node % SHARDS + 1
        );
    }
    format!("${}\r\n{text}\r\n", text.len())
}

/// What all connections share.
struct Cluster {
    view: Bytes,
    nodes: Bytes,
    dialled: Mutex<BTreeSet<IpAddr>>,
    views: Mutex<usize>,
}

async fn serve(mut stream: TcpStream, cluster: Arc<Cluster>) {
    let mut decoder = CommandDecoder::new(Limits::default());
    let mut buffer = BytesMut::new();
    while stream
        .read_buf(&mut buffer)
        .await
        .is_ok_and(|count| count > 0)
    {
        while let Ok(Some(command)) = decoder.decode(&mut buffer) {
            let words: Vec<&[u8]> = command.args().collect();
            let reply: &[u8] = match words[..] {
                [b"HELLO", ..] => b"-ERR unknown command\r\n",
                [b"CLUSTER", b"SLOTS"] => {
                    *cluster.views.lock().unwrap() += 1;
                    &cluster.view
                }
                [b"CLUSTER", b"NODES"] => &cluster.nodes,
                [b"GET", ..] => b"$5\r\nvalue\r\n",
                _ => b"+OK\r\n",
            };
            if stream.write_all(reply).await.is_err() {
                return;
            }
        }
    }
}

/// Fails when sockets are opened to nodes because they are in the map (so it was with
/// a dial for each node in `known` of the facade's `nodes.rs`).
#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_nodes_those_that_are_used_are_dialled() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener
        .local_addr()
        .map(|at: SocketAddr| at.port())
        .unwrap();
    let cluster = Arc::new(Cluster {
        view: view(port).into(),
        nodes: nodes(port).into(),
        dialled: Mutex::default(),
        views: Mutex::default(),
    });
    let all = Arc::clone(&cluster);
    let accepts = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let node = stream.local_addr().unwrap().ip();
            all.dialled.lock().unwrap().insert(node);
            tokio::spawn(serve(stream, Arc::clone(&all)));
        }
    });
    let client = in_time(Client::connect(format!("redis://{}:{port}", address(0))))
        .await
        .unwrap();
    let topology = client.topology();
    assert_eq!(
        (topology.nodes().len(), topology.covered()),
        (NODES, 16_384)
    );
    let keys: Vec<String> = (0..20).map(|n| format!("large:{n}")).collect();
    let mut used = BTreeSet::new();
    for key in &keys {
        assert_eq!(in_time(client.get::<String>(key)).await.unwrap(), "value");
        let owner = address(usize::from(slot_of(key).get()) % SHARDS);
        used.insert(owner.parse::<IpAddr>().unwrap());
    }
    slotline_tests::until("a refresh has come", async || {
        *cluster.views.lock().unwrap() >= 4
    })
    .await;
    let dialled = cluster.dialled.lock().unwrap().clone();
    assert!(used.is_subset(&dialled));
    // Beside those: the seed, and the three that the one refresh has asked.
    let others = dialled.difference(&used).count();
    println!("{} nodes used, {others} others dialled", used.len());
    assert!(others <= 4, "{others} others were dialled");
    accepts.abort();
}
