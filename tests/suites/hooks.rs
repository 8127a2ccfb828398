//! Init hooks run to the end on every connection before anyone uses it.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use slotline::{Client, Delivery, Discovery, ReadFrom, Setup, hook};
use slotline_testkit::Node;
use slotline_tests::{Monitor, connections_of, kill, on_shared_cluster, server, until};
use tokio::task::JoinSet;

async fn work(client: Client, task: u64, over: Arc<AtomicBool>) -> (u64, Vec<slotline::Error>) {
    let (mut done, mut errors) = (0, Vec::new());
    while !over.load(Ordering::Relaxed) {
        let key = format!("hooked:{task}:{}", done % 50);
        let (set, got) = (
            client.set(&key, "v").await,
            client.get::<Option<String>>(&key).await,
        );
        errors.extend(set.err());
        errors.extend(got.err());
        done += 1;
    }
    (done, errors)
}

async fn kill_again_and_again(nodes: &[Node], name: &str) -> u64 {
    let mut killed = 0;
    for _ in 0..40 {
        for node in nodes {
            killed += kill(node, &connections_of(node, name).await).await;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    killed
}

/// Fails when a connection is lent before its hooks have run (then GET or SET
/// comes before the marks), when a reconnect leaves them out, and when the error
/// of a hook is ignored (then a connection whose hook failed is seen at work).
#[test]
fn hooks_have_run_to_the_end_on_every_connection_before_its_first_command() {
    on_shared_cluster(async |cluster| {
        let runs = Arc::new(AtomicU64::new(0));
        let failures = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&runs);
        let count = hook("count", move |setup: Setup| {
            let run = counting.fetch_add(1, Ordering::Relaxed);
            async move {
                setup.command("ECHO").arg(format!("count:{run}")).await?;
                // Several turns: whoever lends too early is seen.
                for _ in 0..3 {
                    setup.command("ECHO").arg("count:more").await?;
                }
                setup.command("ECHO").arg("count:end").await?;
                Ok(())
            }
        });
        let (turns, failed) = (AtomicU64::new(0), Arc::clone(&failures));
        let moody = hook("moody", move |setup: Setup| {
            // Never twice in a row at one node, so that its callers never hear of it.
            let fails = setup.attempt() == 0 && turns.fetch_add(1, Ordering::Relaxed) % 3 == 2;
            failed.fetch_add(u64::from(fails), Ordering::Relaxed);
            async move {
                if fails {
                    setup.command("ECHO").arg("moody:no").await?;
                    return Err(io::Error::other("not today").into());
                }
                setup.command("ECHO").arg("moody:end").await?;
                Ok(())
            }
        });

        let primary = cluster.owner_of(0).await.expect("an owner");
        let replica = cluster.replica_of(&primary).await.expect("a replica");
        let nodes = [primary, replica];
        let monitors = [
            Monitor::start(&nodes[0]).await,
            Monitor::start(&nodes[1]).await,
        ];
        let client = Client::builder()
            .nodes([cluster.url()])
            .client_name("hooked")
            .read_from(ReadFrom::PreferReplica)
            .init_hook(count)
            .init_hook(moody);
        let client = client.connect().await.expect("connecting");
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for task in 0..16 {
            tasks.spawn(work(client.clone(), task, Arc::clone(&over)));
        }
        let killed = kill_again_and_again(&nodes, "hooked").await;
        over.store(true, Ordering::Relaxed);
        let (mut done, mut ambiguous) = (0, 0);
        while let Some(task) = tasks.join_next().await {
            let (count, errors) = task.expect("a task");
            done += count;
            for error in errors {
                // A SET whose connection was killed under it may have run.
                assert_eq!(error.delivery(), Delivery::Ambiguous, "{error}");
                assert!(error.is_network(), "{error}");
                ambiguous += 1;
            }
        }

        let (mut lent, mut refused) = (0, 0);
        for monitor in &monitors {
            for (address, commands) in monitor.by_client().await {
                let at = |words: &[&str]| commands.iter().position(|entry| entry.begins(words));
                let first = |name| at(&[name]).unwrap_or(usize::MAX);
                let used = first("get").min(first("set")).min(first("cluster"));
                if at(&["echo", "moody:no"]).is_some() {
                    refused += 1;
                    assert_eq!(used, usize::MAX, "{address} was lent: {commands:?}");
                } else if at(&["client", "SETNAME", "hooked"]).is_some() && used != usize::MAX {
                    lent += 1;
                    let marks = [at(&["echo", "count:end"]), at(&["echo", "moody:end"])];
                    assert!(marks[0] < marks[1], "{address}: {commands:?}");
                    assert!(marks[0].is_some(), "{address}: {commands:?}");
                    assert!(marks[1] < Some(used), "{address}: {commands:?}");
                }
            }
        }
        let (runs, failures) = (
            runs.load(Ordering::Relaxed),
            failures.load(Ordering::Relaxed),
        );
        println!(
            "{killed} killed, {runs} runs of the hooks, {failures} failed; {lent} connections \
             lent, {refused} not; {done} rounds, {ambiguous} ambiguous"
        );
        assert!(killed > 20 && failures > 10 && refused > 5 && lent > 20 && done > 500);
        assert!(runs >= killed);
    });
}

/// Fails when the error of a hook is ignored, or does not say which hook it was.
#[tokio::test]
async fn a_hook_that_always_fails_is_named_and_leaves_nothing_connected() {
    let server = server().await;
    let runs = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&runs);
    let never = hook("refuse everybody", move |setup: Setup| {
        counting.fetch_add(1, Ordering::Relaxed);
        async move {
            setup.command("ECHO").arg("no").await?;
            Err(io::Error::other("it is closed on Mondays").into())
        }
    });
    let monitor = Monitor::start(&server).await;
    let fine = hook("fine", |_: Setup| async { Ok(()) });
    let builder = Client::builder()
        .nodes([server.url()])
        .client_name("refused")
        .init_hook(fine)
        .init_hook(never);
    for discovery in [Discovery::Auto, Discovery::Cluster, Discovery::SingleNode] {
        let error = builder.clone().discovery(discovery).connect().await;
        let error = error.expect_err("a client whose hook always fails");
        assert_eq!(error.step(), Some("init hook 2 (refuse everybody)"));
        assert_eq!(error.delivery(), Delivery::NotSent);
        let text = error.to_string();
        assert!(
            text.contains("refuse everybody") && text.contains("Mondays"),
            "{text}"
        );
        assert!(text.contains(&server.address().to_string()), "{text}");
        assert!(
            error
                .source()
                .is_some_and(|source| source.is::<io::Error>()),
            "{error:?}"
        );
    }
    assert!(runs.load(Ordering::Relaxed) >= 3);
    let gone = async || connections_of(&server, "refused").await.is_empty();
    until("nothing is left connected", gone).await;
    let stopped = runs.load(Ordering::Relaxed);
    let used: BTreeSet<String> = monitor
        .seen()
        .await
        .into_iter()
        .filter(|entry| entry.begins(&["cluster"]) || entry.begins(&["ping"]))
        .map(|entry| entry.address)
        .collect();
    assert_eq!(used, BTreeSet::new());
    assert_eq!(stopped, runs.load(Ordering::Relaxed), "it went on dialling");
}
