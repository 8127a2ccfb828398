//! Scripts go again only for what a script cannot have made up (D2).

use slotline_pipeline::ReadFrom;
use slotline_topology::slot_of;

use crate::rig::Rig;

const EVAL: &str = "EVAL add-one 1 {k}";

#[tokio::test(start_paused = true)]
async fn a_script_follows_the_redirects_of_its_own_slot() {
    let rig = Rig::new(2, 0);
    rig.fake.move_slot("{k}", 7001);
    assert_eq!(rig.send(&[EVAL]).await, ["1"]);
    assert_eq!(rig.fake.answered("-MOVED"), 1, "the fault took place");

    let rig = Rig::new(2, 0);
    rig.fake.migrate_slot("{k}", 7001);
    assert_eq!(rig.send(&[EVAL]).await, ["1"]);
    assert_eq!(rig.fake.answered("-ASK"), 1, "the fault took place");
    assert_eq!(rig.fake.ran("EVAL"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_script_may_have_said_itself_surfaces() {
    let rig = Rig::new(2, 0);
    let other = slot_of(rig.fake.key(7000, 7));
    for line in [
        format!("MOVED {other} node:7001"),
        format!("ASK {other} node:7001"),
        "LOADING said the script".to_owned(),
        "READONLY said the script".to_owned(),
        "TRYAGAIN said the script".to_owned(),
        "CLUSTERDOWN said the script".to_owned(),
        "MASTERDOWN said the script".to_owned(),
    ] {
        rig.fake.forget_log();
        rig.fake.run_and_refuse(7000, "EVAL", &line, 1);
        assert_eq!(rig.send(&[EVAL]).await, [format!("-{line}")]);
        assert_eq!(rig.fake.ran("EVAL"), 1);
    }
}

/// A replica lets nothing be written, so there is nothing that it could have done.
#[tokio::test(start_paused = true)]
async fn a_script_that_a_replica_let_write_nothing_goes_to_the_primary() {
    let rig = Rig::new(2, 1).read_from(ReadFrom::PreferReplica);
    let line = "READONLY You can't write against a read only replica.";
    rig.fake.refuse(7100, "EVAL_RO", line, 1);
    let outcomes = rig.send(&["EVAL_RO script 1 {k}"]).await;
    assert_eq!(rig.fake.answered("-READONLY"), 1, "the fault took place");
    let lines = ["7100r EVAL_RO script 1 {k}", "7000 EVAL_RO script 1 {k}"];
    assert_eq!(rig.fake.lines(), lines);
    assert_eq!(
        outcomes,
        ["-ERR unknown command"],
        "what the fake knows of it"
    );
}
