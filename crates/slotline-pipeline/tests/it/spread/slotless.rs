//! Nodes of the cluster that serve no slot: what is for all is for them too, and
//! nothing else is.

use std::time::Duration;

use slotline_pipeline::{ReadFrom, Refresh, RefreshConfig, Trouble};
use slotline_resp::Delivery;
use tokio::time::sleep;

use crate::fake::endpoint;
use crate::rig::{Rig, call, outcomes};

/// Two primaries of one replica each, and 7005 with 7105, which own nothing: a client
/// hears of them by its next refresh.
async fn joined() -> (Rig, Refresh) {
    let rig = Rig::new(2, 1);
    let config = RefreshConfig::new(vec![endpoint(7000)]);
    let refresh = Refresh::spawn(rig.cluster.clone(), rig.fake.clone(), config);
    rig.fake.join(7005, 7005);
    rig.fake.join(7105, 7005);
    refreshed(&rig).await;
    rig.fake.forget_log();
    (rig, refresh)
}

async fn refreshed(rig: &Rig) {
    rig.cluster.want_refresh();
    sleep(Duration::from_secs(3)).await;
}

/// Where the line went, sorted.
async fn asked(rig: &Rig, line: &str) -> Vec<String> {
    rig.fake.forget_log();
    rig.send_spread(&[line]).await;
    let mut all = rig.fake.lines();
    all.retain(|sent| sent.ends_with(line));
    all.sort_unstable();
    let place = |sent: String| sent.split(' ').next().unwrap_or_default().to_owned();
    all.into_iter().map(place).collect()
}

/// Fails when the merge knows the nodes of CLUSTER SLOTS only.
#[tokio::test(start_paused = true)]
async fn what_is_for_all_is_for_those_without_slots_too() {
    let (rig, _refresh) = joined().await;
    for line in ["FLUSHALL", "INFO", "SCRIPT EXISTS x"] {
        assert_eq!(asked(&rig, line).await, ["7000", "7001", "7005"], "{line}");
    }
    for line in ["CONFIG SET maxmemory 0", "SCRIPT LOAD x"] {
        let all = ["7000", "7001", "7005", "7100r", "7101r", "7105r"];
        assert_eq!(asked(&rig, line).await, all, "{line}");
    }
    // They have no keys.
    for line in ["DBSIZE", "KEYS *", "RANDOMKEY"] {
        assert_eq!(asked(&rig, line).await, ["7000", "7001"], "{line}");
    }
}

/// Fails when they are among the primaries and replicas that take turns.
#[tokio::test(start_paused = true)]
async fn nothing_else_goes_there() {
    let (rig, _refresh) = joined().await;
    for policy in [
        ReadFrom::Primary,
        ReadFrom::PreferReplica,
        ReadFrom::ReplicaOnly,
    ] {
        for key in 0..50 {
            let mut lines = rig.request(&["PING"]).read_from(policy.clone());
            call(rig.spread(), lines).await.unwrap();
            let each = [
                format!("GET {key}"),
                format!("SET {key} 1"),
                "ROLE".to_owned(),
            ];
            let each = each.each_ref().map(String::as_str);
            lines = rig.request(&each).read_from(policy.clone());
            call(rig.spread(), lines).await.unwrap();
        }
    }
    sleep(Duration::from_secs(120)).await;
    let log = rig.fake.log();
    let own = log
        .iter()
        .filter(|entry| [7005, 7105].contains(&entry.port));
    assert_eq!(own.count(), 0);
    assert!(log.len() > 600);
}

/// As of others, until the cluster says that it has left.
#[tokio::test(start_paused = true)]
async fn one_that_is_away_is_named_and_holds_up_nothing_else() {
    let (rig, _refresh) = joined().await;
    rig.fake.set_away(7005, true);
    let response = call(rig.spread(), rig.request(&["FLUSHALL"]))
        .await
        .unwrap();
    let failed = match response.trouble(0) {
        Some(Trouble::Failed(error)) => Some(error),
        _ => None,
    };
    let error = failed.unwrap();
    assert_eq!(error.node(), Some(&endpoint(7005)), "{error}");
    assert_eq!(error.delivery(), Delivery::Ambiguous);
    assert!(error.is_partly_done());
    let probes = rig.cluster.statistics().probes;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.cluster.statistics().probes, probes, "it has no heirs");
    assert_eq!(rig.send_spread(&["DBSIZE", "SET a 1"]).await, ["0", "OK"]);

    rig.fake.forget(7005);
    rig.fake.forget(7105);
    refreshed(&rig).await;
    assert_eq!(rig.send_spread(&["FLUSHALL"]).await, ["OK"]);
    let snapshot = rig.cluster.snapshot();
    assert!(snapshot.topology().find(&endpoint(7005)).is_none());
}

/// It was made a replica before the map heard of it, as a newcomer may be: what it has
/// is its primary's, who may be asked itself.
#[tokio::test(start_paused = true)]
async fn one_that_is_no_primary_any_more_is_left_out() {
    let (rig, _refresh) = joined().await;
    for line in ["FLUSHALL", "INFO", "SCRIPT KILL"] {
        rig.fake
            .refuse(7005, line, "READONLY You can't write against it", 1);
        let sending = tokio::spawn({
            let (spread, request) = (rig.spread(), rig.request(&[line]));
            async move { outcomes(&call(spread, request).await.unwrap()) }
        });
        tokio::task::yield_now().await;
        rig.fake.join(7005, 7000);
        rig.cluster.set_topology(rig.fake.topology());
        let outcome = sending.await.unwrap().remove(0);
        let expected = match line {
            "INFO" => "%2 $9 node:7000 $9 port:7000 $9 node:7001 $9 port:7001",
            "FLUSHALL" => "OK",
            _ => "-NOTBUSY No scripts in execution right now.",
        };
        assert_eq!(outcome, expected);
        assert_eq!(asked(&rig, line).await, ["7000", "7001"], "{line}");
        rig.fake.join(7005, 7005);
        rig.cluster.set_topology(rig.fake.topology());
    }
}
