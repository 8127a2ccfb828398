//! D5: views that are broken, one field after another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use slotline::Client;
use slotline_resp::{Limits, Scanner};
use slotline_testkit::LocalCluster;
use slotline_tests::{binary, in_time, keys_of_slot};

use crate::raw;

/// What a field may be in place of what it was.
const ODD: [&[u8]; 6] = [
    b"_\r\n",
    b"$0\r\n\r\n",
    b"*0\r\n",
    b":-1\r\n",
    b"-ERR x\r\n",
    b":99999999999\r\n",
];

/// Where each frame begins that lies in this one, itself among them, and where it
/// ends.
fn parts(frame: &[u8]) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < frame.len() {
        let len = Scanner::new(Limits::default())
            .scan(&frame[at..])
            .unwrap()
            .unwrap();
        parts.push((at, at + len));
        // Into what holds others, over what does not.
        at += match frame[at] {
            b'*' | b'%' => frame[at..].iter().position(|byte| *byte == b'\n').unwrap() + 1,
            _ => len,
        };
    }
    parts
}

/// Fails when a node that cannot be read takes the others along (`take` in
/// `view/slots.rs`): two shards of three are always described as they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_may_be_broken_at_any_field() {
    let cluster = LocalCluster::builder(&binary())
        .replicas(0)
        .proxied()
        .start()
        .await
        .unwrap();
    let seed = &cluster.nodes()[0];
    let mut stream = raw::open(seed, "3").await;
    let frame = raw::ask(&mut stream, &["CLUSTER", "SLOTS"]).await;
    let parts = parts(&frame);
    assert!(parts.len() > 20, "{} parts", parts.len());
    let told = Arc::new(AtomicUsize::new(0));
    let keys: Vec<String> = [100, 6_000, 16_000]
        .map(|slot| keys_of_slot("bad", slot, 1).concat())
        .into();
    let mut clients = 0;
    // The first part is all of it.
    for (start, end) in &parts[1..] {
        for odd in ODD {
            let bad = [&frame[..*start], odd, &frame[*end..]].concat();
            // From all nodes alike: no other view makes good for it.
            for node in cluster.nodes() {
                let (bad, told) = (bad.clone(), Arc::clone(&told));
                let flow = cluster.proxy(node).unwrap().to_client();
                flow.heal();
                flow.rewrite(move |frame| {
                    let is_view = frame.starts_with(b"*3\r\n*");
                    is_view.then(|| {
                        told.fetch_add(1, Ordering::Relaxed);
                        bad.clone()
                    })
                });
            }
            let before = told.load(Ordering::Relaxed);
            let client = Client::builder()
                .nodes([cluster.url()])
                .timeout(Duration::from_millis(300));
            let client = in_time(client.connect()).await.unwrap();
            assert!(told.load(Ordering::Relaxed) > before, "the view was broken");
            clients += 1;
            let mut served = 0;
            for key in &keys {
                served += usize::from(in_time(client.incr(key)).await.is_ok());
            }
            let what = String::from_utf8_lossy(&bad);
            assert!(served >= 2, "{served} of three shards by {what:?}");
        }
    }
    println!(
        "{clients} clients, {} broken views",
        told.load(Ordering::Relaxed)
    );

    // Of no use at all: told, and not waited for.
    for useless in ["*0\r\n", "_\r\n", "+OK\r\n", "*1\r\n*0\r\n"] {
        let flow = cluster.proxy(seed).unwrap().to_client();
        flow.heal();
        flow.rewrite(move |frame| frame.starts_with(b"*3\r\n*").then(|| useless.into()));
        let client = Client::builder().nodes([cluster.url()]);
        let error = in_time(client.connect()).await.unwrap_err();
        assert!(!error.is_timeout(), "{useless:?}: {error}");
    }
}
